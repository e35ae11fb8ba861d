"""`rig host watch`: sees each command and each change of a file of what runs over SSH, and spoils one.

sshd is started anew below a seccomp filter that asks us before each such call (seccomp_unotify(2)). So
nothing is traced: what signals, sudo and setsid do is what they always do. strace's `when=N` counts for
each process alone, and can not name "the third rename of a step".

Lines of JSON. On stdin, each answered with {"ready": true}:

    {"key": KEY, "nth": N, "do": WHAT, …}   spoil that call, once, in what runs from now on
    {}                                      spoil nothing; count from one again
    {"go": true}                            let the call that "pause" stopped go on

WHAT is "kill" (the process that calls), "parent" (its parent), "top" (the shell that sshd started),
"pause", or "errno" with "errno": N; "from_here": [CALL…] spoils all such calls of that file system too.

On stdout, for each call, in their order:

    {"kind": "file"|"exec", "key": KEY, "nth": N, "process": COMM, "call": NAME, "path": PATH,
     "there": BOOL, "hit": BOOL}

"there": something is at that path already. KEY is process, call and path, with the random names of `mktemp` and numbers of processes taken out: the Nth of one run is the
Nth of the next one.
"""

import ctypes
import errno
import fcntl
import json
import os
import platform
import re
import select
import signal
import socket
import stat
import struct
import sys
from pathlib import Path

from . import hosts, places

libc = ctypes.CDLL(None, use_errno=True)

# x86_64: number, name, and where the file is: an argument that is a descriptor (`fd`), a path, or a
# folder's descriptor and a path.
FD, PATH, AT = "fd", "path", "at"
CALLS = {
    1: ("write", FD, 0), 18: ("pwrite64", FD, 0), 20: ("writev", FD, 0), 296: ("pwritev", FD, 0),
    328: ("pwritev2", FD, 0), 40: ("sendfile", FD, 0), 326: ("copy_file_range", FD, 2),
    77: ("ftruncate", FD, 0), 285: ("fallocate", FD, 0), 76: ("truncate", PATH, 0),
    2: ("open", PATH, 0), 85: ("creat", PATH, 0), 257: ("openat", AT, 0), 437: ("openat2", AT, 0),
    74: ("fsync", FD, 0), 75: ("fdatasync", FD, 0), 162: ("sync", None, 0), 306: ("syncfs", FD, 0),
    82: ("rename", PATH, 1), 264: ("renameat", AT, 2), 316: ("renameat2", AT, 2),
    83: ("mkdir", PATH, 0), 258: ("mkdirat", AT, 0), 84: ("rmdir", PATH, 0),
    86: ("link", PATH, 1), 265: ("linkat", AT, 2), 88: ("symlink", PATH, 1), 266: ("symlinkat", AT, 1),
    87: ("unlink", PATH, 0), 263: ("unlinkat", AT, 0),
    90: ("chmod", PATH, 0), 91: ("fchmod", FD, 0), 268: ("fchmodat", AT, 0), 452: ("fchmodat2", AT, 0),
    92: ("chown", PATH, 0), 93: ("fchown", FD, 0), 94: ("lchown", PATH, 0), 260: ("fchownat", AT, 0),
    280: ("utimensat", AT, 0), 235: ("utimes", PATH, 0), 132: ("utime", PATH, 0),
    133: ("mknod", PATH, 0), 259: ("mknodat", AT, 0),
    188: ("setxattr", PATH, 0), 189: ("lsetxattr", PATH, 0), 190: ("fsetxattr", FD, 0),
    59: ("execve", PATH, 0), 322: ("execveat", AT, 0),
}
WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range", "ftruncate", "fallocate"}
# Where their flags are, of which some open a file for writing or make it.
OPENS = {"open": 1, "openat": 2}
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
AT_FDCWD = 0xFFFFFFFFFFFFFF9C

AUDIT_ARCH_X86_64 = 0xC000003E
RET_ALLOW, RET_USER_NOTIF = 0x7FFF0000, 0x7FC00000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
SECCOMP, SET_FILTER, NEW_LISTENER, WAIT_KILLABLE = 317, 1, 8, 32
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
CLONE_NEW = [("mnt", 0x20000), ("uts", 0x4000000), ("ipc", 0x8000000), ("net", 0x40000000), ("pid", 0x20000000)]

# mktemp's names: ours, and the one of a tree in its stage.
RANDOM = re.compile(r"(\.trueup-(?:step-)?|/stage/|/\.trueup-kafka_[^/]*/)[A-Za-z0-9]{6}(?=/|$| )")
NUMBER = re.compile("/proc/[0-9]+/")
OWN = re.compile("/proc/self/fd/([0-9]+)")


