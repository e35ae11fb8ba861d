#!/usr/bin/env python3
"""What Kafka's own AdminClient does and sees in a cluster of cluster.py: java/rig/Oracle.java.

    oracle.py DIR [--bootstrap HOST:PORT,...]

DIR is the cluster's folder. Becomes one JVM that reads questions, one JSON object a line, from stdin
and answers each with a line on stdout: {"ok": ANSWER} or {"error": CLASS, "message": TEXT}. It ends
with stdin. By default it asks the brokers' own listeners, which no proxy sees, in their namespace.

    {"create": {"name", "partitions", "replication", "config": {}}}     or a list of them, at once; the
                                            broker's defaults for what is left out
    {"validate": ...}                       as create, and creates nothing
    {"describe": true}                      {NAME: {partitions, replication, replicas, config: {KEY:
                                            {value, source}}}} of the topics that are not internal. Of
                                            several brokers one hears of a change before the others, and
                                            any may be asked: wait for what is to be seen
    {"describe": {"topics": [NAME], "all_keys": true}}      both optional; otherwise overrides only
    {"delete": [NAME]}
    {"alter": {NAME: {KEY: VALUE or null}}}                 null takes an override back
    {"partitions": {NAME: NUMBER}}                          more of them
    {"clusterwide": {KEY: VALUE or null}}                   settings of all brokers, of no topic
    {"reassign": {NAME: {PARTITION: [BROKER] or null}}}     answers what is under way; {} only asks
    {"quota": {"user": NAME or null, KEY: NUMBER or null}}  such as controller_mutation_rate
    {"try": {"settings": {KEY: VALUE}, "system": {KEY: VALUE}, "ask": QUESTION}}
                                            {brokers: [ID], answer} of another client, with other
                                            settings and, for AWS's jar, Java's system properties
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path.insert(0, str(HERE))

import brokers  # noqa: E402
import jvm  # noqa: E402
from brokers import artifacts, places  # noqa: E402


def command(state, bootstrap=None, teach=False):
    """`jvm.Program.command` of it, for those who want to talk to it themselves."""
    made = artifacts.build(places.cache(), ["broker", "jar-1.1.5"])
    libs = Path(made["broker_libs"])
    program = jvm.Program("rig.Oracle", libs, [jvm.classes(libs, "Oracle"), made["jars"]["1.1.5"]["path"]], options=[
        # Names of this cluster, which the namespace's name service does not know.
        f"-Djdk.net.hosts.file={state['hosts']}", "-Dlog4j2.level=OFF", "-Dlog4j2.StatusLogger.level=OFF",
    ])
    words, archive = program.command(bootstrap or state["internal"], teach=teach)
    return [*jvm.netns(state["netns"]), *words], program.archive, archive


class Oracle:
    """The JVM and its pipes, for programs in Python."""

    def __init__(self, state):
        words, self.archive, self.made = command(state, teach=True)
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **question):
        """One question; the answer's object."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise jvm.Failed(f"the JVM ended ({self.process.wait()})")
        return json.loads(line)

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()
        if self.made:
            jvm.keep(self.made, self.archive)


def main():
    """The command line; this process becomes the JVM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--bootstrap")
    options = parser.parse_args()
    try:
        words, *_ = command(brokers.load(options.dir), options.bootstrap)
    except (jvm.Failed, artifacts.Failed) as problem:
        print(f"oracle: {problem}", file=sys.stderr)
        return 1
    os.execvp(words[0], words)


if __name__ == "__main__":
    sys.exit(main())
