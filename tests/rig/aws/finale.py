#!/usr/bin/env python3
"""What AWS gives an EC2 Kafka client and its MSK cluster, around a running host of the rig.

    finale.py up HOST [--role NAME] [--address 10.77.0.200] [--instance-role-allowed]
    finale.py topics            the broker's topics, as JSON
    finale.py set KEY=VALUE...  changes the account while it runs (VALUE is JSON; keys: aws/serve.py)
    finale.py selfcheck         whether STS and the broker refuse what they should; {case: answer}
    finale.py log WHAT          prints the log of sts, imds or broker
    finale.py down

HOST is the JSON that `rig host start` prints, or `-` to read it from stdin. `up` gives the host what
EC2 would: instance metadata (IMDSv2) on 169.254.169.254, DNS names (in /etc/hosts) for STS and the
broker, and trust in the authority that signed their certificates. In a network namespace of its own
on the rig's bridge it starts STS and a real Kafka broker with an IAM listener, which drops what
comes from the rig's controller: only hosts reach it. It prints one JSON line.

The broker lets in the credentials that STS hands out for the role. Those of the instance itself are
let in with --instance-role-allowed only, so that a client which forgets to assume the role is seen.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True  # the repository stays free of __pycache__ folders
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "broker")]

import artifacts  # noqa: E402
import broker  # noqa: E402
import ca  # noqa: E402

BROKER_NAME = "b-1.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com"
STS_NAME = "sts.amazonaws.com"
REGION = "us-east-1"
ACCOUNT = "123456789012"
CONTROLLER = "10.77.0.1"
METADATA = "169.254.169.254"
MARK = "# trueup rig: finale"


class Failed(Exception):
    """The text says what did not come up."""


def cache():
    """Where the rig keeps what it made."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("TRUEUP_RIG") or os.path.join(base, "trueup-rig"))


def state_folder():
    """Where this finale keeps its own files: beside the rig's state, so that two rigs do not meet."""
    base = os.environ.get("TRUEUP_RIG_STATE")
    if base:
        return Path(base) / "finale"
    return Path("/run") / f"{os.environ.get('TRUEUP_RIG_NET') or 'trueup-rig'}-finale"


