#!/usr/bin/env python3
"""Real Kafka clusters with all listeners, on the rig's bridge. Within `rig run` only.

    cluster.py start DIR [--kafka 4.3.1|2.8.1] [--address 10.77.0.N] [--brokers N] [--open]
                         [--advertise LISTENER[.ID]=HOST:PORT]...
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

--advertise makes a broker tell clients another address for a listener, such as that of a proxy.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True  # the repository stays free of __pycache__ folders
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "aws")]

import artifacts  # noqa: E402
import bridged  # noqa: E402
import broker  # noqa: E402
import ca  # noqa: E402
import credentials  # noqa: E402
import jvm  # noqa: E402
import settings  # noqa: E402
from jvm import Failed  # noqa: E402
from riglib import places  # noqa: E402
from settings import Listener  # noqa: E402

PORTS = {"plaintext": 9092, "sasl_plaintext": 9093, "ssl": 9094, "sasl_ssl": 9096, "iam": 9098}
PROTOCOLS = {"iam": "SASL_SSL"}  # the others have the names of theirs
REGION = "us-east-1"
ZOOKEEPER = 2181  # in the cluster's own namespace
CONTROLLER = "127.0.0.1:9099"  # likewise

LOG4J = """\
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
"""


class Exists(Failed):
    """There is something in the folder already."""


def name(number, address, region=REGION):
    """A broker's name, as MSK makes it; another for each cluster, so that hosts can know several."""
    return f"b-{number}.rig{address.rsplit('.', 1)[1]}.a1b2c3.c2.kafka.{region}.amazonaws.com"


def addresses(first, count):
    """Consecutive addresses."""
    network, _, last = first.rpartition(".")
    return [f"{network}.{int(last) + number}" for number in range(count)]


def internal(number):
    """A broker's own listener, in the cluster's namespace."""
    return f"127.0.0.1:{19090 + number}"


def start(options):
    """Starts a cluster in a namespace of its own; what a test needs to know."""
    folder = Path(options.dir).resolve()
    if folder.exists():
        raise Exists(f"{folder} exists; stop that cluster first")
    count = options.brokers or (1 if options.kafka == "4.3.1" else 3)
    own = addresses(options.address, count)
    members = {number: (name(number, own[0]), address) for number, address in enumerate(own, 1)}
    folder.mkdir(mode=0o700, parents=True)
    namespace = bridged.Namespace(own, None if options.open else ())
    (folder / "namespace.json").write_text(json.dumps(namespace.state()))
    authority = ca.make(folder / "ca", [f"{host},{address}" for host, address in members.values()], store=False)
    state = run(
        folder, options.kafka, members, namespace.path, authority, credentials.keys(),
        users=credentials.users(), advertise=advertised(options.advertise),
    )
    if options.open:
        bridged.add_names(run_hosts(), names(state), mark(folder))
    return shown(state)


def advertised(words):
    """{(listener, broker): HOST:PORT} of --advertise."""
    found = {}
    for word in words:
        parts = re.fullmatch(r"(\w+)(?:\.(\d+))?=(.+:\d+)", word)
        if not parts or parts[1] not in PORTS:
            raise Failed(f"--advertise {word}: write LISTENER[.ID]=HOST:PORT, LISTENER one of {' '.join(PORTS)}")
        found[parts[1], int(parts[2] or 1)] = parts[3]
    return found


def run(folder, kafka, members, netns, authority, keys, users=None, listeners=tuple(PORTS), advertise=None,
        region=REGION):
    """Starts a cluster's processes in a namespace that is there, and gives it its users; its state.

    members: {id: (name, address)}; keys: those of credentials.py; authority: a folder of ca.py that has
    certificates of these names.
    """
    users, advertise = users or {}, advertise or {}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = Path(os.environ.get("TRUEUP_RIG_CACHE") or places.cache())
    made = artifacts.build(home, ["broker"] if kafka == "4.3.1" else ["kafka-2.8.1", "home-2.8.1"])
    hosts = "".join(f"{address} {host}\n" for host, address in members.values())
    (folder / "hosts").write_text(hosts)
    state = {
        "kafka": kafka, "netns": netns, "ca": str(authority / "ca.pem"), "hosts": str(folder / "hosts"),
        "folder": str(folder), "users": users, "keys": keys,
        "libs": made["broker_libs"] if kafka == "4.3.1" else f"{made['home']}/libs",
        "brokers": [], "records": {}, "listeners": {},
        "internal": ",".join(internal(number) for number in members),
    }
    processes = {}
    try:
        if kafka == "2.8.1":
            processes["zookeeper"] = start_zookeeper(folder, state)
        for number, (host, address) in members.items():
            ways = ways_in(number, host, address, listeners, authority, keys, users, advertise, region)
            write_settings(state, number, len(members), ways)
            processes[number] = launch(state, number)
            state["brokers"].append({
                "id": number, "name": host, "address": address, "pid": processes[number].pid,
                "log": str(home_of(state, number) / "broker.log"),
            })
            for listener in listeners:
                state["listeners"].setdefault(listener, []).append(ways[listener.upper()].advertised)
    finally:
        # Also when one of them could not be started: `stop` reads it.
        state["listeners"] = {way: ",".join(all_) for way, all_ in state["listeners"].items()}
        save(state)
    # While the brokers come up: a second of another JVM, which only hosts with Java need.
    if not (authority / "cacerts").exists():
        ca.java_store(authority)
    for number in members:
        broker.wait(processes[number], home_of(state, number) / "broker.log", netns, internal(number), len(members))
    give_rights(state)
    return state


