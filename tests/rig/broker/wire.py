#!/usr/bin/env python3
"""Asks a broker's plaintext listener in Kafka's own protocol, without a JVM.

    wire.py ready ADDRESS:PORT [SECONDS [BROKERS]]
                                    waits until the broker knows a cluster of so many brokers and its
                                    controller; exit 1 when that takes longer (default: 0 s, 1 broker)
    wire.py topics ADDRESS:PORT     {NAME: {partitions, replication_factor, config}} as JSON
    wire.py members ADDRESS:PORT    {brokers: [ID], controller: ID} as JSON

`config` holds the topic's own overrides only. Tests compare what the program under test says with
this: on purpose it shares no code with it.
"""

import json
import socket
import struct
import sys
import time

METADATA, DESCRIBE_CONFIGS = 3, 32
TOPIC, TOPIC_OVERRIDE = 2, 1


class Reader:
    """Kafka's primitive types (the non-flexible ones), read off a reply in order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, format_):
        value = struct.unpack_from(">" + format_, self.data, self.at)[0]
        self.at += struct.calcsize(">" + format_)
        return value

    def string(self):
        size = self.number("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def array(self, item):
        return [item() for _ in range(max(self.number("i"), 0))]


def string(text):
    """A string, as it goes onto the wire."""
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def exactly(connection, size):
    """That many bytes, or an error."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the broker closed the connection")
        data += piece
    return data


def call(connection, key, version, body):
    """One request and its reply."""
    request = struct.pack(">hhi", key, version, 1) + string("rig") + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    reply = Reader(exactly(connection, struct.unpack(">i", exactly(connection, 4))[0]))
    reply.number("i")  # correlation id
    return reply


def metadata(connection):
    """Ids of brokers, the controller's id, topics; never creates a topic."""
    # A null list of topics: all. Then allow_auto_topic_creation: no.
    reply = call(connection, METADATA, 7, struct.pack(">ib", -1, 0))
    reply.number("i")  # throttle

    def broker():
        return reply.number("i"), reply.string(), reply.number("i"), reply.string()

    def partition():
        reply.number("h"), reply.number("i"), reply.number("i"), reply.number("i")
        replicas = reply.array(lambda: reply.number("i"))
        reply.array(lambda: reply.number("i"))
        reply.array(lambda: reply.number("i"))
        return len(replicas)

    def topic():
        reply.number("h")
        return reply.string(), reply.number("b"), reply.array(partition)

    brokers = [id_ for id_, *_ in reply.array(broker)]
    reply.string()  # cluster
    controller = reply.number("i")
    return brokers, controller, [(name, parts) for name, internal, parts in reply.array(topic) if not internal]


def overrides(connection, names):
    """Each topic's own settings."""
    body = struct.pack(">i", len(names))
    body += b"".join(struct.pack(">b", TOPIC) + string(name) + struct.pack(">i", -1) for name in names)
    reply = call(connection, DESCRIBE_CONFIGS, 1, body + struct.pack(">b", 0))
    reply.number("i")  # throttle

    def config():
        name, value = reply.string(), reply.string()
        reply.number("b")
        source = reply.number("b")
        reply.number("b")
        reply.array(lambda: (reply.string(), reply.string(), reply.number("b")))
        return name, value, source

    def result():
        error, message = reply.number("h"), reply.string()
        reply.number("b")
        name, configs = reply.string(), reply.array(config)
        if error:
            raise ConnectionError(f"{name}: error {error} {message}")
        return name, {key: value for key, value, source in configs if source == TOPIC_OVERRIDE}

    return dict(reply.array(result))


def connect(address):
    """A connection to ADDRESS:PORT."""
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def ready(address, seconds=0, wanted=1):
    """Waits until the broker knows of that many brokers and of a controller."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with connect(address) as connection:
                while True:
                    brokers, controller, _ = metadata(connection)
                    if len(brokers) == wanted and controller >= 0:
                        return True
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.05)
        except (OSError, struct.error):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)


def topics(connection):
    """{NAME: {partitions, replication_factor, config}}."""
    _, _, found = metadata(connection)
    own = overrides(connection, [name for name, _ in found]) if found else {}
    return {
        name: {"partitions": len(parts), "replication_factor": max(parts), "config": own[name]}
        for name, parts in sorted(found)
    }


def members(connection):
    """{brokers, controller}."""
    brokers, controller, _ = metadata(connection)
    return {"brokers": sorted(brokers), "controller": controller}


def main():
    """The command line."""
    verb, *words = sys.argv[1:] or [""]
    if verb not in ("ready", "topics", "members") or not 1 <= len(words) <= (3 if verb == "ready" else 1):
        print(__doc__, file=sys.stderr)
        return 3
    if verb == "ready":
        return 0 if ready(words[0], *map(int, words[1:])) else 1
    try:
        with connect(words[0]) as connection:
            print(json.dumps({"topics": topics, "members": members}[verb](connection)))
    except OSError as problem:
        print(f"{words[0]}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
