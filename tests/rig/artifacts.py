#!/usr/bin/env python3
"""Makes the files that the rig serves and runs, out of real parts on Maven Central.

    artifacts.py CACHE [WHAT...]        WHAT: kafka-2.8.1 home-2.8.1 jar-1.1.5 jar-1.1.1 broker

leaves in CACHE

    site/kafka_2.12-2.8.1.tgz           the walkthrough's Kafka; .sha512 (bare hex) beside it
    site/aws-msk-iam-auth-1.1.5-all.jar AWS's own jar; .sha256 (bare hex) beside it; 1.1.1 likewise
    kafka_2.12-2.8.1                    that Kafka unpacked, to run old brokers and its scripts here
    kafka-4.3.1/libs                    a current Kafka, to run a broker

and prints them as one JSON line. What is there already and was made by the same recipe is not made
again. Several processes may call this at once: a file lock lets one of them work.

Apache's own archives are on no package registry, its jars are. So `libs/` is Apache's, jar by jar,
and `bin/` and `config/` are short stand-ins written here, with the behaviour that matters to a
client: the caller's CLASSPATH comes first, JAVA_HOME wins over PATH, KAFKA_HEAP_OPTS is heard.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KAFKA = "kafka_2.12-2.8.1"
BROKER = "kafka-4.3.1"

# Digests of AWS's jars as published; a mirror that serves anything else is refused.
JARS = {
    "1.1.1": "5bbdf858063cbc634266723d34e6b5827d5dd94cca48a7513a77387bb0c74f70",
    "1.1.5": "ef21705509d82b5b8f673a5cb7552d64c7e18001a6329d49c850ff2fef83b8ab",
}

# The plugin is pinned: another version may leave other files behind.
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"

CLIENT_LIBS = ["org.apache.kafka:kafka_2.12:2.8.1", "org.slf4j:slf4j-log4j12:1.7.30"]
BROKER_LIBS = [
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.kafka:kafka-tools:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
]

RUN_CLASS = """\
#!/bin/bash
# A stand-in for Apache Kafka's script of this name, written for the test rig of trueup.
if [ $# -lt 1 ]; then
  echo "USAGE: $0 [-daemon] [-name servicename] [-loggc] classname [opts]"
  exit 1
fi
base_dir=$(cd "$(dirname "$0")/.." && pwd) || exit 1

# What the caller exported comes first, so a stale export wins over a new jar; then every file of the
# folder, whatever it is called, but for a few endings: as in Kafka.
for file in "$base_dir"/libs/*; do
  case $file in
    *-test.jar|*-test-sources.jar|*-src.jar|*-scaladoc.jar|*-javadoc.jar|*jar.asc) ;;
    *) CLASSPATH="$CLASSPATH:$file" ;;
  esac
done
CLASSPATH="${CLASSPATH#:}"

if [ -z "$JAVA_HOME" ]; then JAVA=java; else JAVA="$JAVA_HOME/bin/java"; fi
if [ -z "$KAFKA_HEAP_OPTS" ]; then KAFKA_HEAP_OPTS="-Xmx256M"; fi
if [ -z "$KAFKA_LOG4J_OPTS" ]; then
  KAFKA_LOG4J_OPTS="-Dlog4j.configuration=file:$base_dir/config/tools-log4j.properties"
fi
if [ -z "$KAFKA_JVM_PERFORMANCE_OPTS" ]; then
  # Kafka's own are G1 and the optimizing compiler, which cost a tool that runs for a second most of its time.
  KAFKA_JVM_PERFORMANCE_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.awt.headless=true"
fi

# Unquoted on purpose: these variables hold several options each.
exec "$JAVA" $KAFKA_HEAP_OPTS $KAFKA_JVM_PERFORMANCE_OPTS $KAFKA_LOG4J_OPTS \\
  -cp "$CLASSPATH" $KAFKA_OPTS "$@"
"""

TOOL = """\
#!/bin/bash
{heap}exec "$(dirname "$0")/kafka-run-class.sh" {main} "$@"
"""

HEAP = """\
if [ "x$KAFKA_HEAP_OPTS" = "x" ]; then export KAFKA_HEAP_OPTS="-Xmx{}"; fi
"""

# Script: class and default heap (None: that of kafka-run-class.sh).
TOOLS = {
    "kafka-acls.sh": ("kafka.admin.AclCommand", None),
    "kafka-broker-api-versions.sh": ("kafka.admin.BrokerApiVersionsCommand", None),
    "kafka-configs.sh": ("kafka.admin.ConfigCommand", None),
    "kafka-console-consumer.sh": ("kafka.tools.ConsoleConsumer", "512M"),
    "kafka-console-producer.sh": ("kafka.tools.ConsoleProducer", "512M"),
    "kafka-consumer-groups.sh": ("kafka.admin.ConsumerGroupCommand", None),
    "kafka-delete-records.sh": ("kafka.admin.DeleteRecordsCommand", None),
    "kafka-get-offsets.sh": ("kafka.tools.GetOffsetShell", None),
    "kafka-reassign-partitions.sh": ("kafka.admin.ReassignPartitionsCommand", None),
    "kafka-server-start.sh": ("kafka.Kafka", "1G"),
    "kafka-topics.sh": ("kafka.admin.TopicCommand", None),
}

LOG4J = """\
log4j.rootLogger={level}, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.appender.stderr.Target=System.err
"""

CONFIG = {
    "tools-log4j.properties": LOG4J.format(level="WARN"),
    "log4j.properties": LOG4J.format(level="INFO"),
    "consumer.properties": "bootstrap.servers=localhost:9092\ngroup.id=test-consumer-group\n",
    "producer.properties": "bootstrap.servers=localhost:9092\ncompression.type=none\n",
    "server.properties": (
        "broker.id=0\nlog.dirs=/tmp/kafka-logs\nnum.partitions=1\n"
        "zookeeper.connect=localhost:2181\n"
    ),
}

NOTE = (
    "A stand-in for Apache Kafka 2.8.1's file of this name. libs/ holds the jars of Apache Kafka\n"
    "and what it depends on, from Maven Central, each under its own licence (see META-INF in it).\n"
    "bin/ and config/ were written for the test rig of trueup.\n"
)


class Failed(Exception):
    """Something outside this program failed; the text says what and what to do."""


def tree():
    """Everything in the archive but `libs/`: path to (content, mode)."""
    files = {"LICENSE": (NOTE, 0o644), "NOTICE": (NOTE, 0o644)}
    files["bin/kafka-run-class.sh"] = (RUN_CLASS, 0o755)
    for name, (main, heap) in TOOLS.items():
        text = TOOL.format(main=main, heap=HEAP.format(heap) if heap else "")
        files[f"bin/{name}"] = (text, 0o755)
    for name, text in CONFIG.items():
        files[f"config/{name}"] = (text, 0o644)
    return files


def pom(libraries):
    """A Maven project that depends on `libraries` (group:artifact:version) and builds nothing."""
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *library.split(":")
        )
        for library in libraries
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>rig</groupId><artifactId>libs</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>\n"
    )


def maven(goal, *options, cwd):
    """Runs one goal of the dependency plugin, in silence unless it fails."""
    mvn = shutil.which("mvn")
    if mvn is None:
        raise Failed("mvn is not installed; on Debian: apt-get install maven")
    command = [mvn, "-B", "-q", "-ntp", f"{PLUGIN}:{goal}", *options]
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    if done.returncode != 0:
        # Maven names the artifact and the repository in its first ERROR lines; the rest is advice.
        lines = [line for line in done.stdout.splitlines() if "ERROR" in line] or done.stdout.splitlines()
        raise Failed(
            f"Maven could not fetch from its repository (exit {done.returncode}); is Maven Central, "
            f"or the mirror in ~/.m2/settings.xml, reachable?\n  " + "\n  ".join(lines[:6])
        )


def copy_libraries(libraries, into):
    """Puts `libraries` and all that they need at run time into the folder `into`."""
    into.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="trueup-pom-") as project:
        Path(project, "pom.xml").write_text(pom(libraries))
        maven(
            "copy-dependencies", f"-DoutputDirectory={into}", "-DincludeScope=runtime", cwd=project
        )


def digest(path, name):
    """The hex digest of a file, read in pieces."""
    state = hashlib.new(name)
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            state.update(piece)
    return state.hexdigest()


def make_archive(work, site):
    """The client's archive: the same bytes from the same jars, so that a spec can pin its digest."""
    top = work / KAFKA
    for path, (text, mode) in tree().items():
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
    copy_libraries(CLIENT_LIBS, top / "libs")
    # Modes are those of tree() and 0644, whatever the umask; owner, time and order say nothing
    # of this machine. `gzip -n` leaves out name and time.
    for folder in [top, *(path for path in top.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    for jar in (top / "libs").iterdir():
        jar.chmod(0o644)
    archive = work / f"{KAFKA}.tgz"
    with open(archive, "wb") as out:
        tar = subprocess.Popen(
            ["tar", "--create", "--format=ustar", "--sort=name", "--mtime=@1631000000",
             "--owner=0", "--group=0", "--numeric-owner", "-C", work, KAFKA],
            stdout=subprocess.PIPE,
        )
        zipped = subprocess.run(["gzip", "-n", "-6"], stdin=tar.stdout, stdout=out)
        tar.stdout.close()
        if tar.wait() != 0 or zipped.returncode != 0:
            raise Failed("tar or gzip failed; is the disk full?")
    publish(archive, site / archive.name, "sha512")


def make_jar(version, work, site):
    """AWS's jar, checked against its published digest."""
    name = f"aws-msk-iam-auth-{version}-all.jar"
    maven(
        "copy", f"-Dartifact=software.amazon.msk:aws-msk-iam-auth:{version}:jar:all",
        f"-DoutputDirectory={work}", cwd=work,
    )
    found = digest(work / name, "sha256")
    if found != JARS[version]:
        raise Failed(f"{name}: sha256 is {found}, expected {JARS[version]}")
    (work / name).chmod(0o644)
    publish(work / name, site / name, "sha256")


def make_broker(work, cache):
    """The libraries of a current broker; its settings are the rig's own affair."""
    copy_libraries(BROKER_LIBS, work / BROKER / "libs")
    home = cache / BROKER
    if home.exists():
        os.rename(home, work / "old")
    os.rename(work / BROKER, home)


def unpack(archive, work, cache):
    """The client's archive as a folder of the cache, beside which the rig keeps what it compiles."""
    done = subprocess.run(["tar", "-xzf", archive, "-C", work], stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed("tar failed; is the disk full?")
    home = cache / KAFKA
    if home.exists():
        os.rename(home, work / "old")
    os.rename(work / KAFKA, home)


def publish(made, target, algorithm):
    """Moves a finished file into place, its digest beside it."""
    side = made.with_name(f"{made.name}.{algorithm}")
    side.write_text(digest(made, algorithm) + "\n")
    os.replace(made, target)
    os.replace(side, target.with_name(side.name))


def recipes(cache):
    """What can be made: name to (what its bytes follow from, what must exist, how to make it)."""
    site = cache / "site"
    archive = site / f"{KAFKA}.tgz"
    all_ = {
        "kafka-2.8.1": (
            [PLUGIN, CLIENT_LIBS, sorted(tree().items()), "ustar gzip-6 1"],
            [archive, archive.with_name(f"{archive.name}.sha512")],
            lambda work: make_archive(work, site),
        ),
    }
    all_["home-2.8.1"] = (
        all_["kafka-2.8.1"][0], [cache / KAFKA / "libs"], lambda work: unpack(archive, work, cache),
    )
    for version, sha256 in JARS.items():
        jar = site / f"aws-msk-iam-auth-{version}-all.jar"
        all_[f"jar-{version}"] = (
            [sha256],
            [jar, jar.with_name(f"{jar.name}.sha256")],
            lambda work, version=version: make_jar(version, work, site),
        )
    all_["broker"] = (
        [PLUGIN, BROKER_LIBS],
        [cache / BROKER / "libs"],
        lambda work: make_broker(work, cache),
    )
    return all_


def build(cache, what=None, say=lambda text: None):
    """Makes `what` (default: all) under `cache` unless it is there; returns where things are."""
    cache = Path(cache).resolve()
    (cache / "site").mkdir(parents=True, exist_ok=True)
    stamps = cache / "stamps"
    stamps.mkdir(exist_ok=True)
    all_ = recipes(cache)
    unknown = [name for name in what or [] if name not in all_]
    if unknown:
        raise Failed(f"unknown: {' '.join(unknown)}; there are: {' '.join(all_)}")
    with open(cache / "artifacts.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in what or all_:
            recipe, outputs, make = all_[name]
            stamp = stamps / name
            wanted = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
            if all(path.exists() for path in outputs) and stamp.exists() and stamp.read_text() == wanted:
                continue
            say(f"making {name}")
            stamp.unlink(missing_ok=True)
            # Beside the target, on the same file system, so that the last step is a rename.
            with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as work:
                make(Path(work))
            stamp.write_text(wanted)
    archive = cache / "site" / f"{KAFKA}.tgz"
    result = {
        "site": str(cache / "site"), "broker_libs": str(cache / BROKER / "libs"), "home": str(cache / KAFKA),
    }
    if archive.exists():
        result["kafka"] = {
            "path": str(archive), "version": "2.8.1", "scala": "2.12",
            "sha512": archive.with_name(f"{archive.name}.sha512").read_text().strip(),
        }
    result["jars"] = {
        version: {"path": str(jar), "sha256": sha256}
        for version, sha256 in JARS.items()
        if (jar := cache / "site" / f"aws-msk-iam-auth-{version}-all.jar").exists()
    }
    return result


def main():
    """The command line."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 3
    try:
        print(json.dumps(build(
            sys.argv[1], sys.argv[2:], lambda text: print(text, file=sys.stderr, flush=True)
        )))
    except Failed as problem:
        print(f"artifacts: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