def ways_in(number, host, address, listeners, authority, keys, users, advertise, region):
    """A broker's listeners, by the names that its settings have for them."""
    ways = {"INTERNAL": Listener("PLAINTEXT", internal(number), internal(number))}
    for listener in listeners:
        protocol = PROTOCOLS.get(listener, listener.upper())
        encrypted = protocol.endswith("SSL")
        mechanisms = {}
        if listener == "iam":
            line = settings.iam_jaas(host, region, credentials.by_access_key(keys))
            mechanisms = {settings.IAM: line}
        elif protocol.startswith("SASL"):
            mechanisms = settings.password_jaas(users)
        port = PORTS[listener]
        ways[listener.upper()] = Listener(
            protocol, f"{address}:{port}",
            advertise.get((listener, number), f"{host if encrypted else address}:{port}"),
            authority / f"{host}.pem" if encrypted else None, mechanisms,
        )
    return ways


def home_of(state, number):
    """The folder of one broker."""
    return Path(state["folder"]) / f"broker-{number}"


def write_settings(state, number, count, ways):
    """A broker's folder, before its first start."""
    folder = home_of(state, number)
    superusers = credentials.superusers(state["users"], state["keys"])
    if state["kafka"] == "4.3.1":
        broker.format_storage(folder)
        values = settings.kraft(folder, ways, "INTERNAL", CONTROLLER, superusers)
    else:
        folder.mkdir()
        (folder / "log4j.properties").write_text(LOG4J)
        values = settings.zookeeper(folder, ways, "INTERNAL", number, count, ZOOKEEPER, superusers)
    (folder / "server.properties").write_text(settings.text(values))


def launch(state, number):
    """Starts a broker's process; its record goes into the state."""
    folder, libs = home_of(state, number), Path(state["libs"])
    if state["kafka"] == "4.3.1":
        program = broker.program(libs, folder)
    else:
        program = old_program("kafka.Kafka", libs, folder, "256m", [jvm.classes(libs, "Iam")])
    process, record = program.start(
        folder / "server.properties", log=folder / "broker.log", where=state["netns"], teach=number == 1
    )
    state["records"][str(number)] = record
    return process


def old_program(main, libs, folder, heap, jars=()):
    """A program of Kafka 2.8.1, which logs with log4j 1."""
    options = [f"-Dlog4j.configuration=file:{folder}/log4j.properties"]
    return jvm.Program(main, libs, jars, heap=heap, options=options)


def start_zookeeper(folder, state):
    """One ZooKeeper; the brokers wait for it by themselves."""
    home = folder / "zookeeper"
    home.mkdir()
    (home / "zoo.cfg").write_text(settings.ZOO_CFG.format(folder=home, port=ZOOKEEPER))
    (home / "log4j.properties").write_text(LOG4J)
    program = old_program("org.apache.zookeeper.server.quorum.QuorumPeerMain", Path(state["libs"]), home, "128m")
    process, record = program.start(home / "zoo.cfg", log=home / "zookeeper.log", where=state["netns"])
    state["records"]["zookeeper"] = record
    return process


def give_rights(state):
    """Users of SCRAM, and what `limited` may do."""
    wanted = {"scram": state["users"], "allow": credentials.rules(state["users"], state["keys"])}
    if any(wanted.values()):
        # Kafka 2 takes users on its controller only.
        address = internal(members(state)["controller"])
        bridged.run(sys.executable, "-IS", HERE / "access.py", address, where=state["netns"],
                    input=json.dumps(wanted))