def watch(name):
    """Starts the host's sshd below the filter, then answers until stdin or the host ends."""
    if platform.machine() != "x86_64":
        raise places.Failed(f"the numbers of system calls are those of x86_64, this is {platform.machine()}")
    _, record = hosts.find(name)
    start_sshd(record).serve()


def start_sshd(record):
    """A new sshd of the host, below the filter; the watch over it."""
    log = Path(record["log"])
    seen = log.stat().st_size
    init = record["pid"]
    for child in Path(f"/proc/{init}/task/{init}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text().strip() == "sshd":
            ending = os.pidfd_open(int(child))
            signal.pidfd_send_signal(ending, signal.SIGKILL)
            # Until it has ended the port is its own.
            select.select([ending], [], [])
            os.close(ending)
    ours, theirs = socket.socketpair()
    spaces = [(os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY), flag) for name, flag in CLONE_NEW]
    root = os.open(f"/proc/{init}/root", os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    child = os.fork()
    if child == 0:
        try:
            enter(spaces, root)
            # Only a child is in the new PID namespace.
            if os.fork() == 0:
                os.setsid()
                null = os.open("/dev/null", os.O_RDWR)
                for number, target in [(null, 0), (output, 1), (output, 2)]:
                    os.dup2(number, target)
                socket.send_fds(theirs, [b"x"], [install(program())])
                os.execve("/usr/sbin/sshd", ["/usr/sbin/sshd", "-D", "-e"], {
                    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"})
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    theirs.close()
    # Closed at once: sshd's own end has to be the end of the listener.
    for number in [*(number for number, _ in spaces), root, output]:
        os.close(number)
    _, numbers, _, _ = socket.recv_fds(ours, 1, 1)
    if not numbers:
        raise places.Failed("sshd was not started below the filter")
    os.waitpid(child, 0)
    started = Watch(numbers[0], init)
    while b"Server listening on 0.0.0.0 port 22" not in log.read_bytes()[seen:]:
        if not started.answer(10_000):
            raise places.Failed(f"sshd ended:\n{log.read_bytes()[seen:].decode(errors='replace')}")
    return started


def enter(spaces, root):
    """Into the host."""
    for number, flag in spaces:
        if libc.setns(number, flag) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    os.fchdir(root)
    os.chroot(".")


def program():
    """The filter: which calls are asked for."""
    code = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, AUDIT_ARCH_X86_64), (RETURN, 0, 0, RET_ALLOW), (LOAD, 0, 0, 0)]
    for number, (name, _, _) in CALLS.items():
        if name in OPENS:
            # Low half of an argument; arguments follow 16 bytes of head.
            code += [(EQUAL, 0, 4, number), (LOAD, 0, 0, 16 + 8 * OPENS[name]), (ANY_BIT, 0, 1, CHANGING),
                     (RETURN, 0, 0, RET_USER_NOTIF), (RETURN, 0, 0, RET_ALLOW)]
        else:
            code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, RET_USER_NOTIF)]
    code += [(RETURN, 0, 0, RET_ALLOW)]
    return b"".join(struct.pack("HBBI", *each) for each in code)


def install(code):
    """Puts this process below the filter; the listener."""
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    # Root may do so without giving up setuid programs: sudo goes on to work.
    number = libc.syscall(SECCOMP, SET_FILTER, NEW_LISTENER | WAIT_KILLABLE, head)
    if number < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return number


