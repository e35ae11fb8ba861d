"""The table: what is done side by side, and what it must reach."""

import json
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import measure, peers, world
from .measure import Absolute, Contender, Ratio

sys.path.insert(0, str(world.BROKERS))
import wire  # noqa: E402

SSH, PLAN, APPLY = "ssh HOST true", "trueup plan", "trueup apply"
SCRIPT, DRY, CHECK = "one shell script", "pyinfra --dry", "Ansible --check"
TOPICS = 1_000
# Why a bar may be missed.
SHELL = "an interactive login shell on a terminal, which alone shows what a person gets, is most of the look"
SHARED = f"{SHELL}; and all hosts share this machine's cores"
UNPACK = "the archive is listed before it is unpacked, each of its files hashed, and everything read again"


@dataclass
class Row:
    """One row of the table."""

    title: str
    bars: list
    contenders: object
    hosts: bool = True
    peers: tuple = ()


ALL = {}


def row(name, title, bars, **more):
    """What a function gives is run side by side."""
    def add(contenders):
        ALL[name] = Row(title, bars, contenders, **more)
        return contenders
    return add


def ssh(here, host, *words):
    return ["ssh", "-F", here.config, "-o", "BatchMode=yes", host["name"], *words]


def plan(here, spec, *more):
    return Contender(PLAN, [here.trueup, "plan", spec, *more])


def no_op(here, host, spec):
    """A plan, an apply, and one script that checks the same."""
    script = (world.HERE / "check.sh").read_text()

    def check():
        command = ssh(here, host, "sh", "-s", "--", here.whole()["jar_sha256"])
        subprocess.run(command, input=script, text=True, check=True, stdout=subprocess.DEVNULL)

    return [
        Contender(SSH, ssh(here, host, "true")),
        Contender(SCRIPT, function=check),
        plan(here, spec),
        Contender(APPLY, [here.trueup, "apply", "--auto-approve", spec]),
    ]


@row("near", "nothing to do, one host", [Ratio(PLAN, SSH, 1.25, SHELL), Ratio(APPLY, SSH, 1.4, SHELL)])
def near(here):
    return no_op(here, here.fleet(1)[0], here.converged(1))


@row("far", "nothing to do, one host, round trips of 100 ms",
     [Ratio(PLAN, SSH, 1.1, SHELL), Ratio(APPLY, SSH, 1.25, SHELL)])
def far(here):
    here.converged(1)
    host = here.far()
    spec = here.spec("far", [host], here.whole())
    here.apply(spec)
    return no_op(here, host, spec)


@row("first", "the first apply, with downloads; Java is there", [Ratio(APPLY, SCRIPT, 1.15, UNPACK)])
def first(here):
    host, artifacts = here.fleet(1)[0], here.whole()
    spec = here.spec("first", [host], artifacts, java=False)
    script = (world.HERE / "apply.sh").read_text()
    words = [artifacts[name] for name in ["kafka_url", "kafka_sha512", "jar_url", "jar_sha256"]]

    def apply():
        command = ssh(here, host, "sh", "-s", "--", *words, world.ROLE)
        subprocess.run(command, input=script, text=True, check=True)

    def reset():
        here.reset(host)

    here.made.pop("fleet-1-whole", None)  # it is not as the other rows have it any more
    return [
        Contender(SCRIPT, function=apply, before=reset),
        Contender(APPLY, [here.trueup, "apply", "--auto-approve", spec], before=reset),
    ]


def fleet(here, count, at_once, java):
    """The same number of `ssh HOST true` at the same parallelism, and a plan."""
    spec = here.converged(count, java)
    hosts = here.fleet(count)

    def every():
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda host: subprocess.run(ssh(here, host, "true"), check=True), hosts))

    return [Contender(SSH, function=every), plan(here, spec, *here.parallel()(at_once))]


def compared(here, count, java=True):
    """pyinfra and Ansible on as many hosts, where they are installed."""
    hosts = here.fleet(count)
    folder = peers.prepare(here, hosts, here.whole() if java else here.small(), java)
    found = []
    if peers.program("pyinfra").exists():
        found.append(Contender(DRY, peers.pyinfra(folder)))
    if peers.program("ansible").exists():
        command, environment = peers.ansible(folder)
        found.append(Contender(CHECK, command, environment=environment))
    return found


@row("one", "nothing to do, one host: plan, pyinfra, Ansible", [Ratio(PLAN, DRY, 1), Ratio(PLAN, CHECK, 1)],
     peers=("pyinfra", "ansible"))
def one(here):
    return [plan(here, here.converged(1)), *compared(here, 1)]


@row("ten", "nothing to do, 10 hosts, 10 at once",
     [Ratio(PLAN, SSH, 1.25, SHARED), Ratio(PLAN, DRY, 1 / 1.7), Ratio(PLAN, CHECK, 1 / 15)], peers=("pyinfra", "ansible"))
def ten(here):
    return [*fleet(here, 10, 10, java=True), *compared(here, 10)]


@row("fifty", "nothing to do, 50 hosts with a small Kafka and no Java, 10 at once", [Ratio(PLAN, SSH, 1.25, SHARED)])
def fifty(here):
    return fleet(here, 50, 10, java=False)


@row("silent", "one silent host of 50, with --timeout 10s",
     [Absolute("with it", 10_500), Ratio("the others", "without it", 1.25)])