def save(state):
    """Writes the state down, whole or not at all."""
    file = Path(state["folder"]) / "cluster.json"
    new = file.with_suffix(".new")
    new.write_text(json.dumps(state, indent=1))
    os.replace(new, file)


def load(folder):
    """What `start` left in the folder."""
    try:
        return json.loads((Path(folder) / "cluster.json").read_text())
    except FileNotFoundError:
        raise Failed(f"no cluster in {folder}") from None


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
    state, root = load(folder), Path(host["root"])
    bridged.add_names(root / "etc/hosts", names(state), mark(folder))
    bridged.add_trust(root, Path(state["ca"]).parent)


def ask(state, *words, without=None):
    """Asks the first broker that runs, but for one."""
    for one in state["brokers"]:
        record = state["records"][str(one["id"])]
        if one["id"] != without and jvm.started(record["pid"]) == record["started"] and jvm.alive(record["pid"]):
            return broker.ask(state["netns"], internal(one["id"]), *words)
    raise Failed("no broker runs")


def members(state):
    """{brokers, controller}."""
    return ask(state, "members")


def topics(state):
    """The topics, with partitions, replicas and their own settings."""
    return ask(state, "topics")


def record_of(state, number):
    """The record of a broker's process."""
    try:
        return state["records"][str(number)]
    except KeyError:
        raise Failed(f"no broker {number}; there are: {' '.join(map(str, (b['id'] for b in state['brokers'])))}") from None


def kill(state, number, at_once):
    """Kills one broker. Until the others miss it, they go on naming it as a leader (--at-once)."""
    jvm.end([record_of(state, number)], at_once=True)
    others = [one["id"] for one in state["brokers"] if one["id"] != number]
    if not at_once and others:
        bridged.wait(
            lambda: number not in (seen := ask(state, "members", without=number))["brokers"]
            and seen["controller"] in others,
            f"cluster without broker {number}", seconds=60,
        )


def revive(state, number):
    """Starts a killed broker again, and waits until it is a member again."""
    if jvm.started(record_of(state, number)["pid"]) == state["records"][str(number)]["started"]:
        raise Failed(f"broker {number} runs")
    process = launch(state, number)
    next(one for one in state["brokers"] if one["id"] == number)["pid"] = process.pid
    save(state)
    running = sum(jvm.started(state["records"][str(one["id"])]["pid"]) is not None for one in state["brokers"])
    broker.wait(process, home_of(state, number) / "broker.log", state["netns"], internal(number), running)


def tool(state, script, words):
    """Runs one of the 2.8.1 client's own scripts against the cluster; its exit code."""
    home = artifacts.build(os.environ.get("TRUEUP_RIG_CACHE") or places.cache(), ["kafka-2.8.1", "home-2.8.1"])["home"]
    return subprocess.run([
        *jvm.netns(state["netns"]), f"{home}/bin/{script}", "--bootstrap-server", state["internal"], *words,
    ]).returncode


def stop(folder, at_once=False):
    """Ends all processes of a cluster, and removes its folder."""
    folder = Path(folder).resolve()
    if (folder / "cluster.json").exists():
        records = load(folder)["records"]
        for record in records.values():
            if jvm.started(record["pid"]) == record["started"]:
                os.kill(record["pid"], signal.SIGCONT)  # a paused one would not end
        # ZooKeeper last: brokers that are asked to end want to tell it.
        jvm.end([record for name, record in records.items() if name != "zookeeper"], at_once)
        jvm.end([record for name, record in records.items() if name == "zookeeper"], at_once)
    if (folder / "namespace.json").exists():
        bridged.remove(json.loads((folder / "namespace.json").read_text()))
        bridged.remove_names(places.state() / "etc-hosts", mark(folder))
    shutil.rmtree(folder, ignore_errors=True)


def pause(state, number, stand_still):
    """Stops a broker's process, or lets it go on."""
    os.kill(record_of(state, number)["pid"], signal.SIGSTOP if stand_still else signal.SIGCONT)


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
        state = load(options.dir)
        if options.verb in ("topics", "members"):
            print(json.dumps({"topics": topics, "members": members}[options.verb](state)))
        elif options.verb == "tool":
            return tool(state, options.script, options.words)
        elif options.verb == "kill":
            kill(state, options.id, options.at_once)
        elif options.verb == "revive":
            revive(state, options.id)
        else:
            pause(state, options.id, options.verb == "pause")
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
