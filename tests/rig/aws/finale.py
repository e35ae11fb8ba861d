#!/usr/bin/env python3
"""What AWS gives an EC2 Kafka client and its MSK cluster, around a running host of the rig.

    finale.py up HOST [--role NAME] [--address 10.77.0.200] [--instance-role-allowed]
                      [--kafka 4.3.1|2.8.1] [--all-listeners] [--limited-role NAME]
    finale.py join HOST         gives another host the same: metadata, names, trust
    finale.py topics            the cluster's topics, as JSON
    finale.py set KEY=VALUE...  changes the account while it runs (VALUE is JSON; keys: aws/serve.py)
    finale.py selfcheck         whether STS and the broker refuse what they should; {case: answer}
    finale.py log WHAT          prints the log of sts, imds or broker (the first one)
    finale.py down

Each verb takes --name NAME, for those who need several at once (with different hosts and addresses).

HOST is the JSON that `rig host start` prints, or `-` to read it from stdin. `up` gives the host what
EC2 would: instance metadata (IMDSv2) on 169.254.169.254, DNS names (in /etc/hosts) for STS and the
broker, and trust in the authority that signed their certificates. In a network namespace of its own
on the rig's bridge it starts STS and a real Kafka broker with an IAM listener, which drops what
comes from the rig's controller: only hosts reach it. With 2.8.1 these are three brokers on three
addresses. It prints one JSON line. The cluster's folder is its `cluster`: for broker/cluster.py.

The broker lets in the credentials that STS hands out for the role. Those of the instance itself are
let in with --instance-role-allowed only, so that a client which forgets to assume the role is seen.
With --limited-role STS hands out credentials for a second role, too, which may only do what RULES of
broker/credentials.py allow: the broker's own authorizer tells the roles apart.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "broker")]

import artifacts  # noqa: E402
import bridged  # noqa: E402
import brokers  # noqa: E402
import ca  # noqa: E402
import credentials  # noqa: E402
import jvm  # noqa: E402
from bridged import run, wait  # noqa: E402
from jvm import Failed  # noqa: E402
from riglib import places  # noqa: E402

BROKER_NAMES = "b-{}.pinterest.a1b2c3.c2.kafka.us-east-1.amazonaws.com"
STS_NAME = "sts.amazonaws.com"
REGION = brokers.REGION
ACCOUNT = "123456789012"
METADATA = "169.254.169.254"


def state_folder(name):
    """Where a finale keeps its own files: in the run's folder, so that two runs do not meet."""
    return places.state() / name


