"""`cluster.py selfcheck`: whether the rig's brokers are what tests take them for.

Each cluster is started, and every listener is tried with Java's own client (with AWS's jar where that
is the way in): who is right is let in, and who is wrong is refused in the words of a real broker.
Prints one line of JSON a cluster: {kafka, seconds: {start, stop}, checks: {CASE: answer}}.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bridged
import brokers
import cluster
import credentials
import jvm
import proxy
from oracle import Oracle

MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
AWS = {
    "sasl.mechanism": "AWS_MSK_IAM",
    "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required;",
    "sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
}
REFUSED = "SaslAuthenticationException"
IDS = {"4.3.1": [1], "2.8.1": [1, 2, 3]}


class Checks:
    """One cluster, and what was found."""

    def __init__(self, state, oracle, host):
        self.state, self.oracle, self.host = state, oracle, host
        self.found, self.wrong = {}, []

    def expect(self, case, right, found):
        """Writes down an answer; `right` says whether it is as it should be."""
        self.found[case] = found
        if not right:
            self.wrong.append(case)

    def attempt(self, case, wanted, listener, system=None, create=None, trusting=True, **settings):
        """Tries a listener. `wanted`: the class of the error and a part of its text, or None."""
        way = self.state["listeners"][listener]
        protocol = brokers.PROTOCOLS.get(listener, listener.upper())
        values = {"bootstrap.servers": way, "security.protocol": protocol, **settings}
        if trusting and protocol.endswith("SSL"):
            values |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": self.state["ca"]}
        asked = {"settings": values, "system": system or {}} | (
            {"ask": {"validate": {"name": create}}} if create else {}
        )
        answer = self.oracle.ask(**{"try": asked})
        if wanted is None:
            right = answer.get("ok", {}).get("brokers") == IDS[self.state["kafka"]]
        else:
            right = answer.get("error") == wanted[0] and wanted[1] in answer["message"]
        self.expect(f"{listener}: {case}", right, answer.get("ok") or f"{answer['error']}: {answer['message']}")

    def password(self, case, wanted, listener, mechanism, user, word, **more):
        """Tries a mechanism with user and password."""
        line = f'{MODULES[mechanism.split("-")[0]]} required username="{user}" password="{word}";'
        self.attempt(f"{mechanism}, {case}", wanted, listener,
                     **{"sasl.mechanism": mechanism, "sasl.jaas.config": line}, **more)

    def iam(self, case, wanted, key, **more):
        """Tries AWS's own jar with credentials."""
        system = {"aws.accessKeyId": key["access_key"], "aws.secretKey": key["secret"]}
        if key["token"]:
            system["aws.sessionToken"] = key["token"]
        self.attempt(case, wanted, "iam", system=system, **AWS, **more)


def listeners(checks):
    """Every way in, with what is right and what is wrong."""
    users, keys = checks.state["users"], checks.state["keys"]
    other, own = "other.pin", f"{credentials.PREFIX}pin"
    not_allowed = ("TopicAuthorizationException", "")
    checks.attempt("right", None, "plaintext", create=other)
    checks.attempt("right", None, "ssl", create=other)
    checks.attempt("unknown authority", ("SslAuthenticationException", ""), "ssl", trusting=False)
    for listener in ("sasl_plaintext", "sasl_ssl"):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            wrong = (REFUSED, "Invalid username or password" if mechanism == "PLAIN" else "invalid credentials")
            checks.password("right", None, listener, mechanism, "admin", users["admin"], create=other)
            checks.password("wrong password", wrong, listener, mechanism, "admin", "wrong")
            checks.password("unknown user", wrong, listener, mechanism, "nobody", "wrong")
            checks.password("limited, own topic", None, listener, mechanism, "limited", users["limited"], create=own)
            checks.password("limited, other topic", not_allowed, listener, mechanism, "limited", users["limited"],
                            create=other)
            if mechanism != "PLAIN":
                checks.password("odd name", None, listener, mechanism, "o,dd=one", users["o,dd=one"], create=other)
    checks.iam("right", None, keys["allowed"], create=other)
    checks.iam("without token", None, keys["permanent"], create=other)
    checks.iam("limited, own topic", None, keys["limited"], create=own)
    checks.iam("limited, other topic", not_allowed, keys["limited"], create=other)
    for case in ("denied", "busy"):
        checks.iam(case, (REFUSED, keys[case]["refusal"]), keys[case])
    denied = (REFUSED, "Access denied")
    checks.iam("wrong secret", denied, keys["allowed"] | {"secret": "wrong"})
    checks.iam("token missing", denied, keys["allowed"] | {"token": None})
    checks.iam("unknown key", denied, keys["allowed"] | {"access_key": "ASIANOBODY"})


def reach(checks, address):
    """Hosts reach a cluster that is not --open, and the controller does not."""
    for case, where, wanted in (("from a host", checks.host["netns"], True), ("from the controller", None, False)):
        found = connects(where and f"/run/netns/{where}", address, 9092)
        checks.expect(f"reach: {case}", found == wanted, found)


