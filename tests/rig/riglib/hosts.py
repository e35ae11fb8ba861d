"""`rig host …`: machines that have only namespaces of their own, a disk and an sshd.

A host's disk is an overlay: the base root, the layer of its kind, and on top a folder of the run's
tmpfs. What makes this host itself (keys, names, the options of `start`) is written into that top
folder before the host boots; nothing has to be run in it.
"""

import fcntl
import json
import os
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from . import network, places
from .places import UID, USER
from .processes import run

DEADLINE = 20.0
START_FILES = [
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zprofile",
    ".zshenv", ".tcshrc", ".cshrc", ".login",
]


def start(options):
    """A new host; what a test needs to know of it."""
    state = places.state()
    folder = state / "hosts" / options.name
    if not options.name.replace("-", "").isalnum() or not options.name.isascii():
        raise places.Failed(f"{options.name}: a host's name has letters, digits and -")
    try:
        folder.mkdir()
    except FileExistsError:
        raise places.Failed(f"{options.name}: there is such a host; stop it first") from None
    number = take_address(state, options.address, options.name)
    cache = Path(os.environ["TRUEUP_RIG_CACHE"])
    record = {
        "name": options.name, "kind": options.kind, "address": network.address(number), "port": 22,
        "user": USER, "home": f"/home/{USER}", "key": str(state / "key"),
        "host_key": None, "known_hosts": str(folder / "known_hosts"), "log": str(folder / "sshd.log"),
        "pid": None, "root": None, "netns": f"{os.environ['TRUEUP_RIG_NET']}-{options.name}",
    }
    try:
        record["host_key"] = furnish(folder, cache, record, options)
        network.add_host(record["netns"], number)
        save(folder, "boot.json", {
            "number": number, "disk_mb": options.disk_mb or 0,
            "lower": ":".join(str(layer) for layer in layers(cache, options)),
            "cgroup": f"{record['netns']}" if options.systemd else None,
        })
        return boot(folder, record)
    except BaseException:
        if not os.environ.get("TRUEUP_RIG_KEEP"):
            clear(folder, record, number)
        raise


def restart(name):
    """Cuts the power, and boots with the same disk, address and keys; the new record."""
    folder, record = find(name)
    kill(folder)
    return boot(folder, record)


def stop(name):
    """Kills the host and forgets its disk."""
    folder, record = find(name)
    clear(folder, record, int(record["address"].rpartition(".")[2]))


def clear(folder, record, number):
    """Takes all of a host away, whatever there is of it by now."""
    kill(folder)
    try:
        network.remove_host(record["netns"], number)
    except places.Failed:
        pass
    if os.path.ismount(folder / "home"):
        run("umount", folder / "home")
    shutil.rmtree(folder)
    (places.state() / "addresses" / str(number)).unlink(missing_ok=True)


def records():
    """All hosts of this run that have come up."""
    for file in sorted((places.state() / "hosts").glob("*/host.json")):
        yield json.loads(file.read_text())


def find(name):
    """(folder, record) of a host."""
    folder = places.state() / "hosts" / name
    try:
        return folder, json.loads((folder / "host.json").read_text())
    except FileNotFoundError:
        raise places.Failed(f"{name}: no such host; there are: "
                            f"{' '.join(record['name'] for record in records()) or 'none'}") from None


def execute(name, user, login, command):
    """Runs a command in a host, past SSH; its exit code. Replaces this process."""
    folder, record = find(name)
    root = Path(record["root"])
    accounts = passwd(root)
    if user not in accounts:
        raise places.Failed(f"{name} has no user {user}")
    _, _, uid, gid, _, home, shell = accounts[user]
    if login:
        command = [shell, "-l", "-c", shlex.join(command)]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    variables = [f"HOME={home}", f"USER={user}", f"LOGNAME={user}", f"SHELL={shell}", f"PATH={path}",
                 f"TERM={os.environ.get('TERM', 'dumb')}"]
    words = [
        "nsenter", f"--target={record['pid']}", "--mount", "--pid", "--uts", "--ipc", "--net", "--root",
        # In the home, as a login begins; root, who looks after the machine, begins at its top.
        "--wd", "env", "-i", f"--chdir={home if login or user != 'root' else '/'}", *variables,
        "setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", *command,
    ]
    os.execvp(words[0], words)


def passwd(root):
    """Accounts of a host: name to the fields of /etc/passwd."""
    lines = (root / "etc/passwd").read_text().splitlines()
    return {line.split(":")[0]: line.split(":") for line in lines}


# --- what makes a host itself -------------------------------------------------------------------


def layers(cache, options):
    """What a host's own files lie on, the uppermost first."""
    init = [cache / "init"] if options.systemd else []
    return [cache / "kinds" / options.kind, *init, cache / "base"]


