"""Java processes of the rig: what is compiled for them, how they start quickly, how they end.

A broker's start is mostly the loading of classes. Java keeps loaded classes in an archive (class data
sharing): the first process of a kind writes it when it ends, and the next ones start in half the
time, with half the work. Archives lie beside the libraries; one that no longer fits is not heard.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Failed(Exception):
    """Something could not be started or asked; the text says why."""


def java(tool="java"):
    """`java` or `javac`, by the rule of Kafka's own scripts."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(os.path.join(home, "bin", tool) if home else tool)
    if found is None:
        raise Failed(f"{tool} is not installed; on Debian: apt-get install openjdk-17-jdk-headless")
    return found


def classes(libs, name):
    """Compiles java/rig/NAME.java once per content; the jar, beside `libs`."""
    source = HERE / "java" / "rig" / f"{name}.java"
    stamp = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    jar = libs.parent / f"{name.lower()}-{stamp}.jar"
    with open(libs.parent / f"{name.lower()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jar.exists():
            return jar
        work = libs.parent / f".{name.lower()}-{os.getpid()}"
        try:
            done = subprocess.run(
                [java("javac"), "-nowarn", "--release", "17", "-cp", f"{libs}/*", "-d", work, source],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            if done.returncode != 0:
                raise Failed(f"javac failed:\n{done.stdout}")
            # A jar, not a folder: Java shares no classes when a folder is on the class path.
            with zipfile.ZipFile(work / "made.jar", "w") as made:
                for file in sorted(work.rglob("*.class")):
                    made.write(file, file.relative_to(work))
            os.replace(work / "made.jar", jar)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return jar


class Program:
    """A main class, its libraries and its options: what is needed to start it any number of times."""

    def __init__(self, main, libs, jars=(), heap="256m", options=()):
        self.main, self.heap, self.options = main, heap, list(options)
        self.classpath = ":".join([*map(str, jars), f"{libs}/*"])
        self.archive = archive(main, libs, jars)

    def command(self, *arguments, teach=True):
        """(the words that start it, the file into which it writes its archive or None)."""
        made = None
        if teach and not self.archive.exists():
            made = f"{self.archive}.{os.getpid()}-{time.monotonic_ns()}"
            self.sweep()
        sharing = f"-XX:ArchiveClassesAtExit={made}" if made else f"-XX:SharedArchiveFile={self.archive}"
        return [
            java(), f"-Xmx{self.heap}", sharing, "-Xshare:auto",
            # Java's own warnings go to stdout, which is somebody's.
            "-Xlog:disable",
            # Quicker to start, and all that a broker with a thousand topics needs.
            "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            *self.options, "-cp", self.classpath, self.main, *map(str, arguments),
        ], made

    def sweep(self):
        """Removes archives that were never taken: their process, or who was to end it, was killed."""
        for file in self.archive.parent.glob(f"{self.archive.name}.*"):
            if time.time() - file.stat().st_mtime > 600:
                file.unlink(missing_ok=True)

    def start(self, *arguments, log, where=None, teach=True):
        """Starts it in a session of its own, with a log; (the Popen, its record for `end`).

        To write the archive costs some seconds at the end: of several like it, one may `teach`.
        """
        command, made = self.command(*arguments, teach=teach)
        with open(log, "a") as out:
            # Ctrl-C in the caller's terminal is the caller's to handle.
            process = subprocess.Popen(
                [*netns(where), *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )
        return process, record(process.pid, self.archive, made)


def archive(main, libs, jars):
    """Where the class archive of a program lies: one for each Java and class path.

    Java takes no archive of jars that are not the very ones, by time too. `libs` as a whole is made
    anew together with what lies beside it.
    """
    files = [os.path.realpath(java()), *map(str, jars)]
    text = json.dumps([[file, os.stat(file).st_mtime_ns] for file in files] + [str(libs)])
    stamp = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Path(libs).parent / f"{main.rsplit('.', 1)[-1].lower()}-{stamp}.jsa"


def record(pid, archive=None, made=None):
    """What must be written down of a process to end it later, from another process."""
    return {"pid": pid, "started": started(pid), "archive": str(archive) if made else None, "made": made}


def end(records, at_once=False):
    """Ends processes, those of `record`. One that is to leave a class archive is asked, not killed."""
    running = [one for one in records if one["started"] is not None and started(one["pid"]) == one["started"]]
    for one in running:
        # A pid alone may be somebody else's by now; this one is not.
        os.kill(one["pid"], signal.SIGTERM if one["made"] and not at_once else signal.SIGKILL)
    for one in running:
        if not gone(one, 30 if one["made"] and not at_once else 10):
            os.kill(one["pid"], signal.SIGKILL)
            gone(one, 10)
        if one["made"] and not at_once:
            keep(one["made"], one["archive"])
    for one in records:
        if one["made"]:
            Path(one["made"]).unlink(missing_ok=True)


def keep(made, archive):
    """Puts the archive that an ended process has made into its place; old ones of its kind go."""
    if not os.path.exists(made):
        return
    os.replace(made, archive)
    for other in Path(archive).parent.glob(f"{Path(archive).name.split('-')[0]}-*.jsa"):
        if time.time() - other.stat().st_mtime > 7 * 24 * 3600:
            other.unlink(missing_ok=True)


def gone(one, seconds):
    """Waits until a process has ended; whether it has."""
    deadline = time.monotonic() + seconds
    while alive(one["pid"]) and started(one["pid"]) == one["started"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def netns(path):
    """The words before a command that is to run in a network namespace.

    A path, not a name: names made inside `ip netns exec` are not seen outside of it.
    """
    return ["nsenter", f"--net={path}"] if path else []


def started(pid):
    """When a process began, in the kernel's ticks: with the pid, its identity."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        return None


def runs(one):
    """Whether a process of `record` is there and not stopped."""
    return started(one["pid"]) == one["started"] and state(one["pid"]) not in ("Z", "X", "T")


def state(pid):
    """The kernel's letter for what a process does; X for one that is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def alive(pid):
    """Whether a process runs; a zombie (its parent has not looked yet) does not."""
    return state(pid) not in ("Z", "X")


def tail(path, lines=30):
    """The end of a log."""
    return "\n".join(Path(path).read_text(errors="replace").splitlines()[-lines:])
