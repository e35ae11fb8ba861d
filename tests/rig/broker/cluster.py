#!/usr/bin/env python3
"""Real Kafka clusters with all listeners, on the rig's bridge. Within `rig run` only.

    cluster.py start DIR [--kafka 4.3.1|2.8.1] [--address 10.77.0.N] [--brokers N] [--open]
                         [--express] [--advertise LISTENER[.ID]=HOST:PORT]...
    cluster.py introduce DIR HOST       tells a host the brokers' names and authority; HOST is the JSON
                                        of `rig host start`, or `-` to read it from stdin
    cluster.py topics DIR               {NAME: {partitions, replication_factor, config}}
    cluster.py members DIR              {brokers: [ID], controller: ID}, as a broker says
    cluster.py kill DIR ID [--at-once]  kills a broker (-9), and waits until the others miss it
    cluster.py revive DIR ID            starts it again with the same disk
    cluster.py pause DIR ID             stops its process: connections open, and nothing answers
    cluster.py resume DIR ID
    cluster.py tool DIR SCRIPT WORDS... runs a script of Kafka 2.8.1, such as kafka-topics.sh --describe
    cluster.py stop DIR                 ends all of it, and removes DIR
    cluster.py selfcheck [VERSION...]   starts each, and tries every listener with Java's own client

4.3.1 is one node with KRaft, 2.8.1 is ZooKeeper and three brokers (ids from 1, as Amazon MSK counts).
The brokers are in a network namespace of their own and have the addresses 10.77.0.N, N+1 and so on
(default: 210), which drop what comes from the rig's controller: only hosts reach them. With --open
everybody does, and the run's own /etc/hosts knows their names. Several clusters may run at once, each
with its folder and its addresses.

`start` prints one line of JSON:

    kafka, netns, ca, hosts     `ca` is a PEM file, `hosts` the brokers' names as in /etc/hosts
    listeners    {plaintext, sasl_plaintext, ssl, sasl_ssl, iam}: bootstrap strings (ports 9092, 9093,
                 9094, 9096, 9098). Those with TLS are advertised under names, the others under
                 addresses. sasl_*: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; iam: AWS_MSK_IAM.
    users, keys  see credentials.py
    brokers      [{id, name, address, pid, log}]
    internal     plaintext listeners on 127.0.0.1, in `netns` only: for those who check on the brokers

With --express (2.8.1 only) the brokers refuse what MSK's Express brokers do: see java/rig/Express.java.
--advertise makes a broker tell clients another address for a listener. With a proxy before it:

    cluster.py start DIR --open --address 10.77.0.210 --advertise plaintext=10.77.0.1:19092
    proxy.py start DIR/proxy 10.77.0.1:19092=10.77.0.210:9092

What stands beside it: brokers.py (the processes), settings.py (their settings), credentials.py and
access.py (who may do what), bridged.py (the namespace), jvm.py (Java), java/rig (what runs in Java),
wire.py (a small client of our own), oracle.py (Java's client), proxy.py, checks.py (the selfcheck);
broker.py is one broker outside of `rig run`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "aws")]

import artifacts  # noqa: E402
import bridged  # noqa: E402
import brokers  # noqa: E402
import ca  # noqa: E402
import credentials  # noqa: E402
import jvm  # noqa: E402
from jvm import Failed  # noqa: E402
from riglib import places  # noqa: E402


class Exists(Failed):
    """There is something in the folder already."""


def name(number, address, region=brokers.REGION):
    """A broker's name, as MSK makes it; another for each cluster, so that hosts can know several."""
    return f"b-{number}.rig{address.rsplit('.', 1)[1]}.a1b2c3.c2.kafka.{region}.amazonaws.com"


def start(options):
    """Starts a cluster in a namespace of its own; what a test needs to know."""
    folder = Path(options.dir).resolve()
    if folder.exists():
        raise Exists(f"{folder} exists; stop that cluster first")
    count = options.brokers or (1 if options.kafka == "4.3.1" else 3)
    own = brokers.addresses(options.address, count)
    members = {number: (name(number, own[0]), address) for number, address in enumerate(own, 1)}
    folder.mkdir(mode=0o700, parents=True)
    namespace = bridged.Namespace(own, None if options.open else ())
    (folder / "namespace.json").write_text(json.dumps(namespace.state()))
    authority = ca.make(folder / "ca", [f"{host},{address}" for host, address in members.values()], store=False)
    state = brokers.run(
        folder, options.kafka, members, namespace.path, authority, credentials.keys(),
        users=credentials.users(), advertise=advertised(options.advertise), express=options.express,
    )
    if options.open:
        bridged.add_names(run_hosts(), names(state), mark(folder))
    return shown(state)


