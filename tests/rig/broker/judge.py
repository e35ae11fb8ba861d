#!/usr/bin/env python3
"""What a Kafka client sees in a properties file: java/rig/Judge.java, with the libraries of some Kafka.

    judge.py 2.8.1|4.3.1

Becomes one JVM that reads files, each in base64 on a line of stdin, and answers each with a line on
stdout. It ends with stdin. See the Java source for the answers.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path.insert(0, str(HERE))

import jvm  # noqa: E402
from brokers import artifacts, places  # noqa: E402


def main():
    """The command line; this process becomes the JVM."""
    if sys.argv[1:] not in (["2.8.1"], ["4.3.1"]):
        print(__doc__, file=sys.stderr)
        return 3
    old = sys.argv[1] == "2.8.1"
    try:
        made = artifacts.build(places.cache(), ["home-2.8.1" if old else "broker"])
        libs = Path(made["home"]) / "libs" if old else Path(made["broker_libs"])
        # Kafka's words about each refused line go nowhere.
        quiet = ["-Dlog4j2.level=OFF", "-Dlog4j2.StatusLogger.level=OFF", "-Dlog4j.defaultInitOverride=true"]
        words, _ = jvm.Program("rig.Judge", libs, [jvm.classes(libs, "Judge")], options=quiet).command(teach=False)
    except (jvm.Failed, artifacts.Failed) as problem:
        print(f"judge: {problem}", file=sys.stderr)
        return 1
    os.execvp(words[0], words)


if __name__ == "__main__":
    sys.exit(main())
