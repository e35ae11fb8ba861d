"""Hosts of the rig, their specs, and a way to them that is slow. Everything here runs inside `rig run`."""

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
RIG = REPOSITORY / "tests" / "rig" / "rig"
BROKERS = REPOSITORY / "tests" / "rig" / "broker"
SITE = "http://10.77.0.1:8000"
KAFKA = "kafka_2.12-2.8.1"
JAR = "aws-msk-iam-auth-1.1.5-all.jar"
ROLE = "arn:aws:iam::123456789012:role/0ab336d6fcf7-ec2-access-role"
ROUND_TRIP = 100  # milliseconds, of what is far


def output(*command):
    """What a command prints, which has to succeed."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def digest(algorithm, path):
    """Of a file, as `sha256sum` says it."""
    return output(f"{algorithm}sum", path).split()[0]


class World:
    """What the rows need; each part is made when it is asked for first."""

    def __init__(self, trueup):
        self.trueup = trueup
        self.folder = Path(tempfile.mkdtemp(prefix="trueup-benches."))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "home"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        # For ssh, trueup, Ansible and pyinfra alike.
        os.environ.update(HOME=str(self.home), XDG_STATE_HOME=str(self.home / "state"))
        self.config = self.home / ".ssh" / "config"
        self.known = self.home / ".ssh" / "known_hosts"
        self.config.touch()
        self.hosts = []
        self.files = {}
        self.made = {}
        self.clients = {}

    def once(self, name, make):
        """What `make` gives, made once."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def add(self, name, address, port, record):
        """A name that ssh, and all that read its configuration, knows."""
        with self.config.open("a") as config:
            config.write(
                f"Host {name}\n  HostName {address}\n  Port {port}\n  User {record['user']}\n"
                f"  IdentityFile {record['key']}\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.known}\n"
                f"  GlobalKnownHostsFile /dev/null\n"
            )
        with self.known.open("a") as known:
            known.write(f"{address if port == 22 else f'[{address}]:{port}'} {key(record)}\n")
        return {**record, "name": name, "address": address, "port": port}

    def fleet(self, count):
        """So many hosts."""
        while len(self.hosts) < count:
            name = f"c{len(self.hosts) + 1}"
            record = json.loads(output(RIG, "host", "start", name, "--kind", "amazon"))
            self.hosts.append(self.add(name, record["address"], 22, record))
        return self.hosts[:count]

    def far(self):
        """The first host, a round trip of ROUND_TRIP away."""
        return self.once("far", self.make_far)

    def make_far(self):
        near = self.fleet(1)[0]
        if netem():
            # A host of its own: the delay is on its wire.
            record = json.loads(output(RIG, "host", "start", "far", "--kind", "amazon"))
            delay = ["tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", f"{ROUND_TRIP}ms"]
            output("ip", "netns", "exec", record["netns"], *delay)
            return self.add("far", record["address"], 22, record)
        route = f"127.0.0.1:2022={near['address']}:22"
        command = [sys.executable, HERE / "delay.py", str(ROUND_TRIP), route]
        proxy = subprocess.Popen(command, stdout=subprocess.PIPE)
        atexit.register(proxy.kill)
        proxy.stdout.readline()
        return self.add("far", "127.0.0.1", 2022, near)

    def silent(self):
        """A host that takes connections and says nothing."""
        return self.once("silent", self.make_silent)

    def make_silent(self):
        server = socket.create_server(("127.0.0.1", 2023))
        kept = []

        def take():
            while True:
                kept.append(server.accept())

        threading.Thread(target=take, daemon=True).start()
        return self.add("silent", "127.0.0.1", 2023, self.fleet(1)[0])

    def small(self):
        """A small Kafka and a small jar: what fifty hosts have is in memory."""
        site = Path(os.environ["TRUEUP_RIG_STATE"]) / "site"
        if "small" not in self.made:
            tree = self.folder / KAFKA
            (tree / "bin").mkdir(parents=True)
            (tree / "libs").mkdir()
            for name in ["kafka-run-class.sh", "kafka-topics.sh"]:
                (tree / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
                (tree / "bin" / name).chmod(0o755)
            # What a jar ends with.
            jar = os.urandom(50_000) + b"PK\5\6" + bytes(18)
            # Without one of these it is not whole.
            others = ["kafka-clients-2.8.1", "scala-library-2.12.13", "slf4j-api-1.7.30", "jopt-simple-5.0.4"]
            for name in [KAFKA, *others]:
                (tree / "libs" / f"{name}.jar").write_bytes(jar)
            (site / JAR).write_bytes(jar)
            with tarfile.open(site / f"{KAFKA}.tgz", "w:gz") as archive:
                archive.add(tree, KAFKA)
            self.made["small"] = self.artifacts(site, f"{SITE}/test")
        return self.made["small"]

    def whole(self):
        """The walkthrough's own Kafka and jar."""
        cache = Path(os.environ["TRUEUP_RIG_CACHE"]) / "site"
        return self.once("whole", lambda: self.artifacts(cache, f"{SITE}/files"))

    def artifacts(self, folder, url):
        return {
            "kafka_url": f"{url}/{KAFKA}.tgz", "kafka_sha512": digest("sha512", folder / f"{KAFKA}.tgz"),
            "jar_url": f"{url}/{JAR}", "jar_sha256": digest("sha256", folder / JAR),
        }

    def spec(self, name, hosts, artifacts, java=True):
        """A spec of hosts with the walkthrough's client."""
        lines = ["version: 1", "hosts:"]
        for host in hosts:
            lines.append(
                f"  {host['name']}: {{ ssh: {{ address: {host['address']}, port: {host['port']}, "
                f"user: {host['user']}, key: {{ file: {host['key']} }}, "
                f"host_key: {{ pinned: [\"{key(host)}\"] }} }} }}"
            )
        lines.append("client:")
        if java:
            lines.append('  java: { version: "1.8.0" }')
        lines += [
            f"  kafka: {{ version: 2.8.1, scala: 2.12, url: {artifacts['kafka_url']}, "
            f"sha512: {artifacts['kafka_sha512']} }}",
            f"  msk_iam_auth: {{ version: 1.1.5, url: {artifacts['jar_url']}, "
            f"sha256: {artifacts['jar_sha256']}, role_arn: {ROLE} }}",
            "  classpath: {}",
            "  properties: {}",
        ]
        path = self.folder / f"{name}.yaml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def converged(self, count, java=True):
        """A spec of so many hosts that are as it says."""
        kind = "whole" if java else "small"

        def make():
            hosts = self.fleet(count)
            for host in hosts:
                if self.clients.setdefault(host["name"], kind) != kind:
                    self.reset(host)
                    self.clients[host["name"]] = kind
                    self.made = {name: made for name, made in self.made.items() if not name.startswith("fleet-")}
            spec = self.spec(f"fleet-{count}-{kind}", hosts, self.whole() if java else self.small(), java)
            self.apply(spec)
            return spec

        return self.once(f"fleet-{count}-{kind}", make)

    def apply(self, spec):
        command = [self.trueup, "apply", "--auto-approve", spec]
        applied = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if applied.returncode != 0:
            raise RuntimeError((applied.stdout + applied.stderr)[-2000:])

    def reset(self, host):
        """A host without the client, but for its Java."""
        output(
            RIG, "host", "exec", host["name"], "--user", host["user"], "--", "sh", "-c",
            f"cd; rm -rf {KAFKA} kafka*; sed -i '/^# trueup: CLASSPATH/,/^# trueup: end/d' .bashrc; sync",
        )

    def parallel(self):
        """`--parallel`, where this trueup has it; and what it looks at side by side."""
        has = "--parallel" in output(self.trueup, "plan", "--help")
        return (lambda count: ["--parallel", str(count)]) if has else (lambda count: [])


def key(record):
    """A host's public key, without a comment."""
    return " ".join(record["host_key"].split()[:2])


def netem():
    """Whether this kernel delays packets."""
    command = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "0ms"]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0:
        return False
    output("tc", "qdisc", "del", "dev", "lo", "root")
    return True
