#!/usr/bin/env python3
"""A real Kafka broker (4.3.1, KRaft, one node) in a folder of its own.

    broker.py start DIR --libs LIBS [--netns PATH] [--plaintext ADDRESS:PORT]
                    [--iam NAME:PORT --bind ADDRESS --pem FILE --keys FILE --region REGION]
    broker.py topics DIR            what topics are there, as JSON
    broker.py stop DIR

`start` returns when the broker answers, and prints {pid, plaintext, iam, log} as one JSON line.
Everything it writes is under DIR, which `stop` removes. PATH is a network namespace, such as
/proc/PID/ns/net.

The plaintext listener is the broker's own (and `topics`'), by default on 127.0.0.1 in its network
namespace. The IAM listener is that of Amazon MSK: TLS with SASL mechanism AWS_MSK_IAM, advertised
under NAME. FILE after --keys is JSON: {ACCESS_KEY: {"secret": ..., "token": ... or null}}; what else
is signed must be right too (java/rig/Iam.java). An access key that also has "refusal" is refused with
that text, such as `Access denied`, however rightly it signs. FILE after --pem holds a PKCS#8 key and
the chain. Brokers with all listeners, or three of them: cluster.py.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path.insert(0, str(HERE))

import jvm  # noqa: E402
import settings  # noqa: E402
from jvm import Failed, netns, tail  # noqa: E402
from settings import Listener  # noqa: E402

LOG4J2 = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


def program(libs, folder, iam=True):
    """Kafka 4, with the mechanism of Iam.java."""
    return jvm.Program(
        # To compile it needs a JDK, which a machine with only this broker may lack.
        "kafka.Kafka", libs, [jvm.classes(libs, "Iam")] if iam else [], heap="384m",
        options=[f"-Dlog4j2.configurationFile={folder}/log4j2.properties"],
    )


def format_storage(folder):
    """What `kafka-storage.sh format` writes, without a JVM of two seconds."""
    (folder / "data").mkdir(parents=True)
    identity, directory = (urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in range(2))
    (folder / "data" / "meta.properties").write_text(
        f"version=1\ncluster.id={identity}\nnode.id=1\ndirectory.id={directory}\n"
    )
    (folder / "log4j2.properties").write_text(LOG4J2)


def start(options):
    """Starts the broker and waits until it answers; returns what the caller needs to know."""
    libs = Path(options.libs).resolve()
    folder = Path(options.dir).resolve()
    if folder.exists():
        raise Failed(f"{folder} exists; stop that broker first")
    listeners = {"PLAIN": Listener("PLAINTEXT", options.plaintext, options.plaintext)}
    if options.iam:
        name, port = options.iam.rsplit(":", 1)
        line = settings.iam_jaas(name, options.region, json.loads(Path(options.keys).read_text()))
        listeners["IAM"] = Listener(
            "SASL_SSL", f"{options.bind}:{port}", options.iam, options.pem, {settings.IAM: line}
        )
    # 0700: the settings hold the keys that the broker accepts.
    folder.mkdir(mode=0o700, parents=True)
    format_storage(folder)
    (folder / "server.properties").write_text(settings.text(
        settings.kraft(folder, listeners, "PLAIN", f"127.0.0.1:{free_port()}")
    ))
    log = folder / "broker.log"
    process, record = program(libs, folder, bool(options.iam)).start(
        folder / "server.properties", log=log, where=options.netns
    )
    state = {
        "pid": process.pid, "plaintext": options.plaintext, "iam": options.iam or None,
        "netns": options.netns, "log": str(log),
    }
    (folder / "broker.json").write_text(json.dumps({**state, "record": record}))
    wait(process, log, options.netns, options.plaintext)
    return state


def free_port():
    """A port of 127.0.0.1 that nobody has, for the controller, which nobody else asks."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(process, log, where, address, brokers=1, seconds=90):
    """Waits until the broker has registered itself: an open port alone comes a little earlier."""
    asking = subprocess.Popen(
        [*netns(where), sys.executable, "-IS", str(HERE / "wire.py"), "ready", address, str(seconds), str(brokers)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            ready = asking.wait(0.2) == 0
        except subprocess.TimeoutExpired:
            if process is None or process.poll() is None:
                continue
            asking.kill()
            asking.wait()
            raise Failed(f"the broker ended ({process.returncode}):\n{tail(log)}") from None
        if ready:
            return
        raise Failed(f"the broker does not answer after {seconds} s:\n{tail(log)}")


def ask(where, address, *words):
    """Runs wire.py where a plaintext listener is; what it prints."""
    done = subprocess.run(
        [*netns(where), sys.executable, "-IS", str(HERE / "wire.py"), words[0], address, *map(str, words[1:])],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return json.loads(done.stdout or "null")


def load(folder):
    """What `start` left in the folder."""
    try:
        return json.loads((Path(folder) / "broker.json").read_text())
    except FileNotFoundError:
        raise Failed(f"no broker in {folder}") from None


def topics(folder):
    """The topics that the broker has, with partitions, replicas and their own settings."""
    state = load(folder)
    return ask(state["netns"], state["plaintext"], "topics")


def stop(folder):
    """Ends the broker, if it is still the process that was started, and removes its folder."""
    folder = Path(folder)
    if (folder / "broker.json").exists():
        jvm.end([load(folder)["record"]])
    shutil.rmtree(folder, ignore_errors=True)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("start")
    verb.add_argument("dir")
    verb.add_argument("--libs", required=True)
    verb.add_argument("--netns")
    verb.add_argument("--plaintext", default="127.0.0.1:9092")
    verb.add_argument("--iam", metavar="NAME:PORT")
    verb.add_argument("--bind", default="0.0.0.0")
    verb.add_argument("--pem")
    verb.add_argument("--keys")
    verb.add_argument("--region", default="us-east-1")
    for name in ("topics", "stop"):
        verbs.add_parser(name).add_argument("dir")
    options = parser.parse_args()
    if options.verb == "start" and options.iam and not (options.pem and options.keys):
        parser.error("--iam needs --pem and --keys")
    try:
        if options.verb == "stop":
            stop(options.dir)
        else:
            print(json.dumps(start(options) if options.verb == "start" else topics(options.dir)))
    except Failed as problem:
        print(f"broker: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
