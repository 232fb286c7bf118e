"""What passes through, and what is refused: messages, close codes, sub-protocols, origins, paths, the app's refusals."""
import asyncio
import base64
import http.client
import json
import os
import socket
import struct
import time
import unittest

import websockets

from support.environment import scaled
from support import servers
from support.scenario import Scenario


class PassThrough(Scenario):
    async def asyncSetUp(self):
        self.proxy_ = self.proxy(self.app(), routes=[
            {"path": "/", "upstream": "app"}, {"path": "/chat/{room}", "upstream": "app"},
            {"path": "/protocols", "upstream": "app", "subprotocols": ["b", "a"]},
            {"path": "/big", "upstream": "app", "max_message": "1MiB"}])

    async def test_text_and_binary_of_every_length_boundary(self):
        client = await self.connect(self.proxy_.url("/big"))
        for size in (0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20):
            await client.send("t" * size)
            self.assertEqual(await self.receive(client), "t" * size)
            data = os.urandom(size)
            await client.send(data)
            self.assertEqual(await self.receive(client), data)
        await client.send("grüße 🎈")
        self.assertEqual(await self.receive(client), "grüße 🎈")

    async def test_fragments_are_joined(self):
        client = await self.connect(self.proxy_.url())
        await client.send(["a" * 100, "b" * 200, "c"])
        self.assertEqual(await self.receive(client), "a" * 100 + "b" * 200 + "c")

    async def test_the_app_sees_the_original_request(self):
        client = await self.connect(self.proxy_.url("/chat/blue?x=1&y=%20"), extra_headers={"X-Own": "yes", "Cookie": "a=b"})
        me = await self.command(client, "whoami")
        self.assertEqual((me["path"], me["query"], me["proxy"]), ("/chat/blue", "x=1&y=%20", "proxy"))
        self.assertEqual(me["host"], f"127.0.0.1:{self.proxy_.port}")
        self.assertRegex(me["remote"], r"^127\.0\.0\.1:\d+$")
        self.assertRegex(me["connection"], r"^[A-Za-z0-9_-]{22}$")
        headers = {name.lower(): value for name, value in me["headers"]}
        self.assertEqual((headers["x-own"], headers["cookie"]), ("yes", "a=b"))
        for name in ("connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"):
            self.assertNotIn(name, headers)

    async def test_close_codes_pass_both_ways(self):
        for code, reason in ((1000, ""), (1001, "away"), (3000, "x" * 123), (4999, "last")):
            client = await self.connect(self.proxy_.url())
            await client.send(json.dumps({"do": "close", "code": code, "reason": reason}))
            self.assertEqual(await self.closed(client), (code, reason))
            client = await self.connect(self.proxy_.url())
            watcher = await self.connect(self.proxy_.url())
            me = await self.command(client, "whoami")
            await client.close(code, reason)
            while True:
                end = (await self.command(watcher, "stats"))["last_end"]
                if end and end["id"] == me["connection"]:
                    break
            self.assertEqual((end["by"], end["code"], end["reason"]), ("client", code, reason))

    async def test_subprotocols(self):
        for offered, chosen in ((["a"], "a"), (["a", "b"], "b"), (["c"], None), (None, None)):
            client = await self.connect(self.proxy_.url("/protocols"), subprotocols=offered)
            self.assertEqual(client.subprotocol, chosen)
            self.assertEqual((await self.command(client, "whoami"))["subprotocol"], chosen or "")
        client = await self.connect(self.proxy_.url("/"), subprotocols=["a"])
        self.assertIsNone(client.subprotocol)

    async def test_messages_sent_before_the_app_answered_are_kept(self):
        client = await self.connect(self.proxy_.url("/?late=300"))
        for i in range(10):
            await client.send(f"early {i}")
        self.assertEqual(await self.receive_all(client, 10), [f"early {i}" for i in range(10)])

    async def test_a_refusal_after_the_upgrade_is_a_close_code(self):
        client = await self.connect(self.proxy_.url("/?refuse=4005"))
        self.assertEqual(await self.closed(client), (4005, "refused by the app"))
        client = await self.connect(self.proxy_.url("/?refuse=403"))
        self.assertEqual((await self.closed(client))[0], 1008)


