#!/usr/bin/env python3
"""Gives a running cluster its users and their rights, in Kafka's own protocol, without a JVM.

    access.py ADDRESS:PORT < FILE       a plaintext listener; any broker of the cluster

FILE is JSON: {"scram": {USER: PASSWORD}, "allow": [{"principal", "topics", "operations"}], "await":
[ADDRESS:PORT]}. Each user gets credentials for SCRAM-SHA-256 and SCRAM-SHA-512. An entry of `allow`
lets User:PRINCIPAL do OPERATIONS (names as in `kafka-acls.sh`) to the topics whose names begin with
the text TOPICS. It is meant for an authorizer that denies all else. `await` has listeners with
SASL_PLAINTEXT: it ends when all of them know the users. Kafka 2.7 and newer.
"""

import hashlib
import itertools
import json
import os
import struct
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path.insert(0, str(Path(__file__).resolve().parent))

import wire  # noqa: E402

SASL_HANDSHAKE, CREATE_ACLS, SASL_AUTHENTICATE, ALTER_USER_SCRAM_CREDENTIALS = 17, 30, 36, 51
# Kafka's number of a mechanism: Python's name of its hash, the mechanism's name.
SCRAM = {1: ("sha256", "SCRAM-SHA-256"), 2: ("sha512", "SCRAM-SHA-512")}
ITERATIONS = 4096
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8,
              "DescribeConfigs": 10, "AlterConfigs": 11}
TOPIC, PREFIXED, ALLOW = 2, 4, 3


def short(number):
    """An unsigned number of variable length."""
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def compact(data):
    """Bytes or a string of the flexible versions."""
    return short(len(data) + 1) + data


def flexible(connection, key, version, body):
    """`wire.call` with the headers of flexible versions."""
    # The client's id is still a plain string; an empty set of tagged fields follows it.
    reply = wire.call(connection, key, version, b"\0" + body)
    reply.number("b")  # tagged fields
    return reply


def unsigned(reply):
    """A number of variable length, off a reply."""
    value = shift = 0
    while True:
        byte = reply.number("B")
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value


def add_users(connection, users, number):
    """Salted passwords for a mechanism; the connection is one to the controller."""
    name, _ = SCRAM[number]
    entries = []
    for user, password in users.items():
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, ITERATIONS)
        entries.append(
            compact(user.encode()) + struct.pack(">bi", number, ITERATIONS) + compact(salt)
            + compact(salted) + b"\0"
        )
    body = short(1) + short(len(entries) + 1) + b"".join(entries) + b"\0"
    reply = flexible(connection, ALTER_USER_SCRAM_CREDENTIALS, 0, body)
    reply.number("i")  # throttle
    for _ in range(unsigned(reply) - 1):
        user = text(reply)
        error, message = reply.number("h"), text(reply)
        unsigned(reply)
        if error:
            raise ConnectionError(f"{user}: error {error} {message}")


def text(reply):
    """A string of the flexible versions."""
    size = unsigned(reply) - 1
    if size < 0:
        return None
    reply.at += size
    return reply.data[reply.at - size : reply.at].decode()


def add_rules(connection, rules):
    """Access control lists."""
    entries = [
        struct.pack(">b", TOPIC) + wire.string(rule["topics"]) + struct.pack(">b", PREFIXED)
        + wire.string(f"User:{rule['principal']}") + wire.string("*")
        + struct.pack(">bb", OPERATIONS[operation], ALLOW)
        for rule in rules for operation in rule["operations"]
    ]
    reply = wire.call(connection, CREATE_ACLS, 1, struct.pack(">i", len(entries)) + b"".join(entries))
    reply.number("i")  # throttle
    for error, message in reply.array(lambda: (reply.number("h"), reply.string())):
        if error:
            raise ConnectionError(f"access control list: error {error} {message}")


def known(address, user, number):
    """Whether a broker has heard of a user: it answers the first message of SCRAM."""
    first = f"n,,n={user.replace('=', '=3D').replace(',', '=2C')},r=rig".encode()
    with wire.connect(address) as connection:
        if wire.call(connection, SASL_HANDSHAKE, 1, wire.string(SCRAM[number][1])).number("h") != 0:
            raise ConnectionError(f"{address} does not speak {SCRAM[number][1]}")
        return wire.call(connection, SASL_AUTHENTICATE, 0, struct.pack(">i", len(first)) + first).number("h") == 0


def main():
    """The command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wanted = json.load(sys.stdin)
    users = wanted.get("scram", {})
    try:
        with wire.connect(sys.argv[1]) as connection:
            add_rules(connection, wanted.get("allow", []))
            # A request each: Kafka 4 takes no user twice in one.
            for number in SCRAM:
                add_users(connection, users, number)
        # Other brokers hear of it a little later, and of the users last.
        deadline = time.monotonic() + 30
        for address, user, number in itertools.product(wanted.get("await", []), users, SCRAM):
            while not known(address, user, number):
                if time.monotonic() > deadline:
                    raise ConnectionError(f"{address} does not know {user}")
                time.sleep(0.05)
    except OSError as problem:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
