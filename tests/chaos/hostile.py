"""Peers that speak the link protocol as far as the handshake and then do what a test wants."""
import asyncio
import os

from chaos import scaled
from support.link_bytes import frame, read_frame
from support.ports import free_port

ACK, BYE, DATA, OPEN, MARK = 102, 103, 110, 111, 119
MIB = 1 << 20


class HostileProxy:
    """Dials an app server, lane by lane. `attached` of the newest link: [101, status, received, limit, mac]."""

    def __init__(self, app, proxy_id="hostile", features=("resume",), lanes=1, mac=None):
        host, _, self._port = app.address.removeprefix("tcp://").rpartition(":")
        self._host = host.replace("0.0.0.0", "127.0.0.1")
        self.pool = os.urandom(16)
        self._lanes = lanes
        self._writers = []
        self._hello = {1: proxy_id, 2: int.from_bytes(os.urandom(8), "big"), 3: list(features), 4: os.urandom(16), 5: "test",
                       **({6: mac} if mac else {}), 7: 25000, 8: lanes, 9: "app", 10: 0, 11: 1, 12: MIB}

    async def attach(self, lane=0, attempt=0, received=0, pool=None, lanes=None):
        """Binds a new link to the lane; the status that the app server answers."""
        self._reader, self.writer = await asyncio.open_connection(self._host, int(self._port))
        self._writers.append(self.writer)
        await self._read()  # its hello
        self.writer.write(frame([2, "", {100: self._hello}, None]))
        self.writer.write(frame([100, pool or self.pool, lane, lanes or self._lanes, attempt, received, MIB]))
        self.attached = await self._read()
        return self.attached[1]

    async def say(self, *frames):
        for one in frames:
            self.writer.write(one if isinstance(one, bytes) else frame(one))
        await self.writer.drain()

    @staticmethod
    def open_frame(chan):
        return [OPEN, chan, 1, 0, 0, f"connection-{chan}".ljust(22, "A"), {}, {}, "", {4: "/"}]

    async def frames_to_the_end(self):
        """All that still comes, until the app server closes the link."""
        frames = []
        try:
            while True:
                frames.append(await self._read())
        except (asyncio.IncompleteReadError, ConnectionError):
            return frames

    async def bye(self):
        """The code of the Bye with which the app server ends the pool."""
        byes = [f for f in await self.frames_to_the_end() if f[0] == BYE]
        return byes[0][1] if byes else None

    async def _read(self):
        return await asyncio.wait_for(read_frame(self._reader), scaled(10))

    def close(self):
        for writer in self._writers:
            writer.transport.abort()


class HostileAppServer:
    """Takes the links that proxies dial. `behave(link)` runs on each that has attached; `answer(attempt)` is what an
    Attach is answered: (status, received)."""

    def __init__(self, behave, answer=lambda attempt: (0, 0), name="hostile", epoch=None):
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.epoch = epoch or int.from_bytes(os.urandom(7), "big")
        self.links = 0
        self._behave, self._answer, self._name = behave, answer, name

    async def start(self):
        self._server = await asyncio.start_server(self._on_link, "127.0.0.1", self.port)
        return self

    async def _on_link(self, reader, writer):
        self.links += 1
        link = Link(reader, writer)
        try:
            hello = {1: self._name, 2: self.epoch, 3: ["resume", "resize"], 4: os.urandom(16), 5: "test", 12: MIB}
            await link.say([1, 1, 0, "", 0, {100: hello}, False])
            await read_frame(reader)
            attach = await read_frame(reader)
            link.lane, link.attempt = attach[2], attach[4]
            status, received = self._answer(link.attempt)
            await link.say([101, status, received, MIB, None])
            if status == 0:
                await self._behave(link)
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        finally:
            writer.close()

    def stop(self):
        self._server.close()


class Link:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def say(self, *frames):
        for one in frames:
            self.writer.write(one if isinstance(one, bytes) else frame(one))
        await self.writer.drain()

    async def opened(self):
        """The chan of the next connection that the proxy opens."""
        while True:
            got = await read_frame(self.reader)
            if got[0] == OPEN:
                return got[1]

    async def to_the_end(self):
        while True:
            await read_frame(self.reader)