def run(*command, where=None, input=None):
    """Runs a command, in another network namespace if asked; its output."""
    done = subprocess.run(
        [*broker.netns(where), *map(str, command)], input=input, text=True,
        stdin=subprocess.DEVNULL if input is None else None,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def spawn(folder, name, *command, where=None):
    """Starts a process that outlives this one, with a log; its pid is written down for `down`."""
    with open(folder / f"{name}.log", "w") as log:
        process = subprocess.Popen(
            [*broker.netns(where), *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    (folder / f"{name}.pid").write_text(f"{process.pid} {broker.started(process.pid)}")
    return process


def stop(file):
    """Kills the process of a .pid file, unless the pid is another process's by now."""
    pid, started = file.read_text().split()
    if str(broker.started(int(pid))) == started:
        os.kill(int(pid), signal.SIGKILL)


def bridge():
    """(network namespace, name) of the rig's bridge, from inside or outside of its namespace."""
    name = os.environ.get("TRUEUP_RIG_NET")
    places = [None, *([f"/run/netns/{name}"] if name else [])]
    for where in places:
        try:
            links = json.loads(run("ip", "-j", "-4", "addr", where=where) or "[]")
        except Failed:
            continue
        for link in links:
            if any(address["local"] == CONTROLLER for address in link["addr_info"]):
                return where, link["ifname"]
    raise Failed(f"no bridge with {CONTROLLER}: start the rig, and set TRUEUP_RIG_NET to its namespace")


def namespace(folder, address):
    """A network namespace on the rig's bridge; its path. It lives as long as its holder process."""
    where, name = bridge()
    holder = spawn(folder, "netns", "unshare", "--net", "sleep", "infinity")
    path = f"/proc/{holder.pid}/ns/net"
    wait(lambda: os.readlink(path) != os.readlink("/proc/self/ns/net"), "a network namespace")
    wire = f"fin{holder.pid}"
    run("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", holder.pid, where=where)
    run("ip", "link", "set", wire, "master", name, "up", where=where)
    run("ip", "link", "set", "lo", "up", where=path)
    run("ip", "addr", "add", f"{address}/24", "dev", "eth0", where=path)
    run("ip", "link", "set", "eth0", "up", where=path)
    # The user's own machine reaches STS, which is public, and not the brokers, which are not.
    run("nft", "add", "table", "inet", "rig", where=path)
    run("nft", "add", "chain", "inet", "rig", "input", "{ type filter hook input priority 0; }", where=path)
    run("nft", "add", "rule", "inet", "rig", "input", "ip", "saddr", CONTROLLER,
        "tcp", "dport", "!=", "443", "drop", where=path)
    return path


def wait(ready, what, seconds=20, process=None, log=None):
    """Waits until `ready()`."""
    deadline = time.monotonic() + seconds
    while not ready():
        dead = process is not None and process.poll() is not None
        if dead or time.monotonic() > deadline:
            text = broker.tail(log) if log else ""
            raise Failed(f"no {what} {'(it ended)' if dead else f'after {seconds} s'}\n{text}".rstrip())
        time.sleep(0.05)


def listening(where, port):
    """Whether something listens on a port in a network namespace."""
    return f":{port} " in run("ss", "-Hltn", where=where)


def keys(prefix):
    """A set of temporary credentials. The token has characters that must be encoded when signed."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return {
        "access_key": prefix + "".join(secrets.choice(letters) for _ in range(16)),
        "secret": secrets.token_urlsafe(30)[:40],
        "token": "IQoJ//+" + secrets.token_urlsafe(120) + "+/==",
    }


def up(host, role, address, instance_role_allowed):
    """Sets all of it up; what a test needs to know."""
    folder = state_folder()
    libs = Path(artifacts.build(cache(), ["broker"])["broker_libs"])
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    account = {
        "region": REGION, "account": ACCOUNT, "instance_id": "i-0123456789abcdef0", "role": role,
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "trusts_itself": True,
        "instance": keys("ASIA"), "issued": keys("ASIA"),
    }
    state = folder / "account.json"
    state.write_text(json.dumps(account, indent=2))
    accepted = [account["issued"], *([account["instance"]] if instance_role_allowed else [])]
    (folder / "keys.json").write_text(json.dumps({
        key["access_key"]: {"secret": key["secret"], "token": key["token"]} for key in accepted
    }))
    authority = ca.make(folder / "ca", [f"{STS_NAME},{address}", BROKER_NAME])

    root = Path(host["root"])  # /proc/PID/root
    inside = str(root.parent / "ns" / "net")
    give(root, authority, address)
    run("ip", "addr", "replace", f"{METADATA}/32", "dev", "lo", where=inside)
    run("ip", "link", "set", "lo", "up", where=inside)
    imds = spawn(folder, "imds", sys.executable, HERE / "imds.py", state, f"{METADATA}:80", where=inside)
    own = namespace(folder, address)
    sts = spawn(folder, "sts", sys.executable, HERE / "sts.py", state, authority / f"{STS_NAME}.pem",
                "0.0.0.0:443", where=own)
    running = broker.start(argparse.Namespace(
        dir=folder / "broker", libs=libs, netns=own, plaintext="127.0.0.1:9092",
        iam=f"{BROKER_NAME}:9098", bind="0.0.0.0", pem=authority / f"{BROKER_NAME}.pem",
        keys=folder / "keys.json", region=REGION,
    ))
    wait(lambda: listening(inside, 80), "instance metadata", process=imds, log=folder / "imds.log")
    wait(lambda: listening(own, 443), "STS", process=sts, log=folder / "sts.log")
    wait(lambda: listening(own, 9098), "IAM listener", log=running["log"])
    result = {
        "bootstrap": f"{BROKER_NAME}:9098", "role": role, "role_arn": account["role_arn"],
        "region": REGION, "instance_id": account["instance_id"], "address": address, "netns": own,
        "ca": str(authority / "ca.pem"), "state": str(state), "host_root": str(root),
        "pids": {"broker": running["pid"], "sts": sts.pid, "imds": imds.pid},
    }
    (folder / "finale.json").write_text(json.dumps(result))
    return result


def give(root, authority, address):
    """Puts into the host what an instance has from the start: names, and trust in the authority."""
    # After `pivot_root` a link in the host may be absolute; all paths here are plain files.
    with open(root / "etc/hosts", "a") as hosts:
        hosts.write(f"{address} {BROKER_NAME} {STS_NAME} {MARK}\n")
    store = root / "etc/ssl/certs/java"
    store.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(authority / "cacerts", store / "cacerts")
    (store / "cacerts").chmod(0o644)
    with open(root / "etc/ssl/certs/ca-certificates.crt", "a") as bundle:
        bundle.write((authority / "ca.pem").read_text())


def change(settings):
    """Changes the account while the servers run."""
    file = state_folder() / "account.json"
    account = json.loads(file.read_text())
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in account:
            raise Failed(f"{name}: the account has {' '.join(account)}")
        account[name] = json.loads(value)
    # Whole or not at all: the servers read it at any time.
    new = file.with_suffix(".new")
    new.write_text(json.dumps(account, indent=2))
    os.replace(new, file)


def selfcheck():
    """Runs selfcheck.py in the broker's namespace; its exit code."""
    known = json.loads((state_folder() / "finale.json").read_text())
    return subprocess.run([
        *broker.netns(known["netns"]), sys.executable, str(HERE / "selfcheck.py"),
        known["state"], known["ca"], BROKER_NAME,
    ]).returncode


def down():
    """Ends the processes, takes the names back, removes the folder."""
    folder = state_folder()
    if not folder.exists():
        return
    broker.stop(folder / "broker")
    for file in folder.glob("*.pid"):
        stop(file)
    try:
        hosts = Path(json.loads((folder / "finale.json").read_text())["host_root"]) / "etc/hosts"
        hosts.write_text("".join(line for line in hosts.read_text().splitlines(True) if MARK not in line))
    except OSError:
        pass  # the host is gone, or `up` did not get that far
    shutil.rmtree(folder)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up")
    verb.add_argument("host")
    verb.add_argument("--role", default="0ab336d6fcf7-ec2-access-role")
    verb.add_argument("--address", default="10.77.0.200")
    verb.add_argument("--instance-role-allowed", action="store_true")
    verbs.add_parser("set").add_argument("settings", nargs="+", metavar="KEY=VALUE")
    verbs.add_parser("log").add_argument("what", choices=["sts", "imds", "broker"])
    verbs.add_parser("topics")
    verbs.add_parser("selfcheck")
    verbs.add_parser("down")
    options = parser.parse_args()
    try:
        if options.verb == "up":
            host = json.loads(sys.stdin.read() if options.host == "-" else options.host)
            if state_folder().exists():
                raise Failed(f"{state_folder()} exists; run `finale.py down` first")
            try:
                print(json.dumps(up(host, options.role, options.address, options.instance_role_allowed)))
            except BaseException:
                # A half finale would be in the way of the next.
                if not os.environ.get("TRUEUP_RIG_KEEP"):
                    down()
                raise
        elif options.verb == "topics":
            print(json.dumps(broker.topics(state_folder() / "broker")))
        elif options.verb == "selfcheck":
            return selfcheck()
        elif options.verb == "set":
            change(options.settings)
        elif options.verb == "log":
            folder = state_folder()
            print((folder / "broker" / "broker.log" if options.what == "broker"
                   else folder / f"{options.what}.log").read_text(), end="")
        else:
            down()
    except (Failed, broker.Failed, artifacts.Failed, RuntimeError) as problem:
        print(f"finale: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
