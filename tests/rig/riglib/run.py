"""`rig run`: one command in a small world of its own, which the kernel clears away.

The command gets its own network, mount and PID namespace. The mount namespace has the run's tmpfs
(host records, logs, the hosts' disks) and its own /run/netns, so that no two runs can meet even
where their names did. All that the command or the rig starts, daemons too, lives in the PID
namespace: when its first process ends, the kernel kills the rest, and mounts and network go with
the last process. So there is nothing to sweep after a crash, not even after `kill -9` of `rig run`:
the first process has asked to die with it.

    supervisor   (this process)   waits; passes SIGINT, SIGTERM and SIGHUP on
    └─ keeper    (PID 1 inside)   sets up network, site and folder; reaps; ends with the command
       ├─ download site
       └─ COMMAND
"""

import ctypes
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import network, parts, places
from .processes import run

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
GRACE = 5.0  # seconds that COMMAND has to end after a signal

# An empty folder on the machine; each run mounts its tmpfs there, in its own mount namespace.
FOLDER = Path("/run/trueup-rig")

libc = ctypes.CDLL(None, use_errno=True)


def main(command, say):
    """Runs the command in a new world; its exit code."""
    places.need_root()
    lock, facts = parts.use(places.cache(), say)
    for folder in [FOLDER, Path("/run/netns")]:
        folder.mkdir(mode=0o755, exist_ok=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) != 0:
        raise places.Failed(f"unshare: {os.strerror(ctypes.get_errno())}")
    alive, mine = os.pipe()
    # Held until the keeper can take signals: one that came earlier would be lost on it.
    caught = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, caught)
    keeper = os.fork()
    if keeper == 0:
        os.close(mine)
        os._exit(keep(command, alive, lock, facts, say, caught))
    os.close(alive)
    return supervise(keeper, caught)


def supervise(keeper, caught):
    """Waits for the keeper, whose end is the end of everything inside."""
    deadline = []

    def pass_on(number, frame):
        os.kill(keeper, signal.SIGTERM if number == signal.SIGHUP else number)
        if not deadline:
            deadline.append(True)
            signal.alarm(int(GRACE) + 3)  # the keeper itself ends the command after GRACE

    for number in caught:
        signal.signal(number, pass_on)
    signal.signal(signal.SIGALRM, lambda number, frame: os.kill(keeper, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, caught)
    _, status = os.waitpid(keeper, 0)
    return code(status)


def code(status):
    """A wait status as a shell says it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def keep(command, alive, lock, facts, say, caught):
    """PID 1 of the new world; returns the exit code."""
    try:
        die_with_parent(alive)
        lock.close()  # the supervisor holds it
        name, state = set_up(facts)
        child = spawn(command, environment(name, state, facts), caught)
        return wait(child, caught)
    except places.Failed as problem:
        say(problem)
    except OSError as problem:
        say(f"{command[0]}: {problem.strerror}")
        return 127 if isinstance(problem, FileNotFoundError) else 126
    except BaseException:
        sys.excepthook(*sys.exc_info())
    return 125


def die_with_parent(alive):
    """`kill -9` of the supervisor reaches us; also when it came before we could ask for that."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The supervisor never writes, and holds the other end for life: hung up means dead.
    poll = select.poll()
    poll.register(alive, select.POLLHUP)
    if poll.poll(0):
        os._exit(125)


def set_up(facts):
    """Folder, network and site; (name of the network namespace, folder)."""
    name = f"trueup-{secrets.token_hex(4)}"
    # First of all cut the tie: what is mounted from here on must not reach the machine.
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "netns", "/run/netns")
    run("mount", "-t", "tmpfs", "-o", "mode=755,size=75%", "trueup-rig", FOLDER)
    state = FOLDER / name
    for folder in ["hosts", "addresses", "site", "bin"]:
        (state / folder).mkdir(parents=True)
    # Scripts of the tests take this Python, and no version manager's shim, for which see `rig`.
    os.symlink(sys.executable, state / "bin" / "python3")
    # Names that only this run knows; its brokers write them (broker/cluster.py).
    shutil.copyfile("/etc/hosts", state / "etc-hosts")
    run("mount", "--bind", state / "etc-hosts", "/etc/hosts")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rig", "-f", state / "key")
    (state / "build.json").write_text(json.dumps(facts))
    network.make_bridge(name)
    start_site(state, facts["cache"])
    return name, state


def start_site(state, cache):
    """The download site; ready when this returns."""
    with open(state / "site.err", "w") as errors:
        site = subprocess.Popen(
            [places.RIG, "site", "--root", cache, "--extra", state / "site",
             "--bind", f"{places.CONTROLLER}:{places.SITE_PORT}", "--log", state / "site.log"],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
        )
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((places.CONTROLLER, places.SITE_PORT), timeout=1).close()
            return
        except OSError:
            if site.poll() is not None or time.monotonic() > deadline:
                raise places.Failed(f"the download site did not start\n{(state / 'site.err').read_text()}")
            time.sleep(0.01)


def environment(name, state, facts):
    """What COMMAND is told."""
    java = facts["yum_java"]
    return {
        **os.environ,
        "PATH": f"{state / 'bin'}:{os.environ['PATH']}",
        "TRUEUP_RIG_NET": name,
        "TRUEUP_RIG_STATE": str(state),
        "TRUEUP_RIG_CACHE": facts["cache"],
        "TRUEUP_RIG_SITE": places.SITE,
        "TRUEUP_RIG_YUM_JAVA": java["package"],
        "TRUEUP_RIG_YUM_JAVA_VERSION": java["version"],
        "TRUEUP_RIG_APT_JAVA": facts["apt_java"]["package"],
        "TRUEUP_RIG_APT_JAVA_VERSION": facts["apt_java"]["version"],
        # Python helpers of the tests leave no __pycache__ in the repository; what they import is compiled once,
        # whatever the machine says of that: with its prefix alone they would look nowhere else.
        "PYTHONPYCACHEPREFIX": str(sys.pycache_prefix),
        "PYTHONDONTWRITEBYTECODE": "",
    }


def spawn(command, variables, caught):
    """Starts COMMAND with the signals as they were."""
    program = shutil.which(command[0], path=variables.get("PATH"))
    if program is None:
        raise FileNotFoundError(2, "no such program")
    return os.posix_spawn(program, command, variables, setsigmask=[], setsigdef=list(caught))


def wait(child, caught):
    """Reaps whatever ends, until COMMAND does. Returning ends all that is left."""
    def end(number, frame):
        # A terminal's Ctrl-C has reached COMMAND already; a second SIGINT does no harm.
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass
        signal.setitimer(signal.ITIMER_REAL, GRACE)

    def give_up(number, frame):
        os._exit(128 + signal.SIGKILL)

    signal.signal(signal.SIGALRM, give_up)
    for number in caught:
        signal.signal(number, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, caught)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return code(status)