class Watch:
    """What is to be spoiled, and what was seen so far."""

    def __init__(self, listener, init):
        self.listener, self.init = listener, init
        self.poll = select.poll()
        self.poll.register(listener, select.POLLIN)
        self.arm({})

    def arm(self, fault):
        """What is to be spoiled from now on."""
        self.fault, self.counts, self.device = fault, {}, None

    def serve(self):
        """Until stdin or the host ends."""
        tell({"ready": True})
        both = select.poll()
        both.register(self.listener, select.POLLIN)
        both.register(0, select.POLLIN)
        while True:
            for number, _ in both.poll():
                if number == 0:
                    line = os.read(0, 65536)
                    if not line:
                        return
                    self.arm(json.loads(line))
                    tell({"ready": True})
                elif not self.answer(0):
                    return

    def answer(self, patience):
        """Answers one call, where one comes in time; false: nobody is left who could ask."""
        events = self.poll.poll(patience)
        if not events:
            return patience == 0
        if not events[0][1] & select.POLLIN:
            return False
        notice = bytearray(80)
        try:
            fcntl.ioctl(self.listener, RECEIVE, notice)
        except FileNotFoundError:
            return True  # It was killed while it asked.
        identity, pid, _, number, _, _, *arguments = struct.unpack("QIIiIQ6Q", notice)
        try:
            spoilt = self.judge(pid, number, arguments)
        except (FileNotFoundError, ProcessLookupError):
            spoilt = 0
        reply = struct.pack("QqiI", identity, 0, -spoilt, 0 if spoilt else CONTINUE)
        try:
            fcntl.ioctl(self.listener, SEND, reply)
        except FileNotFoundError:
            pass
        return True

    def judge(self, pid, number, arguments):
        """The error that a call of a process is to get; 0: none."""
        if program_of(pid).startswith("sshd"):
            return 0
        name, shape, at = CALLS[number]
        path = where(pid, shape, arguments, at)
        if path is None or not counts(pid, name, path):
            return 0
        process = Path(f"/proc/{pid}/comm").read_text().strip()
        kind = "exec" if name.startswith("exec") else "file"
        key = NUMBER.sub("/proc/N/", RANDOM.sub(r"\1XXXXXX", f"{process} {name} {path}"))
        nth = self.counts[key] = self.counts.get(key, 0) + 1
        fault = self.fault
        hit = fault.get("key") == key and fault.get("nth") == nth
        there = os.path.lexists(f"/proc/{pid}/root{path}")
        told = {"kind": kind, "key": key, "nth": nth, "process": process, "call": name, "path": path, "there": there}
        if not hit:
            tell(told | {"hit": False})
            return self.goes_on(pid, name, path)
        if fault["do"] == "errno":
            self.device = device(pid, path)
        elif fault["do"] != "pause":
            # Dead before the test hears of it.
            os.kill(self.target(pid, fault["do"]), signal.SIGKILL)
        tell(told | {"hit": True})
        if fault["do"] == "pause":
            os.read(0, 65536)
            tell({"ready": True})
        return fault["errno"] if fault["do"] == "errno" else 0

    def goes_on(self, pid, name, path):
        """The error of a call after the one that was spoilt."""
        if self.device is None or name not in self.fault.get("from_here", []):
            return 0
        number = self.fault["errno"]
        if number != errno.EROFS and name in ("open", "openat") and os.path.lexists(f"/proc/{pid}/root{path}"):
            return 0  # It takes no room.
        return number if device(pid, path) == self.device else 0

    def target(self, pid, what):
        """The process that is to die."""
        if what == "kill":
            return pid
        parent = parent_of(pid)
        if what == "parent" and parent != self.init:
            return parent
        # The one whose parent is sshd; where that has gone, whoever is left on top.
        while parent != self.init and not program_of(parent).startswith("sshd"):
            pid, parent = parent, parent_of(parent)
        return pid


def tell(value):
    """One line for the test."""
    os.write(1, (json.dumps(value) + "\n").encode())


def program_of(pid):
    """The name of the program that a process runs."""
    return os.path.basename(os.readlink(f"/proc/{pid}/exe"))


def where(pid, shape, arguments, at):
    """The path that a call means; None: a pipe or the like."""
    if shape is None:
        return "/"
    if shape == FD:
        return of_descriptor(pid, arguments[at])
    start = AT_FDCWD if shape == PATH else arguments[at]
    pointer = arguments[at] if shape == PATH else arguments[at + 1]
    if pointer == 0:
        return of_descriptor(pid, start)
    path = text(pid, pointer)
    own = OWN.fullmatch(path)
    if own:
        return of_descriptor(pid, int(own[1]))
    if not path.startswith("/"):
        start = start & 0xFFFFFFFF
        folder = os.readlink(f"/proc/{pid}/cwd" if start == AT_FDCWD & 0xFFFFFFFF else f"/proc/{pid}/fd/{start}")
        path = os.path.normpath(f"{folder}/{path}")
    return path


def of_descriptor(pid, number):
    """The path behind a descriptor."""
    path = os.readlink(f"/proc/{pid}/fd/{number & 0xFFFFFFFF}")
    return path if path.startswith("/") else None


def text(pid, pointer):
    """A path in the memory of a process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(pointer)
        found = memory.read(4096 - pointer % 4096)
        if b"\0" not in found:
            found += memory.read(4096)
    return os.fsdecode(found.partition(b"\0")[0])


def counts(pid, name, path):
    """Whether a call changes a file, and not a device or what a process has in /proc."""
    # A pipe of another process, by its name.
    if name in OPENS and path.startswith("/proc/"):
        return False
    if path.startswith("/dev/") and not path.startswith("/dev/shm/"):
        return False
    if name in WRITES:
        # Not by its path: what was unlinked is a file still.
        return stat.S_ISREG(mode_of(pid, path))
    return True


def mode_of(pid, path):
    """The mode of a file of the host; of one that was unlinked: a file's."""
    try:
        return os.stat(f"/proc/{pid}/root{path}").st_mode
    except FileNotFoundError:
        return stat.S_IFREG


def device(pid, path):
    """The file system that a path is on, or would be."""
    while True:
        try:
            return os.stat(f"/proc/{pid}/root{path}").st_dev
        except FileNotFoundError:
            if path == "/":
                raise  # The process has ended.
            path = os.path.dirname(path)


def parent_of(pid):
    """Its parent, as we see it."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
