#!/usr/bin/env python3
"""Real MariaDB servers on the rig's bridge. Within `rig run` only.

    server.py start DIR [--address 10.77.0.N] [--open] [--no-tls]
    server.py introduce DIR HOST        tells a host the server's name; HOST is the JSON of `rig host
                                        start`, or `-` to read it from stdin
    server.py sql DIR                   runs what stdin has, as root; prints what it gives
    server.py log DIR                   the general log: one line for each connection and command
    server.py pause DIR                 stops its process: connections open, and nothing answers
    server.py resume DIR
    server.py stop DIR                  ends it, and removes DIR

The server is Debian's, with a disk, a port and an authority of its own. It is in a network namespace
with the address 10.77.0.N (default: 240), which drops what comes from the rig's controller: only hosts
reach it. With --open everybody does, and the run's own /etc/hosts knows its name.

`start` prints one line of JSON: host (the name that its certificate is for), address, port, ca (a PEM
file), other_ca (an authority that did not sign), netns.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "aws"), str(HERE.parent / "broker")]

import bridged  # noqa: E402
import ca  # noqa: E402
import jvm  # noqa: E402
from jvm import Failed  # noqa: E402
from riglib import places  # noqa: E402

PORT = 3306
# Small: tests want a server that starts at once, not one that holds much.
SMALL = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--performance-schema=off",
         "--key-buffer-size=1M", "--aria-pagecache-buffer-size=1M"]


def program(name):
    """A program of Debian's packages; root's PATH may lack sbin."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise Failed(f"{name} is not installed: run `rig install`")
    return found


def disk(into):
    """A new server's disk. Making one takes some seconds, so it is kept for the next."""
    version = subprocess.run([program("mariadbd"), "--version"], stdout=subprocess.PIPE, text=True).stdout
    known = version.split("Ver ", 1)[-1].split(" ", 1)[0]
    kept = places.cache() / f"mariadb-{known}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".mariadb-") as work:
            made = Path(work, "disk")
            run(program("mariadb-install-db"), "--no-defaults", "--user=root", f"--datadir={made}",
                "--auth-root-authentication-method=socket", "--skip-test-db", *SMALL)
            try:
                os.rename(made, kept)
            except OSError:
                pass  # another run was quicker
    run("cp", "--archive", "--sparse=always", kept, into)


def run(*command):
    """Runs a tool; its output is shown only when it fails."""
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}")


def start(options):
    """Starts a server in a namespace of its own; what a test needs to know."""
    folder = Path(options.dir).resolve()
    folder.mkdir(mode=0o700, parents=True)
    host = f"db{options.address.rsplit('.', 1)[1]}.a1b2c3.us-east-1.rds.amazonaws.com"
    namespace = bridged.Namespace([options.address], None if options.open else ())
    (folder / "namespace.json").write_text(json.dumps(namespace.state()))
    authority = ca.make(folder / "ca", [host], store=False)
    other = ca.make(folder / "other", [host], store=False)
    disk(folder / "disk")
    log, socket = folder / "log", folder / "socket"
    command = [
        program("mariadbd"), "--no-defaults", "--user=root", f"--datadir={folder / 'disk'}", f"--socket={socket}",
        f"--port={PORT}", "--bind-address=0.0.0.0", "--skip-name-resolve", *SMALL,
        "--general-log=1", f"--general-log-file={folder / 'general'}", f"--pid-file={folder / 'pid'}",
    ]
    if options.no_tls:
        command.append("--skip-ssl")
    else:
        pem = authority / f"{host}.pem"
        command += [f"--ssl-ca={authority / 'ca.pem'}", f"--ssl-cert={pem}", f"--ssl-key={pem}"]
    with open(log, "a") as out:
        process = subprocess.Popen([*jvm.netns(namespace.path), *command], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out, start_new_session=True)
    state = {
        "host": host, "address": options.address, "port": PORT, "ca": str(authority / "ca.pem"),
        "other_ca": str(other / "ca.pem"), "netns": namespace.path, "record": jvm.record(process.pid),
    }
    (folder / "state.json").write_text(json.dumps(state))
    bridged.wait(lambda: bridged.listening(namespace.path, PORT) and socket.exists(), "MariaDB", 60, process, log)
    if options.open:
        bridged.add_names(places.state() / "etc-hosts", [(options.address, host)], mark(folder))
    return {name: value for name, value in state.items() if name != "record"}


def load(folder):
    """The state of a server."""
    return json.loads(Path(folder, "state.json").read_text())


def mark(folder):
    """Ends the lines that this server puts into an /etc/hosts."""
    return f"# trueup rig: {Path(folder).resolve()}"


def sql(folder):
    """Runs stdin as root; the exit code."""
    return subprocess.run([
        program("mariadb"), "--no-defaults", f"--socket={Path(folder, 'socket')}", "--batch", "--skip-column-names",
    ]).returncode


def stop(folder):
    """Ends a server, and removes its folder."""
    folder = Path(folder).resolve()
    if (folder / "state.json").exists():
        jvm.end([load(folder)["record"]], at_once=True)
    if (folder / "namespace.json").exists():
        bridged.remove(json.loads((folder / "namespace.json").read_text()))
        bridged.remove_names(places.state() / "etc-hosts", mark(folder))
    shutil.rmtree(folder, ignore_errors=True)


def main():
    """Runs one verb; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for text in ("start", "introduce", "sql", "log", "pause", "resume", "stop"):
        verb = verbs.add_parser(text)
        verb.add_argument("dir")
        if text == "introduce":
            verb.add_argument("host")
        if text == "start":
            verb.add_argument("--address", default="10.77.0.240")
            verb.add_argument("--open", action="store_true")
            verb.add_argument("--no-tls", action="store_true")
    options = parser.parse_args()
    try:
        if options.verb == "start":
            try:
                print(json.dumps(start(options)))
            except BaseException:
                stop(options.dir)
                raise
        elif options.verb == "introduce":
            host = json.loads(sys.stdin.read() if options.host == "-" else options.host)
            state = load(options.dir)
            names = [(state["address"], state["host"])]
            bridged.add_names(Path(host["root"], "etc/hosts"), names, mark(options.dir))
        elif options.verb == "sql":
            return sql(options.dir)
        elif options.verb == "log":
            sys.stdout.write(Path(options.dir, "general").read_text(errors="replace"))
        elif options.verb == "stop":
            stop(options.dir)
        else:
            record = load(options.dir)["record"]
            os.kill(record["pid"], signal.SIGSTOP if options.verb == "pause" else signal.SIGCONT)
    except (Failed, places.Failed, RuntimeError) as problem:
        print(f"server: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
