"""The processes of a cluster: brokers with all listeners, and for Kafka 2.8.1 a ZooKeeper.

`run` starts them in a network namespace that is there (bridged.py) and returns their state, which is
also kept in the cluster's folder: `load`. The other functions take that state. Whoever is not the
command line of cluster.py, such as aws/finale.py, starts here.
"""

import json
import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "aws")]

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


def addresses(first, count):
    """Consecutive addresses."""
    network, _, last = first.rpartition(".")
    return [f"{network}.{int(last) + number}" for number in range(count)]


def internal(number):
    """A broker's own listener, in the cluster's namespace."""
    return f"127.0.0.1:{19090 + number}"


def run(folder, kafka, members, netns, authority, keys, users=None, listeners=tuple(PORTS), advertise=None,
        region=REGION, express=False):
    """Starts a cluster's processes in a namespace that is there, and gives it its users; its state.

    members: {id: (name, address)}; keys: those of credentials.py; authority: a folder of ca.py that has
    certificates of these names; express: with the policies of java/rig/Express.java (2.8.1 only).
    """
    users, advertise = users or {}, advertise or {}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = artifacts.build(places.cache(), ["broker"] if kafka == "4.3.1" else ["kafka-2.8.1", "home-2.8.1"])
    hosts = "".join(f"{address} {host}\n" for host, address in members.values())
    (folder / "hosts").write_text(hosts)
    state = {
        "kafka": kafka, "netns": netns, "ca": str(authority / "ca.pem"), "hosts": str(folder / "hosts"),
        "folder": str(folder), "users": users, "keys": keys, "express": express,
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
        if state["express"]:
            values |= settings.EXPRESS
    (folder / "server.properties").write_text(settings.text(values))


def launch(state, number):
    """Starts a broker's process; its record goes into the state."""
    folder, libs = home_of(state, number), Path(state["libs"])
    if state["kafka"] == "4.3.1":
        program = broker.program(libs, folder)
    else:
        jars = [jvm.classes(libs, name) for name in ["Iam", *(["Express"] if state["express"] else [])]]
        program = old_program("kafka.Kafka", libs, folder, "256m", jars)
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
        wanted["await"] = [f"{one['address']}:{PORTS['sasl_plaintext']}" for one in state["brokers"]]
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


def running(state):
    """Ids of the brokers whose processes run, and are not paused."""
    return [one["id"] for one in state["brokers"] if jvm.runs(record_of(state, one["id"]))]


def ask(state, *words):
    """Asks the first broker that runs."""
    for number in running(state):
        return broker.ask(state["netns"], internal(number), *words)
    raise Failed("no broker runs")


def await_members(state):
    """Waits until every broker that runs knows of those that run, of no other, and of a controller."""
    numbers = running(state)
    for number in numbers:
        log = home_of(state, number) / "broker.log"
        broker.wait(None, log, state["netns"], internal(number), len(numbers))


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
        there = " ".join(str(one["id"]) for one in state["brokers"])
        raise Failed(f"no broker {number}; there are: {there}") from None


def kill(state, number, at_once):
    """Kills one broker. Until the others miss it, they go on naming it as a leader (--at-once)."""
    jvm.end([record_of(state, number)], at_once=True)
    if not at_once and running(state):
        await_members(state)


def revive(state, number):
    """Starts a killed broker again, and waits until all know it again."""
    if jvm.runs(record_of(state, number)):
        raise Failed(f"broker {number} runs")
    process = launch(state, number)
    next(one for one in state["brokers"] if one["id"] == number)["pid"] = process.pid
    save(state)
    log = home_of(state, number) / "broker.log"
    broker.wait(process, log, state["netns"], internal(number), len(running(state)))
    await_members(state)


def pause(state, number, stand_still):
    """Stops a broker's process, or lets it go on."""
    record = record_of(state, number)
    if jvm.started(record["pid"]) != record["started"]:
        raise Failed(f"broker {number} does not run")
    os.kill(record["pid"], signal.SIGSTOP if stand_still else signal.SIGCONT)


def end(folder, at_once=False):
    """Ends all processes of a cluster."""
    if not (Path(folder) / "cluster.json").exists():
        return
    records = load(folder)["records"]
    for record in records.values():
        if jvm.started(record["pid"]) == record["started"]:
            os.kill(record["pid"], signal.SIGCONT)  # a paused one would not end
    # ZooKeeper last: brokers that are asked to end want to tell it.
    jvm.end([record for name, record in records.items() if name != "zookeeper"], at_once)
    jvm.end([record for name, record in records.items() if name == "zookeeper"], at_once)
