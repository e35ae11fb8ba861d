#!/usr/bin/env python3
"""A TCP proxy before brokers, which counts Kafka's requests and cuts connections at one of them.

    proxy.py start DIR [--netns PATH] LISTEN=TARGET...    each ADDRESS:PORT; prints {pid, routes, log}
    proxy.py counts DIR             {connections, total, requests: {API: N}, by_connection: [...], cut}
    proxy.py reset DIR              forgets counts and cut
    proxy.py cut DIR N --when before|after|within [--api NAME] [--stay-down]
    proxy.py heal DIR               new connections are served again
    proxy.py stop DIR

It rewrites nothing, so brokers must advertise LISTEN: see cluster.py's --advertise. DIR is the
proxy's own folder; PATH a network namespace (`netns` of cluster.py start), by default this one.

`cut` counts anew from 1, and cuts the connection of the Nth request of all connections together:
    before  it is not forwarded: the broker never hears of it
    after   the broker has done it, and its reply is dropped
    within  half of the reply is delivered
With --api only requests of this kind count, such as CreateTopics. It cuts once; the next connections
are served, unless --stay-down: then all connections are cut, and new ones closed at once.

Requests on connections with TLS are not seen; such connections are counted and passed on.
"""

import argparse
import asyncio
import collections
import json
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = not sys.pycache_prefix  # the repository stays free of __pycache__ folders
sys.path.insert(0, str(HERE))

import jvm  # noqa: E402
from jvm import Failed  # noqa: E402

WHEN = ("before", "after", "within")
TLS_HANDSHAKE = 0x16  # the first byte of a TLS client; of a Kafka client it would be a length over 369 MB
LONGEST = 64 << 20  # bytes in a frame

APIS = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 17: "SaslHandshake", 18: "ApiVersions",
    19: "CreateTopics", 20: "DeleteTopics", 32: "DescribeConfigs", 33: "AlterConfigs",
    36: "SaslAuthenticate", 37: "CreatePartitions", 44: "IncrementalAlterConfigs",
    46: "ListPartitionReassignments", 60: "DescribeCluster", 75: "DescribeTopicPartitions",
}


class Cut(Exception):
    """This connection ends here."""