def connects(where, address, port):
    """Whether a TCP connection comes about within two seconds, from a network namespace."""
    code = f"import socket; socket.create_connection(('{address}', {port}), timeout=2)"
    return subprocess.run([*jvm.netns(where), sys.executable, "-ISc", code], stderr=subprocess.DEVNULL).returncode == 0


def deaths(checks):
    """Brokers die and come back; the controller moves."""
    state = checks.state
    before = brokers.members(state)["controller"]
    brokers.kill(state, before, at_once=False)
    after = brokers.members(state)
    left = [number for number in IDS["2.8.1"] if number != before]
    checks.expect("controller killed", after["brokers"] == left and after["controller"] in left, after)
    brokers.revive(state, before)
    brokers.save(state)
    again = brokers.members(state)
    checks.expect("controller revived", again["brokers"] == IDS["2.8.1"], again)
    # A broker that stands still cannot take a replica: so the move stays under way.
    checks.oracle.ask(create={"name": "moving", "partitions": 1, "replication": 1})
    topics = {}
    bridged.wait(lambda: "moving" in topics or topics.update(checks.oracle.ask(describe=True)["ok"]), "topic moving")
    leader = topics["moving"]["replicas"][0][0]
    follower = next(number for number in IDS["2.8.1"] if number not in (leader, again["controller"]))
    brokers.pause(state, follower, True)
    asked = checks.oracle.ask(reassign={"moving": {"0": [leader, follower]}})
    checks.expect("reassignment under way", asked.get("ok", {}).get("moving-0", {}).get("adding") == [follower], asked)
    brokers.pause(state, follower, False)


def cuts(checks, folder):
    """The proxy before the plaintext listeners counts what Java's client asks, and cuts it off."""
    for when in proxy.WHEN:
        name = f"cut-{when}"
        proxy.ask(folder, "cut", request=1, when=when, api="CreateTopics")
        answer = checks.oracle.ask(**{"try": {
            "settings": {"bootstrap.servers": checks.state["listeners"]["plaintext"]},
            "ask": {"create": {"name": name, "replication": 1}},
        }})
        seen = proxy.ask(folder, "counts")
        # Java asks again: then it is the broker's answer that tells whether it had heard it before.
        right = answer.get("error") == (None if when == "before" else "TopicExistsException")
        right = right and seen["cut"]["done"] and seen["requests"]["CreateTopics"] == 2
        checks.expect(f"proxy: cut {when}", right, {"answer": answer, "requests": seen["requests"]})
        # The broker that is asked may hear of the topic a little later.
        bridged.wait(lambda: name in brokers.topics(checks.state), f"topic {name}")
    proxy.ask(folder, "cut", request=1, when="before", stay_down=True)
    address = checks.state["listeners"]["plaintext"].split(",")[0]
    for case in ("down", "healed"):
        done = subprocess.run(
            [*jvm.netns(checks.state["netns"]), sys.executable, "-IS", str(brokers.HERE / "wire.py"), "members", address],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        checks.expect(f"proxy: {case}", (done.returncode == 0) == (case == "healed"), done.stdout or done.stderr)
        proxy.ask(folder, "heal")


def check(version, folder, host):
    """One cluster; what is not as it should be."""
    began = time.monotonic()
    address = {"4.3.1": "10.77.0.210", "2.8.1": "10.77.0.220"}[version]
    addresses = brokers.addresses(address, len(IDS[version]))
    words = [f"--advertise=plaintext.{number}={one}:19092" for number, one in enumerate(addresses, 1)]
    cluster.start(cluster.arguments(["start", str(folder), "--kafka", version, "--address", address, *words]))
    seconds = {"start": round(time.monotonic() - began, 1)}
    state = brokers.load(folder)
    before = folder / "proxy"
    proxy.start(before, [f"{one}:19092={one}:9092" for one in addresses], state["netns"])
    oracle = Oracle(state)
    checks = Checks(state, oracle, host)
    try:
        reach(checks, address)
        listeners(checks)
        cuts(checks, before)
        if version == "2.8.1":
            deaths(checks)
    finally:
        oracle.close()
        proxy.stop(before)
        began = time.monotonic()
        cluster.stop(folder)
    seconds["stop"] = round(time.monotonic() - began, 1)
    print(json.dumps({"kafka": version, "seconds": seconds, "checks": checks.found}, ensure_ascii=False), flush=True)
    return [f"{version}: {case}: {checks.found[case]}" for case in checks.wrong]


def main(versions):
    """Checks clusters of these versions, by default all; the exit code."""
    rig = str(brokers.places.RIG)
    host = json.loads(subprocess.run([rig, "host", "start", "selfcheck"], check=True, stdout=subprocess.PIPE).stdout)
    try:
        with tempfile.TemporaryDirectory(prefix="trueup-selfcheck-") as work:
            wrong = [line for version in versions or IDS for line in check(version, Path(work, version), host)]
    finally:
        subprocess.run([rig, "host", "stop", "selfcheck"], check=True)
    for line in wrong:
        print(f"selfcheck: not as it should be: {line}", file=sys.stderr)
    return 1 if wrong else 0
