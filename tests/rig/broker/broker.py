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
is signed must be right too (java/rig/Iam.java). FILE after --pem holds a PKCS#8 key and the chain.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "java" / "rig" / "Iam.java"

LOG4J2 = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


class Failed(Exception):
    """The broker could not be started or asked; the text says why."""


def java(tool="java"):
    """`java` or `javac`, by the rule of Kafka's own scripts."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(os.path.join(home, "bin", tool) if home else tool)
    if found is None:
        raise Failed(f"{tool} is not installed; on Debian: apt-get install openjdk-17-jdk-headless")
    return found


def iam_classes(libs):
    """Compiles java/rig/Iam.java once per content; the folder of classes."""
    stamp = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    home = libs.parent / f"iam-{stamp}"
    with open(libs.parent / "iam.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            work = libs.parent / f".iam-{os.getpid()}"
            done = subprocess.run(
                [java("javac"), "-nowarn", "--release", "17", "-cp", f"{libs}/*", "-d", work, SOURCE],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            if done.returncode != 0:
                raise Failed(f"javac failed:\n{done.stdout}")
            os.rename(work, home)
    return home


def jaas(iam_name, region, keys):
    """The broker's JAAS line: what java/rig/Iam.java knows."""
    options = {"host": iam_name, "region": region}
    for key, value in keys.items():
        options[f"secret_{key}"] = value["secret"]
        if value.get("token"):
            options[f"token_{key}"] = value["token"]
    for name, value in options.items():
        if '"' in value or "\\" in value or not re.fullmatch(r"\w+", name):
            raise Failed(f"{name} cannot stand in a JAAS line")
    return "rig.Iam$Login required " + " ".join(f'{n}="{v}"' for n, v in options.items()) + ";"


def settings(folder, options, controller_port):
    """server.properties of the broker."""
    listeners = {"CONTROLLER": f"127.0.0.1:{controller_port}", "PLAIN": options.plaintext}
    advertised = {"PLAIN": options.plaintext}
    protocols = {"CONTROLLER": "PLAINTEXT", "PLAIN": "PLAINTEXT"}
    extra = {}
    if options.iam:
        name, port = options.iam.rsplit(":", 1)
        listeners["IAM"] = f"{options.bind}:{port}"
        advertised["IAM"] = options.iam
        protocols["IAM"] = "SASL_SSL"
        prefix = "listener.name.iam."
        extra = {
            f"{prefix}sasl.enabled.mechanisms": "AWS_MSK_IAM",
            f"{prefix}aws_msk_iam.sasl.jaas.config": jaas(
                name, options.region, json.loads(Path(options.keys).read_text())
            ),
            f"{prefix}aws_msk_iam.sasl.server.callback.handler.class": "rig.Iam$Known",
            f"{prefix}ssl.keystore.type": "PEM",
            f"{prefix}ssl.keystore.location": options.pem,
        }

    def pairs(table, sign):
        return ",".join(f"{name}{sign}{value}" for name, value in table.items())

    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAIN",
        "listeners": pairs(listeners, "://"),
        "advertised.listeners": pairs(advertised, "://"),
        "listener.security.protocol.map": pairs(protocols, ":"),
        "log.dirs": folder / "data",
        # A topic that nobody asked for would hide a fault in the program under test.
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        **extra,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def start(options):
    """Starts the broker and waits until it answers; returns what the caller needs to know."""
    libs = Path(options.libs).resolve()
    folder = Path(options.dir).resolve()
    if folder.exists():
        raise Failed(f"{folder} exists; stop that broker first")
    classpath = f"{libs}/*" if not options.iam else f"{iam_classes(libs)}:{libs}/*"
    # 0700: the settings hold the keys that the broker accepts.
    (folder / "data").mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "server.properties").write_text(settings(folder, options, free_port()))
    (folder / "log4j2.properties").write_text(LOG4J2)
    # What `kafka-storage.sh format` writes, without a JVM of two seconds.
    identity = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    directory = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    (folder / "data" / "meta.properties").write_text(
        f"version=1\ncluster.id={identity}\nnode.id=1\ndirectory.id={directory}\n"
    )
    command = [
        *netns(options.netns), java(), "-Xmx384m", "-Xms64m",
        # Quicker to start, and all that a broker with three topics needs.
        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
        f"-Dlog4j2.configurationFile={folder}/log4j2.properties",
        "-cp", classpath, "kafka.Kafka", str(folder / "server.properties"),
    ]
    log = folder / "broker.log"
    with open(log, "w") as out:
        # A session of its own: Ctrl-C in the caller's terminal is the caller's to handle.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    state = {
        "pid": process.pid, "plaintext": options.plaintext, "iam": options.iam or None,
        "netns": options.netns, "log": str(log),
    }
    (folder / "broker.json").write_text(json.dumps({**state, "started": started(process.pid)}))
    deadline = time.monotonic() + 60
    while True:
        if process.poll() is not None:
            raise Failed(f"the broker ended ({process.returncode}):\n{tail(log)}")
        if answers(state):
            return state
        if time.monotonic() > deadline:
            process.kill()
            raise Failed(f"the broker does not answer after 60 s:\n{tail(log)}")
        time.sleep(0.1)


def free_port():
    """A port of 127.0.0.1 that nobody has, for the controller, which nobody else asks."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def netns(path):
    """The words before a command that is to run in a network namespace.

    A path, not a name: names made inside `ip netns exec` are not seen outside of it.
    """
    return ["nsenter", f"--net={path}"] if path else []


def ask(state, *words):
    """Runs wire.py where the broker's plaintext listener is."""
    return subprocess.run(
        [*netns(state["netns"]), sys.executable, str(HERE / "wire.py"), *words, state["plaintext"]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def answers(state):
    """Whether the broker has registered itself: an open port alone comes a little earlier."""
    return ask(state, "ready").returncode == 0


def started(pid):
    """When a process began, in the kernel's ticks: with the pid, its identity."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        return None


def tail(path, lines=30):
    """The end of a log."""
    return "\n".join(Path(path).read_text(errors="replace").splitlines()[-lines:])


def load(folder):
    """What `start` left in the folder."""
    try:
        return json.loads((Path(folder) / "broker.json").read_text())
    except FileNotFoundError:
        raise Failed(f"no broker in {folder}") from None


def topics(folder):
    """The topics that the broker has, with partitions, replicas and their own settings."""
    done = ask(load(folder), "topics")
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return json.loads(done.stdout)


def stop(folder):
    """Kills the broker, if it is still the process that was started, and removes its folder."""
    folder = Path(folder)
    if not folder.exists():
        return
    if (folder / "broker.json").exists():
        state = load(folder)
        # A pid alone may be somebody else's by now.
        if state["started"] is not None and started(state["pid"]) == state["started"]:
            os.kill(state["pid"], signal.SIGKILL)
            deadline = time.monotonic() + 10
            while alive(state["pid"]) and time.monotonic() < deadline:
                time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def alive(pid):
    """Whether a process runs; a zombie (its parent has not looked yet) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


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