class Proxy:
    """All connections together: counts, and where to cut."""

    def __init__(self):
        self.down = False
        self.open = set()  # writers, both sides of each connection
        self.reset()

    def reset(self):
        """Counts from nothing; nothing is to be cut."""
        self.by_connection = []
        self.seen = 0  # requests that the cut counts
        self.cut = None

    def counts(self):
        """What `counts` prints."""
        total = collections.Counter()
        for one in self.by_connection:
            total.update(one["requests"])
        return {
            "connections": len(self.by_connection), "total": sum(total.values()), "requests": total,
            "by_connection": self.by_connection, "cut": self.cut,
        }

    def command(self, asked):
        """One order of the command line; its answer."""
        verb = asked["verb"]
        if verb == "reset":
            self.reset()
        elif verb == "heal":
            self.down = False
        elif verb == "cut":
            self.reset()
            self.cut = {"request": asked["request"], "when": asked["when"], "api": asked.get("api"),
                        "stay_down": bool(asked.get("stay_down")), "done": False}
        return self.counts()

    def fate(self, api, mine):
        """Counts a request; when its connection is to be cut, or None."""
        mine["requests"][api] += 1
        cut = self.cut
        if not cut or cut["done"] or (cut["api"] or api) != api:
            return None
        self.seen += 1
        return cut["when"] if self.seen == cut["request"] else None

    def make_cut(self):
        """The cut is done; what else it brings."""
        self.cut["done"] = True
        if self.cut["stay_down"]:
            self.down = True
            for writer in list(self.open):
                writer.transport.abort()

    async def serve(self, listen, target, client, to_client):
        """One connection of a client."""
        if self.down:
            to_client.close()
            return
        mine = {"listen": listen, "requests": collections.Counter(), "tls": False}
        self.by_connection.append(mine)
        host, port = target.rsplit(":", 1)
        try:
            broker, to_broker = await asyncio.open_connection(host, int(port), limit=1 << 20)
        except OSError as problem:
            print(f"{target}: {problem}", flush=True)
            to_client.transport.abort()
            return
        self.open |= {to_client, to_broker}
        fates = collections.deque()  # one for each request whose reply is outstanding: replies are in order
        tasks = [asyncio.create_task(self.requests(client, to_broker, mine, fates)),
                 asyncio.create_task(self.replies(broker, to_client, mine, fates))]
        try:
            # Whichever side ends first ends the connection.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.open -= {to_client, to_broker}
            for writer in (to_client, to_broker):
                writer.close()

    async def requests(self, client, to_broker, mine, fates):
        """From the client to the broker."""
        head = await client.readexactly(4)
        if head[0] == TLS_HANDSHAKE:
            mine["tls"] = True
            return await copy(client, to_broker, head)
        while True:
            body = await client.readexactly(length(head))
            key, _, _ = struct.unpack_from(">hhi", body)
            fate = self.fate(APIS.get(key, str(key)), mine)
            if fate == "before":
                self.make_cut()
                raise Cut
            fates.append(fate)
            to_broker.write(head + body)
            await to_broker.drain()
            head = await client.readexactly(4)

    async def replies(self, broker, to_client, mine, fates):
        """From the broker to the client."""
        head = await broker.readexactly(4)
        if mine["tls"]:
            return await copy(broker, to_client, head)
        while True:
            frame = head + await broker.readexactly(length(head))
            fate = fates.popleft() if fates else None
            if fate:
                if fate == "within":
                    to_client.write(frame[: len(frame) // 2])
                    await to_client.drain()
                self.make_cut()
                raise Cut
            to_client.write(frame)
            await to_client.drain()
            head = await broker.readexactly(4)

    async def control(self, reader, writer):
        """One order: a line in, a line out."""
        asked = json.loads(await reader.readline())
        writer.write(json.dumps(self.command(asked)).encode() + b"\n")
        await writer.drain()
        writer.close()


def length(head):
    """The length of a frame; not one that would fill the memory."""
    size = struct.unpack(">i", head)[0]
    if not 8 <= size <= LONGEST:
        print(f"not Kafka's protocol: a frame of {size} bytes", flush=True)
        raise Cut
    return size


async def copy(reader, writer, first):
    """What is not to be understood."""
    data = first
    while data:
        writer.write(data)
        await writer.drain()
        data = await reader.read(65536)


async def run(folder, routes):
    """The proxy itself, until it is killed."""
    proxy = Proxy()
    servers = []
    for route in routes:
        listen, target = route.split("=")
        host, port = listen.rsplit(":", 1)
        servers.append(await asyncio.start_server(
            lambda reader, writer, listen=listen, target=target: proxy.serve(listen, target, reader, writer),
            host, int(port), limit=1 << 20,
        ))
    # Last: who can give orders can connect. A path, since that works across network namespaces.
    servers.append(await asyncio.start_unix_server(proxy.control, folder / "control"))
    await asyncio.gather(*(server.serve_forever() for server in servers))


def start(folder, routes, netns=None):
    """Starts a proxy; returns when it listens."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True)
    log = folder / "proxy.log"
    with open(log, "w") as out:
        process = subprocess.Popen(
            [*jvm.netns(netns), sys.executable, str(HERE / "proxy.py"), "run", str(folder), *routes],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )
    (folder / "process.json").write_text(json.dumps(jvm.record(process.pid)))
    deadline = time.monotonic() + 10
    while not (folder / "control").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            text = jvm.tail(log)
            stop(folder)
            raise Failed(f"the proxy did not start:\n{text}")
        time.sleep(0.02)
    return {"pid": process.pid, "routes": dict(route.split("=") for route in routes), "log": str(log)}


def ask(folder, verb, **more):
    """Gives a running proxy an order; its counts."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(Path(folder) / "control"))
        except OSError as problem:
            raise Failed(f"no proxy in {folder}: {problem}") from None
        connection.sendall(json.dumps({"verb": verb, **more}).encode() + b"\n")
        with connection.makefile() as answer:
            return json.loads(answer.readline())


def stop(folder):
    """Ends a proxy, and removes its folder."""
    file = Path(folder) / "process.json"
    if file.exists():
        jvm.end([json.loads(file.read_text())])
    shutil.rmtree(folder, ignore_errors=True)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("start", "run", "counts", "reset", "cut", "heal", "stop"):
        verb = verbs.add_parser(name)
        verb.add_argument("dir")
        if name in ("start", "run"):
            verb.add_argument("--netns")
            verb.add_argument("routes", nargs="+", metavar="LISTEN=TARGET")
        if name == "cut":
            verb.add_argument("request", type=int)
            verb.add_argument("--when", choices=WHEN, required=True)
            verb.add_argument("--api", choices=APIS.values())
            verb.add_argument("--stay-down", action="store_true")
    options = parser.parse_args()
    try:
        if options.verb == "run":
            asyncio.run(run(Path(options.dir), options.routes))
        elif options.verb == "start":
            print(json.dumps(start(options.dir, options.routes, options.netns)))
        elif options.verb == "stop":
            stop(options.dir)
        else:
            words = {name: value for name, value in vars(options).items() if name not in ("dir", "verb")}
            print(json.dumps(ask(options.dir, options.verb, **words)))
    except Failed as problem:
        print(f"proxy: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