def spawn(folder, name, *command, where=None):
    """Starts a process that outlives this one, with a log; it is written down for `down`."""
    with open(folder / f"{name}.log", "w") as log:
        process = subprocess.Popen(
            [*jvm.netns(where), *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    (folder / f"{name}.process").write_text(json.dumps(jvm.record(process.pid)))
    return process


def up(host, folder, options):
    """Sets all of it up; what a test needs to know."""
    folder.mkdir(mode=0o700)
    account = {
        "region": REGION, "account": ACCOUNT, "instance_id": "i-0123456789abcdef0", "role": options.role,
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/{options.role}", "trusts_itself": True,
        "instance": credentials.temporary(), "issued": credentials.temporary(),
    }
    if options.limited_role:
        account["limited_arn"] = f"arn:aws:iam::{ACCOUNT}:role/{options.limited_role}"
        account["limited"] = credentials.temporary()
    state = folder / "account.json"
    state.write_text(json.dumps(account, indent=2))
    accepted = ["issued", *(["instance"] if options.instance_role_allowed else []),
                *(["limited"] if options.limited_role else [])]
    addresses = brokers.addresses(options.address, 1 if options.kafka == "4.3.1" else 3)
    members = {number: (BROKER_NAMES.format(number), address) for number, address in enumerate(addresses, 1)}
    authority = ca.make(folder / "ca", [
        f"{STS_NAME},{options.address}", *(f"{name},{address}" for name, address in members.values()),
    ])

    names = [(options.address, STS_NAME), *((address, name) for name, address in members.values())]
    (folder / "names.json").write_text(json.dumps(names))
    # The user's own machine reaches STS, which is public, and not the brokers, which are not.
    own = bridged.Namespace(addresses, [443])
    (folder / "namespace.json").write_text(json.dumps(own.state()))
    sts = spawn(folder, "sts", sys.executable, HERE / "sts.py", state, authority / f"{STS_NAME}.pem",
                "0.0.0.0:443", where=own.path)
    imds = join(host, folder)
    every = options.all_listeners
    running = brokers.run(
        folder / "cluster", options.kafka, members, own.path, authority, {name: account[name] for name in accepted},
        users=credentials.users() if every else {}, listeners=list(brokers.PORTS) if every else ["iam"],
    )
    wait(lambda: bridged.listening(own.path, 443), "STS", process=sts, log=folder / "sts.log")
    result = {
        "bootstrap": running["listeners"]["iam"], "listeners": running["listeners"], "users": running["users"],
        "role": options.role, "role_arn": account["role_arn"],
        "region": REGION, "instance_id": account["instance_id"], "address": options.address, "netns": own.path,
        "ca": running["ca"], "cluster": str(folder / "cluster"), "state": str(state),
        "pids": {"broker": running["brokers"][0]["pid"], "sts": sts.pid, "imds": imds.pid},
    }
    (folder / "finale.json").write_text(json.dumps(result))
    return result


def join(host, folder):
    """Gives a host what EC2 would: metadata, names, trust; the metadata's process."""
    root = Path(host["root"])  # /proc/PID/root
    (folder / f"{host['name']}.host").write_text(str(root))
    inside = str(root.parent / "ns" / "net")
    bridged.add_names(root / "etc/hosts", json.loads((folder / "names.json").read_text()), mark(folder))
    bridged.add_trust(root, folder / "ca")
    run("ip", "addr", "replace", f"{METADATA}/32", "dev", "lo", where=inside)
    run("ip", "link", "set", "lo", "up", where=inside)
    log = f"imds-{host['name']}"
    imds = spawn(folder, log, sys.executable, HERE / "imds.py", folder / "account.json", f"{METADATA}:80", where=inside)
    wait(lambda: bridged.listening(inside, 80), "instance metadata", process=imds, log=folder / f"{log}.log")
    return imds


def mark(folder):
    """Ends the lines that this finale puts into the host's /etc/hosts."""
    return f"# trueup rig: {folder}"


def change(folder, settings):
    """Changes the account while the servers run."""
    file = folder / "account.json"
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


def selfcheck(folder):
    """Runs selfcheck.py in the broker's namespace; its exit code."""
    known = json.loads((folder / "finale.json").read_text())
    return subprocess.run([
        *jvm.netns(known["netns"]), sys.executable, str(HERE / "selfcheck.py"),
        known["state"], known["ca"], BROKER_NAMES.format(1), known["address"],
    ]).returncode


def down(folder):
    """Ends the processes, takes the names back, removes the folder."""
    if not folder.exists():
        return
    brokers.end(folder / "cluster")
    jvm.end([json.loads(file.read_text()) for file in folder.glob("*.process")])
    if (folder / "namespace.json").exists():
        bridged.remove(json.loads((folder / "namespace.json").read_text()))
    for file in folder.glob("*.host"):
        bridged.remove_names(Path(file.read_text()) / "etc/hosts", mark(folder))
    shutil.rmtree(folder)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up")
    verb.add_argument("host")
    verb.add_argument("--role", default="0ab336d6fcf7-ec2-access-role")
    verb.add_argument("--address", default="10.77.0.200")
    verb.add_argument("--instance-role-allowed", action="store_true")
    verb.add_argument("--kafka", choices=["4.3.1", "2.8.1"], default="4.3.1")
    verb.add_argument("--all-listeners", action="store_true", help="those of cluster.py, not only IAM")
    verb.add_argument("--limited-role", help="one more role, which may do little")
    verbs.add_parser("join").add_argument("host")
    verbs.add_parser("set").add_argument("settings", nargs="+", metavar="KEY=VALUE")
    verbs.add_parser("log").add_argument("what", choices=["sts", "imds", "broker"])
    for text in ("topics", "selfcheck", "down"):
        verbs.add_parser(text)
    for verb in verbs.choices.values():
        verb.add_argument("--name", default="finale")
    return parser.parse_args()


def perform(options):
    """One verb; the exit code."""
    folder = state_folder(options.name)
    if options.verb in ("up", "join"):
        host = json.loads(sys.stdin.read() if options.host == "-" else options.host)
    if options.verb == "join":
        join(host, folder)
    elif options.verb == "up":
        if folder.exists():
            raise Failed(f"{folder} exists; run `finale.py down` first")
        try:
            print(json.dumps(up(host, folder, options)))
        except BaseException:
            # A half finale would be in the way of the next.
            if not os.environ.get("TRUEUP_RIG_KEEP"):
                down(folder)
            raise
    elif options.verb == "topics":
        print(json.dumps(brokers.topics(brokers.load(folder / "cluster"))))
    elif options.verb == "selfcheck":
        return selfcheck(folder)
    elif options.verb == "set":
        change(folder, options.settings)
    elif options.verb == "log":
        log = folder / f"{options.what}.log"
        if options.what == "imds":
            log = next(folder.glob("imds-*.log"))
        if options.what == "broker":
            log = Path(brokers.load(folder / "cluster")["brokers"][0]["log"])
        print(log.read_text(), end="")
    else:
        down(folder)
    return 0


def main():
    """Runs one verb; the exit code."""
    try:
        return perform(arguments())
    except (Failed, artifacts.Failed, places.Failed, RuntimeError) as problem:
        print(f"finale: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
