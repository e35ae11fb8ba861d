#!/usr/bin/env python3
"""A TCP proxy that is far away: each direction takes half of a round trip, and so does the handshake.

    delay.py MILLISECONDS LISTEN=TARGET...    each ADDRESS:PORT; prints a line when it listens

For kernels without `tc netem`.
"""

import asyncio
import sys


async def carry(reader, writer, delay):
    """One direction; what comes later waits as long."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    delivering = asyncio.create_task(deliver())
    while True:
        data = await reader.read(1 << 16)
        queue.put_nowait((loop.time() + delay, data))
        if not data:
            return await delivering


def server(target, round_trip):
    """What serves a connection."""
    host, port = target.rsplit(":", 1)

    async def serve(reader, writer):
        try:
            # The handshake has gone there and back when the client may speak.
            await asyncio.sleep(round_trip)
            there, to_there = await asyncio.open_connection(host, int(port))
            both = [carry(reader, to_there, round_trip / 2), carry(there, writer, round_trip / 2)]
            await asyncio.gather(*both)
            to_there.close()
        except OSError:
            pass
        writer.close()

    return serve


async def main():
    round_trip = float(sys.argv[1]) / 1000
    servers = []
    for route in sys.argv[2:]:
        listen, target = route.split("=")
        host, port = listen.rsplit(":", 1)
        servers.append(await asyncio.start_server(server(target, round_trip), host, int(port)))
    print("listening", flush=True)
    await asyncio.gather(*(one.serve_forever() for one in servers))


if __name__ == "__main__":
    asyncio.run(main())