def furnish(folder, cache, record, options):
    """Writes the host's own files into its upper layer; its public host key."""
    for name in ["root", "work", "upper", "home"]:
        (folder / name).mkdir(mode=0o755)
    upper = Upper(folder / "upper", layers(cache, options))
    name, address = record["name"], record["address"]

    key = folder / "host_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{name}", "-f", key)
    upper.write("etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
    public = (folder / "host_key.pub").read_text().strip()
    upper.write("etc/ssh/ssh_host_ed25519_key.pub", public + "\n")
    kind, body, _ = public.split()
    Path(record["known_hosts"]).write_text(f"{address} {kind} {body}\n")

    upper.write("etc/machine-id", secrets.token_hex(16) + "\n", 0o444)
    upper.write("etc/hostname", f"{name}\n")
    upper.write("etc/hosts", f"127.0.0.1 localhost\n{address} {name}\n")

    home = record["home"].lstrip("/")
    upper.folder(f"{home}/.ssh", 0o700, UID)
    upper.write(f"{home}/.ssh/authorized_keys", Path(record["key"] + ".pub").read_text(), 0o600, UID)
    if options.bare_home:
        for file in START_FILES:
            upper.remove(f"{home}/{file}")
    if options.no_sudo:
        upper.remove("etc/sudoers.d/90-cloud-init-users")
    if options.user_shell:
        if not os.path.lexists(cache / "base" / options.user_shell.lstrip("/")):
            raise places.Failed(f"{options.user_shell}: no such shell in the hosts")
        accounts = upper.read("etc/passwd").splitlines()
        upper.write("etc/passwd", "".join(
            (line.rpartition(":")[0] + ":" + options.user_shell if line.startswith(f"{USER}:") else line) + "\n"
            for line in accounts
        ))
    if options.sh:
        os.symlink(options.sh, upper.place("usr/bin/sh"))
    # As old servers do it: a post-quantum key exchange costs OpenSSH 9.2 ten times the rest of a connection.
    sshd = upper.read("etc/ssh/sshd_config") + "KexAlgorithms curve25519-sha256\n"
    if options.pam:
        sshd = sshd.replace("UsePAM no", "UsePAM yes")
    upper.write("etc/ssh/sshd_config", sshd)
    if options.systemd:
        upper.write("var/log/sshd.log", "")
    if options.disk_mb:
        small_disk(folder, cache, options, upper)
    return public


def small_disk(folder, cache, options, upper):
    """The host's /home as a file system of its own, filled from the layers."""
    run("mount", "-t", "tmpfs", "-o", f"mode=755,size={options.disk_mb}m", "home", folder / "home")
    for layer in reversed([upper.top, *upper.below]):
        run("cp", "-a", f"{layer}/home/.", folder / "home")
    for path in list((folder / "home").rglob("*")):
        if stat.S_ISCHR(path.lstat().st_mode):
            path.unlink()  # a whiteout


class Upper:
    """The top layer of an overlay, before it is mounted."""

    def __init__(self, top, below):
        self.top, self.below = top, below

    def read(self, path):
        """A file's text as the host will see it."""
        return next(layer / path for layer in [self.top, *self.below] if (layer / path).exists()).read_text()

    def write(self, path, text, mode=0o644, owner=0):
        """A file."""
        file = self.place(path)
        file.write_text(text)
        file.chmod(mode)
        os.chown(file, owner, owner)

    def remove(self, path):
        """A whiteout for what the layers below have there."""
        if any(os.path.lexists(layer / path) for layer in self.below):
            os.mknod(self.place(path), stat.S_IFCHR, os.makedev(0, 0))

    def folder(self, path, mode, owner):
        """A new folder."""
        spot = self.place(path)
        spot.mkdir()
        spot.chmod(mode)
        os.chown(spot, owner, owner)

    def place(self, path):
        """The path, its parents there with the mode and owner that they have below."""
        for parent in reversed(Path(path).parents):
            here = self.top / parent
            if here.exists():
                continue
            here.mkdir()
            model = next((layer / parent for layer in self.below if (layer / parent).exists()), None)
            status = (model or self.top).stat()
            os.chown(here, status.st_uid, status.st_gid)
            here.chmod(stat.S_IMODE(status.st_mode))
        return self.top / path


# --- life and death -----------------------------------------------------------------------------


def boot(folder, record):
    """Starts the host and waits until its sshd listens; the record, which is now complete."""
    settings = json.loads((folder / "boot.json").read_text())
    log = Path(record["log"])
    seen = log.stat().st_size if log.exists() else 0
    (folder / "pid").unlink(missing_ok=True)
    # An overlay's work folder must be fresh to be mounted again.
    shutil.rmtree(folder / "work")
    (folder / "work").mkdir()
    script = (places.HERE / "host_boot.sh").read_text()
    cgroup = settings["cgroup"] and make_cgroup(settings["cgroup"])
    # Within its own control group before it gets a namespace of those, whose root that is then.
    enter = ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', cgroup] if cgroup else []
    with open(log, "a") as output:
        process = subprocess.Popen(
            [*enter, "nsenter", f"--net=/run/netns/{record['netns']}",
             "unshare", "--mount", "--pid", "--uts", "--ipc", *(["--cgroup"] if cgroup else []),
             "--fork", "--kill-child", "--propagation", "private",
             "sh", "-c", script, "init", folder, settings["lower"], record["name"], str(settings["disk_mb"]),
             "systemd" if cgroup else "sshd"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    (folder / "outer_pid").write_text(str(process.pid))
    wait_for_sshd(process, log, seen)
    pid = int((folder / "pid").read_text())
    record.update(pid=pid, root=f"/proc/{pid}/root")
    save(folder, "host.json", record)
    return record


def wait_for_sshd(process, log, seen):
    """Waits until sshd says that it listens.

    To connect and look for its banner would be the usual way; but tests count connections in this
    log, and ours would be among them.
    """
    deadline = time.monotonic() + DEADLINE
    while True:
        text = log.read_bytes()[seen:].decode(errors="replace")
        if "Server listening on 0.0.0.0 port 22" in text:
            return
        if process.poll() is not None:
            raise places.Failed(f"the host ended while it started:\n{text}")
        if time.monotonic() > deadline:
            raise places.Failed(f"no sshd after {DEADLINE:.0f} s:\n{text}")
        time.sleep(0.005)


def kill(folder):
    """Ends all processes of a host, and waits for that."""
    try:
        outer = int((folder / "outer_pid").read_text())
    except FileNotFoundError:
        return
    try:
        pid = int((folder / "pid").read_text())
    except (FileNotFoundError, ValueError):
        pid = None
    # PID 1 inside takes all others along, and ends the unshare(1) that waits for it.
    deadline = time.monotonic() + DEADLINE
    for each in [pid, outer]:
        if each is not None and is_ours(each, outer):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass  # The one before took it along.
        while each is not None and is_ours(each, outer):
            if time.monotonic() > deadline:
                raise places.Failed(f"the host's process {each} does not end")
            time.sleep(0.005)
    (folder / "outer_pid").unlink()
    remove_cgroup(json.loads((folder / "boot.json").read_text())["cgroup"])


def is_ours(pid, outer):
    """Whether a process of this PID lives, in the session that `boot` made for the host.

    systemd makes one of its own, and is known by its parent.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in "ZX" and outer in [int(fields[1]), int(fields[3])]


def make_cgroup(name):
    """A control group of the second version, which systemd is to have for itself; its folder."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    top = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
    if top is None:
        raise places.Failed("no cgroup2 is mounted here: systemd cannot be a host's PID 1")
    # The kernel clears away all of a run that was killed but this.
    for old in Path(top).glob("trueup-*-*"):
        if time.time() - old.stat().st_mtime > 600 and "populated 0" in (old / "cgroup.events").read_text():
            clear_cgroup(old)
    folder = Path(top) / name
    folder.mkdir(exist_ok=True)
    return str(folder)


def remove_cgroup(name):
    """Takes it away, where there is one. No process is in there any more."""
    for folder in Path("/sys/fs/cgroup").glob(f"**/{name}") if name else []:
        clear_cgroup(folder)


def clear_cgroup(folder):
    """Removes a control group with all below it."""
    for inner in sorted(folder.rglob("*/"), reverse=True):
        inner.rmdir()
    folder.rmdir()


# --- small things -------------------------------------------------------------------------------


def save(folder, name, value):
    """Writes JSON, whole or not at all: `host list` may read at any time."""
    new = folder / f"{name}.new"
    new.write_text(json.dumps(value))
    os.replace(new, folder / name)


def take_address(state, wanted, name):
    """A free number for 10.77.0.N. Free ones are taken in turn, so that one comes back late."""
    with locked(state):
        taken = state / "addresses"
        first, last = places.FIRST_HOST, places.LAST_HOST
        if wanted:
            number = int(wanted.rpartition(".")[2])
            if network.address(number) != wanted or not first <= number <= last:
                raise_after(state, name, f"{wanted}: hosts have 10.77.0.{first} to {last}")
            if (taken / str(number)).exists():
                raise_after(state, name, f"{wanted} is another host's")
        else:
            turn = state / "next_address"
            count = last - first + 1
            begin = int(turn.read_text()) if turn.exists() else 0
            order = [first + (begin + step) % count for step in range(count)]
            number = next((each for each in order if not (taken / str(each)).exists()), None)
            if number is None:
                raise_after(state, name, f"all {count} addresses are in use")
            turn.write_text(str(number - first + 1))
        (taken / str(number)).write_text(name)
        return number


def raise_after(state, name, text):
    """Fails; the name is free again."""
    (state / "hosts" / name).rmdir()
    raise places.Failed(text)


@contextmanager
def locked(state):
    """One process at a time: many tests start hosts in parallel."""
    with open(state / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