class Refusals(Scenario):
    async def asyncSetUp(self):
        (self.directory / "www").mkdir()
        (self.directory / "www/index.html").write_text("<p>hello</p>")
        self.app_ = self.app()
        self.proxy_ = self.proxy(self.app_, routes=[
            {"path": "/ws", "upstream": "app"},
            {"path": "/open", "upstream": "app", "allow_origins": ["https://example.com"]},
            {"path": "/ask", "upstream": "app", "ask": True},
            {"path": "/www/*", "files": "www"}])

    def get(self, path, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy_.port, timeout=scaled(5))
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body, response

    async def test_origin(self):
        url = self.proxy_.url("/ws")
        await self.connect(url)
        await self.connect(url, origin=f"http://127.0.0.1:{self.proxy_.port}")
        for origin in ("http://127.0.0.1:1", "https://example.com", "null", "http://127.0.0.1.example.com"):
            self.assertEqual((await self.refused(url, origin=origin))[0], 403, origin)
        await self.connect(self.proxy_.url("/open"), origin="https://example.com")
        self.assertEqual((await self.refused(self.proxy_.url("/open"), origin="https://example.org"))[0], 403)

    async def test_a_plain_get_of_a_websocket_path_is_426_and_an_unknown_path_404(self):
        status, body, response = self.get("/ws")
        self.assertEqual(status, 426)
        self.assertTrue(body.strip())
        self.assertEqual(response.getheader("Upgrade"), "websocket")
        self.assertEqual(self.get("/nowhere")[0], 404)
        self.assertEqual((await self.refused(self.proxy_.url("/nowhere")))[0], 404)

    async def test_paths_that_try_to_leave_are_400(self):
        for path in ("/www/../secret", "/www/%2e%2e/secret", "/www/a%2fb", "/www/%00"):
            self.assertEqual(self.get(path)[0], 400, path)

    async def test_static_files(self):
        status, body, response = self.get("/www/")
        self.assertEqual((status, body), (200, "<p>hello</p>"))
        self.assertIn("text/html", response.getheader("Content-Type"))
        etag = response.getheader("ETag")
        self.assertEqual(self.get("/www/index.html", headers={"If-None-Match": etag})[0], 304)
        self.assertEqual(self.get("/www/index.html", "HEAD")[:2], (200, ""))
        self.assertEqual(self.get("/www/none.html")[0], 404)

    async def test_the_app_refuses_before_the_upgrade(self):
        self.assertEqual((await self.refused(self.proxy_.url("/ask?refuse=403")))[0], 403)
        self.assertEqual((await self.refused(self.proxy_.url("/ask?refuse=401")))[0], 401)
        client = await self.connect(self.proxy_.url("/ask?late=200&user=anna&subprotocol=b"), subprotocols=["a", "b"])
        self.assertEqual(client.subprotocol, "b")
        self.assertEqual((await self.command(client, "whoami"))["user"], "anna")

    def raw(self, head):
        """The status that an upgrade request with exactly these bytes gets."""
        with socket.create_connection(("127.0.0.1", self.proxy_.port), scaled(5)) as client:
            client.sendall(head.replace("\n", "\r\n").encode())
            return int(client.recv(4096).split()[1])

    async def test_upgrades_that_are_not_quite_right(self):
        good = ("GET /ws HTTP/1.1\nHost: h\nUpgrade: websocket\nConnection: Upgrade\n"
                "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n")
        self.assertEqual(self.raw(good), 101)
        for wrong, status in (
                (good.replace("Host: h\n", ""), 400), (good.replace("Host: h\n", "Host: h\nHost: h\n"), 400),
                (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400),
                (good.replace("GET", "POST"), 400),
                (good.replace("\n\n", "\nContent-Length: 3\n\nabc"), 400),
                (good.replace("\n\n", "\nTransfer-Encoding: chunked\n\n0\n\n"), 400),
                (good.replace("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Key"), 400),
                (good.replace("\n\n", "\nX-Long: " + "x" * 9000 + "\n\n"), 431)):
            # A POST may as well be told which method is allowed, and a wrong version which one is spoken.
            self.assertIn(self.raw(wrong), {status, 405} if "POST" in wrong else {status}, wrong[:300])
        self.assertIn(self.raw(good.replace("Version: 13", "Version: 8")), (400, 426))

    async def test_bad_frames_close_with_the_code_of_the_rfc(self):
        # (bytes after the upgrade, close code); 0x80 in the second byte is the mask bit, the mask is zero.
        mask = b"\0\0\0\0"
        for name, data, code in (
                ("unmasked", b"\x81\x01a", 1002), ("reserved bit", b"\xc1\x81" + mask + b"a", 1002),
                ("unknown opcode", b"\x83\x81" + mask + b"a", 1002), ("continuation of nothing", b"\x80\x81" + mask + b"a", 1002),
                ("long ping", b"\x89\xfe\x00\x7e" + mask + b"a" * 126, 1002), ("not UTF-8", b"\x81\x82" + mask + b"\xc3\x28", 1007),
                ("too big", b"\x82\xff" + struct.pack(">Q", 1 << 20) + mask, 1009)):
            with socket.create_connection(("127.0.0.1", self.proxy_.port), scaled(5)) as client:
                key = base64.b64encode(os.urandom(16)).decode()
                client.sendall((f"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
                stream = client.makefile("rb")
                while stream.readline().strip():
                    pass
                client.sendall(data)
                head = stream.read(4)
                self.assertEqual((head[0], int.from_bytes(head[2:4], "big")), (0x88, code), name)
        # The proxy has lost none of its other clients over it.
        client = await self.connect(self.proxy_.url("/ws"))
        await client.send("still here")
        self.assertEqual(await self.receive(client), "still here")


class Addresses(Scenario):
    """Nobody's word about a client's address is taken yet, so the app sees none of it, and the address that it sees is that of
    whoever connected to the proxy."""
    CLAIMS = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "example.com",
              "x-forwarded-port": "443"}

    async def expect_no_claim(self, url):
        me = await self.command(await self.connect(url, extra_headers=self.CLAIMS), "whoami")
        self.assertEqual([name for name, _ in me["headers"] if name.lower().startswith("x-forwarded-")], [])
        self.assertNotIn("203.0.113.9", json.dumps(me))
        self.assertRegex(me["remote"], r"^127\.0\.0\.1:\d+$")

    async def test_a_client_cannot_forge_where_it_comes_from(self):
        await self.expect_no_claim(self.proxy(self.app()).url())

    async def test_nor_can_it_through_a_balancer(self):
        proxy = self.proxy(self.app())
        for kind in (servers.Nginx, servers.HAProxy):
            with self.subTest(kind.__name__):
                balancer = self.balancer(kind, [proxy])
                await self.expect_no_claim(balancer.url())


class NoAppServer(Scenario):
    async def test_503_with_retry_after_and_back_when_it_is(self):
        app = self.app()
        proxy = self.proxy(app)
        address = app.address
        app.stop()
        status, headers = 0, {}
        for _ in range(100):  # until the proxy has noticed
            try:
                await (await self.connect(proxy.url())).close()
            except websockets.InvalidStatusCode as refusal:
                status, headers = refusal.status_code, refusal.headers
                break
        self.assertEqual(status, 503)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertTrue(proxy.is_running())
        status, readiness = proxy.readiness()
        self.assertEqual(status, 200)  # was ready once: only draining takes it out of the balancer
        self.assertIn(address.removeprefix("tcp://"), json.dumps(readiness))
        self.app("again", address=address)
        client, deadline = None, time.monotonic() + scaled(10)
        while client is None:
            try:
                client = await self.connect(proxy.url())
            except websockets.InvalidStatusCode:
                self.assertLess(time.monotonic(), deadline, "the app server that is back gets no connections")
                await asyncio.sleep(0.02)
        await client.send("back")
        self.assertEqual(await self.receive(client), "back")


if __name__ == "__main__":
    unittest.main()
