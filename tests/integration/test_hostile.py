"""Peers that misbehave: clients over their limits, app servers and proxies that speak nonsense on a link."""
import asyncio
import os
import socket
import time
import unittest

import websockets

from support.environment import scaled
from support.link_bytes import frame, read_frame
from support.ports import free_port
from support.processes import wait_until
from support.scenario import Scenario

MASK = b"\0\0\0\0"


class Clients(Scenario):
    def raw_client(self, proxy, path="/"):
        """A socket after its upgrade."""
        client = self.begin_upgrade(proxy, path)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        self.assertIn(b"101", head)
        return client

    def close_code(self, client):
        """The code of the close frame that ends what arrives."""
        data = b""
        while piece := client.recv(4096):
            data += piece
            while len(data) >= 2 and data[0] != 0x88:
                data = data[2 + (data[1] & 127):]
            if len(data) >= 4:
                return int.from_bytes(data[2:4], "big")
        self.fail("no close frame")

    def counted(self, proxy, reason, count=1):
        wait_until(lambda: proxy.metric("trunkline_closes_total", reason=reason) == count, f"{reason} is counted")

    async def test_no_token_and_no_payload_in_a_log(self):
        proxy = self.proxy(self.app(), routes=[{"path": "/chat", "upstream": "app"}], log={"level": "trace"})
        client = await self.connect(proxy.url("/chat?access_token=hunter2"))
        await client.send("hunter2")
        await self.receive(client)
        await client.close()
        with self.assertRaises(websockets.InvalidStatusCode):
            await self.connect(proxy.url("/nowhere?access_token=hunter2"))
        self.assertEqual(proxy.stop(), 0)
        self.assertIn("/nowhere?***", proxy.log())  # else the next line proves nothing
        self.assertNotIn("hunter2", proxy.log())

    async def test_a_request_that_never_ends(self):
        proxy = self.proxy(self.app(), timeouts={"request_head": "300ms"})
        with socket.create_connection(("127.0.0.1", proxy.port), scaled(10)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
            started = time.monotonic()
            while client.recv(4096):
                pass
            self.assertLess(time.monotonic() - started, scaled(5))

    async def test_a_client_that_does_not_pong(self):
        proxy = self.proxy(self.app(), timeouts={"ping": "200ms", "pong": f"{int(scaled(2000))}ms"})
        alive = await self.connect(proxy.url())
        # In threads, so that the client that is alive can go on answering.
        silent = await asyncio.to_thread(self.raw_client, proxy)
        self.assertEqual(await asyncio.to_thread(self.close_code, silent), 1008)
        await asyncio.to_thread(self.counted, proxy, "pong_timeout")
        await alive.send("alive")
        self.assertEqual(await self.receive(alive), "alive")

    async def test_a_proxy_that_was_held_up_does_not_take_it_out_on_its_clients(self):
        proxy = self.proxy(self.app(), timeouts={"ping": "500ms", "pong": f"{int(scaled(1000))}ms"})
        clients = [await self.connect(proxy.url()) for _ in range(5)]
        await self.command(clients[-1], "whoami")
        proxy.pause()
        await asyncio.sleep(0.7 + scaled(1))  # longer than both
        proxy.go_on()
        for client in clients:
            await client.send("unharmed")
            self.assertEqual(await self.receive(client), "unharmed")
        self.assertEqual(proxy.metric("trunkline_closes_total"), 0)

    async def test_idle_timeout_of_a_route(self):
        proxy = self.proxy(self.app(), routes=[{"path": "/*", "upstream": "app", "idle_timeout": "400ms"}])
        client = await self.connect(proxy.url())
        self.assertEqual((await self.closed(client))[0], 1001)
        self.counted(proxy, "idle_timeout")

    async def test_too_many_fragments_and_a_message_that_never_ends(self):
        proxy = self.proxy(self.app(), limits={"fragments": 10}, timeouts={"message": "300ms"})
        client = self.raw_client(proxy)
        client.sendall(b"\x01\x81" + MASK + b"a" + (b"\x00\x81" + MASK + b"a") * 12)
        self.assertEqual(self.close_code(client), 1008)
        self.counted(proxy, "too_many_fragments")
        client = self.raw_client(proxy)
        client.sendall(b"\x01\x81" + MASK + b"a")
        self.assertEqual(self.close_code(client), 1008)
        self.counted(proxy, "message_timeout")

    async def test_a_message_over_the_limit_of_its_route(self):
        proxy = self.proxy(self.app(), routes=[{"path": "/*", "upstream": "app", "max_message": "1000"}])
        client = await self.connect(proxy.url())
        await client.send("x" * 1000)
        self.assertEqual(await self.receive(client), "x" * 1000)
        await client.send("x" * 1001)
        self.assertEqual((await self.closed(client))[0], 1009)
        client = await self.connect(proxy.url())
        await client.send(["x" * 600, "x" * 600])
        self.assertEqual((await self.closed(client))[0], 1009)
        self.counted(proxy, "message_too_big", 2)

    async def test_connection_limits(self):
        self.workers = 1
        proxy = self.proxy(self.app(), limits={"connections": 5})
        clients = [await self.connect(proxy.url()) for _ in range(5)]
        self.assertEqual((await self.refused(proxy.url()))[0], 503)
        await clients[0].close()
        deadline = time.monotonic() + scaled(10)
        while True:
            try:
                client = await self.connect(proxy.url())
                break
            except websockets.InvalidStatusCode:
                self.assertLess(time.monotonic(), deadline, "the place never comes back")
                await asyncio.sleep(0.02)
        await client.send("room again")
        self.assertEqual(await self.receive(client), "room again")

    async def test_random_bytes_from_many_clients(self):
        proxy = self.proxy(self.app())
        for i in range(50):
            client = self.raw_client(proxy) if i % 2 else socket.create_connection(("127.0.0.1", proxy.port), scaled(10))
            client.sendall(os.urandom(1 + i * 40))
            client.close()
        client = await self.connect(proxy.url())
        await client.send("still here")
        self.assertEqual(await self.receive(client), "still here")
        wait_until(lambda: proxy.metric("trunkline_connections") == 1, "the others are gone")


class FakeAppServer:
    """Takes links as far as the handshake, then does what the test wants: `behave(lane, reader, writer)`."""

    def __init__(self, behave, greeting=None):
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.links = 0
        self._behave, self._greeting = behave, greeting

    async def start(self):
        self._server = await asyncio.start_server(self._on_link, "127.0.0.1", self.port)
        return self

    async def _on_link(self, reader, writer):
        self.links += 1
        try:
            hello = {1: "fake", 2: 7, 3: [], 4: os.urandom(16), 5: "test", 12: 1 << 20}
            writer.write(self._greeting or frame([1, 1, 0, "", 0, {100: hello}, False]))
            self.response = await read_frame(reader)
            self.attach = await read_frame(reader)
            writer.write(frame([101, 0, 0, 1 << 20, None]))
            await self._behave(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def stop(self):
        self._server.close()


class Links(Scenario):
    async def with_fake(self, behave, greeting=None, name="proxy"):
        good = self.app(f"good-{name}")
        fake = await FakeAppServer(behave, greeting).start()
        self.addCleanup(fake.stop)
        proxy = self.start_proxy(name, good, fake)
        return good, fake, proxy

    def start_proxy(self, name, good, fake):
        # A pool that ends is made anew at once, so that the test sees it happen several times.
        return self.proxy(good, fake, name=name, ready=False, links={"redial_min": "20ms", "redial_max": "100ms"})

    async def client_of(self, app, proxy, seconds=10):
        """A client of the app server that behaves."""
        deadline = time.monotonic() + scaled(seconds)
        while time.monotonic() < deadline:
            try:
                client = await self.connect(proxy.url())
                await client.send('{"do": "whoami"}')
                if app.name in await self.receive(client, 2):
                    return client
            except (asyncio.TimeoutError, websockets.WebSocketException, OSError, EOFError):
                await asyncio.sleep(0.02)
        self.fail("no client came to the app server that behaves")

    async def expect_survival(self, good, fake, proxy):
        client = await self.client_of(good, proxy)
        deadline = time.monotonic() + scaled(15)
        while fake.links < 4 and time.monotonic() < deadline:
            await client.send("while it dials again")
            self.assertEqual(await self.receive(client), "while it dials again")
            await asyncio.sleep(0.02)
        self.assertGreaterEqual(fake.links, 4, "the pool is made anew")
        self.assertTrue(proxy.is_running())

    async def test_nonsense_instead_of_a_greeting(self):
        async def nothing(fake, reader, writer):
            pass
        for i, greeting in enumerate((b"HTTP/1.1 400 Bad Request\r\n\r\n", os.urandom(500), b"\xff" * 20,
                                      frame([1, 2, 0, "", 0, {}, False]), frame([110, 1, "early"]))):
            with self.subTest(greeting[:20]):
                good, fake, proxy = await self.with_fake(nothing, greeting, name=f"proxy-{i}")
                await self.expect_survival(good, fake, proxy)

    async def test_nonsense_on_an_attached_lane(self):
        for i, nonsense in enumerate((
                b"\xff" * 100,                           # no length
                b"\x80\x80\x80\x80\x7f",                 # 32 GB
                frame("not an array"), frame([]), frame([110]), frame([110, "one", 2]),
                frame([113, 1, 99999, "no such code", 2]),
                frame([102, 1 << 40, 1 << 41, 0]),       # more handled than was ever sent
                frame([102, 0, 0, 0]) * 3 + frame([110, 1 << 60, "nobody's"]) + b"\x03\xc1\xc1\xc1",
                frame([101, 0, 0, 1 << 20, None]))):     # attached twice
            async def behave(fake, reader, writer, bytes_=nonsense):
                writer.write(bytes_)
                await writer.drain()
                while await reader.read(4096):
                    pass
            with self.subTest(nonsense[:20]):
                good, fake, proxy = await self.with_fake(behave, name=f"proxy-{i}")
                await self.expect_survival(good, fake, proxy)

    async def test_nonsense_to_an_app_server(self):
        app = self.app()
        proxy = self.proxy(app)
        client = await self.connect(proxy.url())
        await self.command(client, "whoami")
        host, port = app.address.removeprefix("tcp://").split(":")
        hello = {1: "fake-proxy", 2: 9, 3: [], 4: os.urandom(16), 5: "test", 7: 25000, 8: 1, 9: "app", 10: 0, 11: 1, 12: 1 << 20}
        attach = frame([100, os.urandom(16), 0, 1, 0, 0, 1 << 20])
        response = frame([2, "", {100: hello}, None])
        for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(3000), b"\xff" * 50, response, response + frame([1, 2, 3]),
                     response + attach + b"\xff" * 20, response + attach + frame([110, 5, "nobody's"]),
                     response + attach + frame([102, 1 << 50, 1 << 50, 0]), response + attach * 2,
                     response + attach + frame([111, 1]), response + attach + frame([111, 2, 1, 0, 0, "x", [], [], "", {}])):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            await asyncio.sleep(0.02)
            writer.close()
            await client.send("still here")
            self.assertEqual(await self.receive(client), "still here")
        self.assertTrue(app.is_running())


if __name__ == "__main__":
    unittest.main()