def silent(here):
    spec = here.converged(50, java=False)
    hosts = [here.silent(), *here.fleet(49)]
    broken = here.spec("silent", hosts, here.small(), java=False)
    more = ["--timeout", "10s", *here.parallel()(10)]
    taken = {}

    def run():
        # `-v` tells of each host when it has been read.
        command = [here.trueup, "-v", "plan", broken, *more]
        started = measure.time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in child.stderr:
            if line.startswith("call:") and " probe " in line:
                taken["others"] = measure.time.perf_counter() - started
        taken["code"] = child.wait()

    return [
        Contender("without it", [here.trueup, "-v", "plan", spec, *more]),
        Contender("with it", function=run),
        Contender("the others", read=lambda: taken["others"]),
    ]


class Pipe:
    """A stream of ssh's, as a socket that wire.py can use."""

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, api, version, body):
        """A request, and its reply unread."""
        request = struct.pack(">hhi", api, version, 1) + wire.string("bench") + body
        self.child.stdin.write(struct.pack(">i", len(request)) + request)
        self.child.stdin.flush()
        (size,) = struct.unpack(">i", self.child.stdout.read(4))
        if len(self.child.stdout.read(size)) != size:
            raise ConnectionError("the broker closed the connection")

    def close(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.kill()
        self.child.wait()


PAIR, DESCRIBE, TOPICCTL = "Metadata and DescribeConfigs", "kafka-topics.sh --describe", "topicctl --dry-run"


@row("topics", f"{TOPICS} topics, no change",
     [Ratio(PLAN, PAIR, 3), Ratio(PLAN, TOPICCTL, 1 / 10), Ratio(PLAN, DESCRIBE, 1 / 3)], peers=("topicctl",))
def topics(here):
    host = here.fleet(1)[0]
    folder = here.folder / "broker"
    cluster = [world.BROKERS / "cluster.py"]
    said = json.loads(world.output(*cluster, "start", folder, "--open", "--address", "10.77.0.210"))
    world.atexit.register(subprocess.run, [*cluster, "stop", folder])
    broker = said["listeners"]["plaintext"].split(",")[0]
    tables = [f"t{number:04}" for number in range(TOPICS)]
    names = [f"b.{table}" for table in tables]
    spec = here.spec("topics", [host], here.whole())
    text = spec.read_text().split("client:")[0]
    spec.write_text(text + "\n".join([
        "topics:", f'  cluster: {{ bootstrap: "{broker}" }}', "  security: plaintext", '  name: "b.${table}"',
        f"  tables: [{', '.join(tables)}]",
        "  defaults: { partitions: 1, replication_factor: 1, config: { retention.ms: 604800000 } }", "",
    ]))
    here.apply(spec)

    def pair():
        stream = Pipe(ssh(here, host)[:-1] + ["-W", broker, host["name"]])
        stream.ask(wire.METADATA, 7, struct.pack(">ib", -1, 0))
        body = struct.pack(">i", len(names)) + b"".join(
            struct.pack(">b", wire.TOPIC) + wire.string(name) + struct.pack(">i", -1) for name in names)
        stream.ask(wire.DESCRIBE_CONFIGS, 1, body + struct.pack(">b", 0))
        stream.close()

    found = [
        Contender(PAIR, function=pair),
        plan(here, spec),
        Contender(DESCRIBE, [*cluster, "tool", folder, "kafka-topics.sh", "--describe"]),
    ]
    if peers.program("topicctl").exists():
        found.append(Contender(TOPICCTL, peers.topicctl(here, broker, names)))
    return found


def large(here, hosts, tables):
    """A spec of so many hosts and tables."""
    text = (
        "version: 1\nvars: { user_id: u }\nclient:\n  java: { version: 17 }\n"
        f"  kafka: {{ version: 3.8.1, scala: 2.13, sha512: {'0' * 127}1 }}\n"
        f"  msk_iam_auth: {{ version: 2.2.0, sha256: {'0' * 63}1 }}\n  classpath: {{}}\n  properties: {{}}\n"
        'topics:\n  cluster: { bootstrap: "b-1.example:9098" }\n  name: "${user_id}.${table}"\n'
        "  defaults: { partitions: 3, replication_factor: 3 }\n  tables:\n"
    )
    text += "".join(f"    - table_{number}\n" for number in range(tables)) + "hosts:\n"
    text += "".join(f"  c{number}: {{ ssh: {{ address: c{number}.example }} }}\n" for number in range(hosts))
    path = here.folder / f"large-{hosts}-{tables}.yaml"
    path.write_text(text)
    return path


@row("large", "1,000 hosts and 10,000 topics", [Absolute("validate", 300), Absolute("--target", 300)], hosts=False)
def large_specs(here):
    spec, hosts = large(here, 1_000, 10_000), large(here, 1_000, 3)
    # A topic that is not selected ends it before any host is asked.
    select = ["--target", "client/properties", "--allow-delete", "topics/u.left"]
    return [
        Contender("validate", [here.trueup, "validate", spec]),
        Contender("--target", [here.trueup, "plan", hosts, *select], codes=(3,)),
    ]


@row("small", "what does next to nothing", [Absolute("--version", 10, 20), Absolute("validate", 10, 20)], hosts=False)
def small(here):
    return [
        Contender("--version", [here.trueup, "--version"]),
        Contender("validate", [here.trueup, "validate", large(here, 1, 3)]),
    ]


def run(names, trueup, rounds):
    """Runs rows; the exit code."""
    here = world.World(trueup)
    every = True
    for name in names:
        found = ALL[name]
        try:
            times = measure.interleaved(found.contenders(here), found.bars, rounds)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as problem:
            print(f"\n{name}: {found.title}\n  could not be run: {problem}", flush=True)
            every = False
            continue
        every &= measure.show(name, found.title, found.bars, times)
    return 0 if every else 1
