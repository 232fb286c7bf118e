"""A WebSocket server that echoes, or serves a chat as trunkline-load-app does, and lies in one way: trunkline-load's
ledger has to say which. Prints its port."""
import asyncio
import collections
import contextlib
import http
import itertools
import os
import sys
import urllib.parse

import websockets

LIE = sys.argv[1]
numbers, requests = itertools.count(), itertools.count()
held, posts = [], itertools.count()
rooms = collections.defaultdict(list)


async def serve(socket):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(socket.path).query))
    with contextlib.suppress(websockets.ConnectionClosed):
        await (chat(socket, query) if query.get("profile") == "chat" else echo(socket))


async def chat(socket, query):
    room = rooms[query["room"]]
    room.append(socket)
    await socket.send("j" + query["run"] + "f" * 8 + "0" * 32)
    async for message in socket:
        receivers = list(room)
        if next(posts) == 20:
            other = next(member for member in room if member is not socket)
            if LIE == "forgets":
                receivers.remove(other)
            if LIE == "answers-twice":
                receivers.append(other)
        for receiver in receivers:
            await receiver.send(message)


async def echo(socket):
    number = next(numbers)
    if LIE == "closes-half" and number % 2 == 1:
        await asyncio.sleep(0.3)
        return await socket.close(1011, "not you")
    before = None
    async for count, message in _numbered(socket):
        if LIE == "stops-reading" and count == 20:
            await asyncio.Event().wait()
        if LIE == "dies" and count == 20:
            os._exit(1)
        if LIE == "forgets" and number % 10 == 3 and count == 20:
            continue
        if LIE == "changes" and count == 20:
            message = message[:10] + "f" + message[11:]  # another run's
        if LIE == "changes-the-last-byte" and count == 20:
            message = message[:-1] + "y"
        if LIE == "changes-the-letter" and count == 20:
            message = "M" + message[1:]
        if LIE == "cuts" and count == 20:
            message = message[:-1]
        if LIE == "adds" and count == 20:
            message += "x"
        if LIE == "speaks-nonsense" and count == 20:
            message = "hello"
        if LIE == "swaps" and count % 20 == 19:
            before = message  # goes out behind the next one
            continue
        if LIE == "misdelivers" and count == 20:
            held.append(message)
            message = held[0]
        await socket.send(message)
        if before is not None:
            await socket.send(before)
            before = None
        if LIE == "answers-twice" and count == 20:
            await socket.send(message)


async def _numbered(socket):
    count = 0
    async for message in socket:
        yield count, message
        count += 1


async def refuse(path, headers):
    if LIE == "refuses":
        return http.HTTPStatus.SERVICE_UNAVAILABLE, [], b"no\n"
    if LIE == "refuses-half" and next(requests) % 2 == 1:
        return http.HTTPStatus.SERVICE_UNAVAILABLE, [], b"no\n"
    if LIE == "never-answers":
        await asyncio.sleep(60)


async def main():
    options = {"compression": None, "process_request": refuse, "ping_interval": None}
    async with websockets.serve(serve, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
