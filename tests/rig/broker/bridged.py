"""Network namespaces on the rig's bridge for what stands beside its hosts: brokers, STS.

Also what a host must be told to use them: names in its /etc/hosts, and an authority to trust.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import jvm  # noqa: E402
from jvm import Failed, netns  # noqa: E402
from riglib.places import CONTROLLER, PREFIX  # noqa: E402


def run(*command, where=None, input=None):
    """Runs a command, in another network namespace if asked; its output."""
    done = subprocess.run(
        [*netns(where), *map(str, command)], input=input, text=True,
        stdin=subprocess.DEVNULL if input is None else None,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def wait(ready, what, seconds=20, process=None, log=None):
    """Waits until `ready()`."""
    deadline = time.monotonic() + seconds
    while not ready():
        dead = process is not None and process.poll() is not None
        if dead or time.monotonic() > deadline:
            text = jvm.tail(log) if log else ""
            raise Failed(f"no {what} {'(it ended)' if dead else f'after {seconds} s'}\n{text}".rstrip())
        time.sleep(0.05)


def listening(where, port):
    """Whether something listens on a port in a network namespace."""
    return f":{port} " in run("ss", "-Hltn", where=where)


def bridge():
    """(network namespace, name) of the rig's bridge, from inside or outside of its namespace."""
    name = os.environ.get("TRUEUP_RIG_NET")
    for where in [None, *([f"/run/netns/{name}"] if name else [])]:
        try:
            links = json.loads(run("ip", "-j", "-4", "addr", where=where) or "[]")
        except Failed:
            continue
        for link in links:
            if any(address["local"] == CONTROLLER for address in link["addr_info"]):
                return where, link["ifname"]
    raise Failed(f"no bridge with {CONTROLLER}: start this with `rig run -- COMMAND`")


class Namespace:
    """A network namespace with addresses on the bridge. It lives as long as its holder process.

    With `ports_for_all`, what comes from the rig's controller is dropped, but for these TCP ports: so
    only hosts reach the rest. With None everybody does.
    """

    def __init__(self, addresses, ports_for_all=None):
        where, name = bridge()
        holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        self.path = f"/proc/{holder.pid}/ns/net"
        self.holder = jvm.record(holder.pid)
        self.wire = f"side{holder.pid}"
        try:
            wait(lambda: os.readlink(self.path) != os.readlink("/proc/self/ns/net"), "a network namespace",
                 process=holder)
            self.connect(addresses, where, name)
            if ports_for_all is not None:
                self.hide(ports_for_all)
        except BaseException:
            jvm.end([self.holder])
            raise

    def connect(self, addresses, where, name):
        """A wire to the bridge."""
        # Hardware addresses as those of hosts, see riglib/network.py.
        hardware = f"02:00:0a:4d:00:{int(addresses[0].rsplit('.', 1)[1]):02x}"
        run("ip", "-batch", "-", where=where, input="\n".join([
            f"link add {self.wire} type veth peer name eth0 address {hardware} netns {self.holder['pid']}",
            f"link set {self.wire} master {name} up",
        ]))
        for address in addresses:
            self.claim(address, where)
        # The kernel tells the neighbours when the link comes up: an address may have been another's.
        run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify", where=self.path)
        run("ip", "-batch", "-", where=self.path, input="\n".join([
            "link set lo up",
            *(f"addr add {address}/{PREFIX} dev eth0" for address in addresses),
            "link set eth0 up",
        ]))

    def claim(self, address, where):
        """Makes an address this namespace's own: a second name of the wire, which is in the bridge's
        namespace once. Two machines of one address would answer in turns."""
        def claimed():
            try:
                run("ip", "link", "property", "add", "dev", self.wire, "altname", address, where=where)
            except Failed:
                return False
            return True

        # A namespace is dismantled some time after its last process.
        wait(claimed, f"free address {address}: somebody else of this run has it")

    def hide(self, ports):
        """Drops what comes from the controller, but for these ports."""
        rule = f"ip saddr {CONTROLLER}"
        if ports:
            rule += f" tcp dport != {{ {', '.join(map(str, ports))} }}"
        run("nft", "-f", "-", where=self.path, input="\n".join([
            "add table inet rig",
            "add chain inet rig input { type filter hook input priority 0; }",
            f"add rule inet rig input {rule} drop",
        ]))

    def state(self):
        """What `remove` needs."""
        return {"path": self.path, "holder": self.holder, "wire": self.wire}


def remove(state):
    """Takes a namespace away; what runs in it should have ended."""
    where, _ = bridge()
    # By name, at once: a namespace is dismantled some time after its last process.
    subprocess.run([*netns(where), "ip", "link", "del", state["wire"]],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    jvm.end([state["holder"]])


@contextmanager
def locked(file):
    """A hosts file, opened to be read and written; one at a time."""
    with open(file, "r+") as hosts:
        fcntl.flock(hosts, fcntl.LOCK_EX)
        yield hosts


def add_names(file, names, mark):
    """Adds (address, name) pairs to a hosts file. `mark` ends the lines, for `remove_names`."""
    with locked(file) as hosts:
        hosts.seek(0, os.SEEK_END)
        hosts.writelines(f"{address} {name} {mark}\n" for address, name in names)


def remove_names(file, mark):
    """Takes the names back, in place: the file may be a mount."""
    try:
        with locked(file) as hosts:
            kept = [line for line in hosts if not line.rstrip().endswith(mark)]
            hosts.seek(0)
            hosts.writelines(kept)
            hosts.truncate()
    except OSError:
        pass  # the host is gone, or was never told


def add_trust(root, authority):
    """Makes a host trust an authority, its Java too. `root`: its file system, such as /proc/PID/root."""
    # After `pivot_root` a link in the host may be absolute; all paths here are plain files.
    store = root / "etc/ssl/certs/java"
    store.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(authority / "cacerts", store / "cacerts")
    (store / "cacerts").chmod(0o644)
    with open(root / "etc/ssl/certs/ca-certificates.crt", "a") as bundle:
        bundle.write((authority / "ca.pem").read_text())