def advertised(words):
    """{(listener, broker): HOST:PORT} of --advertise."""
    found = {}
    for word in words:
        parts = re.fullmatch(r"(\w+)(?:\.(\d+))?=(.+:\d+)", word)
        if not parts or parts[1] not in brokers.PORTS:
            raise Failed(f"--advertise {word}: write LISTENER[.ID]=HOST:PORT, LISTENER one of {' '.join(brokers.PORTS)}")
        found[parts[1], int(parts[2] or 1)] = parts[3]
    return found


def shown(state):
    """The state without what is this module's own."""
    return {name: value for name, value in state.items() if name not in ("records", "libs")}


def names(state):
    """(address, name) of each broker."""
    return [(one["address"], one["name"]) for one in state["brokers"]]


def mark(folder):
    """Ends the lines that this cluster puts into an /etc/hosts."""
    return f"# trueup rig: {Path(folder).resolve()}"


def run_hosts():
    """The /etc/hosts of this run, which is not the machine's: see riglib/run.py."""
    file = places.state() / "etc-hosts"
    if not file.exists():
        raise Failed("this run has no /etc/hosts of its own; start it with this version's `rig run`")
    return file


def introduce(folder, host):
    """Tells a host the brokers' names and authority."""
    state, root = brokers.load(folder), Path(host["root"])
    bridged.add_names(root / "etc/hosts", names(state), mark(folder))
    bridged.add_trust(root, Path(state["ca"]).parent)


def tool(state, script, words):
    """Runs one of the 2.8.1 client's own scripts against the cluster; its exit code."""
    home = artifacts.build(places.cache(), ["kafka-2.8.1", "home-2.8.1"])["home"]
    return subprocess.run([
        *jvm.netns(state["netns"]), f"{home}/bin/{script}", "--bootstrap-server", state["internal"], *words,
    ]).returncode


def stop(folder, at_once=False):
    """Ends all processes of a cluster, and removes its folder."""
    folder = Path(folder).resolve()
    brokers.end(folder, at_once)
    if (folder / "namespace.json").exists():
        bridged.remove(json.loads((folder / "namespace.json").read_text()))
        bridged.remove_names(places.state() / "etc-hosts", mark(folder))
    shutil.rmtree(folder, ignore_errors=True)


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("start")
    verb.add_argument("dir")
    verb.add_argument("--kafka", choices=["4.3.1", "2.8.1"], default="4.3.1")
    verb.add_argument("--address", default="10.77.0.210")
    verb.add_argument("--brokers", type=int, help="2.8.1 only; default 3")
    verb.add_argument("--open", action="store_true")
    verb.add_argument("--express", action="store_true")
    verb.add_argument("--advertise", action="append", default=[], metavar="LISTENER[.ID]=HOST:PORT")
    verb = verbs.add_parser("introduce")
    verb.add_argument("dir")
    verb.add_argument("host")
    for text in ("topics", "members", "stop"):
        verbs.add_parser(text).add_argument("dir")
    for text in ("kill", "revive", "pause", "resume"):
        verb = verbs.add_parser(text)
        verb.add_argument("dir")
        verb.add_argument("id", type=int)
        if text == "kill":
            verb.add_argument("--at-once", action="store_true", help="do not wait until it is missed")
    verb = verbs.add_parser("tool")
    verb.add_argument("dir")
    verb.add_argument("script")
    verb.add_argument("words", nargs=argparse.REMAINDER)
    verbs.add_parser("selfcheck").add_argument("versions", nargs="*", metavar="VERSION")
    options = parser.parse_args(words)
    if options.verb == "start" and options.kafka == "4.3.1" and options.brokers not in (None, 1):
        parser.error("--brokers: 4.3.1 has one")
    if options.verb == "start" and options.express and options.kafka != "2.8.1":
        parser.error("--express: with 2.8.1, which has the three brokers that it takes")
    return options


def perform(options):
    """One verb; the exit code."""
    if options.verb == "start":
        try:
            print(json.dumps(start(options)))
        except Exists:
            raise
        except BaseException:
            # A half cluster would be in the way of the next.
            if not os.environ.get("TRUEUP_RIG_KEEP"):
                stop(options.dir, at_once=True)
            raise
    elif options.verb == "stop":
        stop(options.dir)
    elif options.verb == "selfcheck":
        import checks
        return checks.main(options.versions)
    elif options.verb == "introduce":
        introduce(options.dir, json.loads(sys.stdin.read() if options.host == "-" else options.host))
    else:
        state = brokers.load(options.dir)
        if options.verb in ("topics", "members"):
            print(json.dumps(getattr(brokers, options.verb)(state)))
        elif options.verb == "tool":
            return tool(state, options.script, options.words)
        elif options.verb == "kill":
            brokers.kill(state, options.id, options.at_once)
        elif options.verb == "revive":
            brokers.revive(state, options.id)
        else:
            brokers.pause(state, options.id, options.verb == "pause")
    return 0


def main():
    """Runs one verb; the exit code."""
    try:
        return perform(arguments())
    except (Failed, artifacts.Failed, places.Failed, RuntimeError) as problem:
        print(f"cluster: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
