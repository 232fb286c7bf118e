"""The base of all integration tests: starts programs, connects clients, and looks at the end whether all was well."""
import asyncio
import http.client
import json
import pathlib
import shutil
import socket
import tempfile
import unittest

import websockets

from . import servers
from .environment import OUTPUT, scaled


CLOSE = {"hold": "0s", "then": "close"}


class Scenario(unittest.IsolatedAsyncioTestCase):
    workers = 2

    def setUp(self):
        asyncio.get_event_loop().set_debug(False)  # its slow-callback checks cost more than the messages
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="trunkline-test-"))
        self._processes = []
        self.addCleanup(self._end_all)

    # --- programs

    def start(self, kind, name, *arguments, **options):
        process = kind(name, self.directory, *arguments, **options)
        self._processes.append(process)
        return process

    def app(self, name="app", **options):
        return self.start(servers.AppServer, name, **options)

    def settings(self, *apps, routes=None, **more):
        """A configuration with one upstream, `app`, that closes the clients of an app server that is lost, and the routes
        of the tests."""
        return {"workers": self.workers, "drain_timeout": "300ms",
                "upstreams": {"app": {"app_servers": [a.address for a in apps], "when_lost": CLOSE}},
                "routes": routes or [{"path": "/*", "upstream": "app"}], **more}

    def proxy(self, *apps, name="proxy", ready=True, arguments=(), env=None, like=None, sockets=(), **more):
        proxy = self.start(servers.Proxy, name, self.settings(*apps, **more), arguments=arguments, env=env, like=like,
                           sockets=sockets)
        return proxy.wait_until_ready() if ready else proxy

    def balancer(self, kind, proxies):
        process = kind(self.directory, proxies)
        self._processes.append(process)
        return process

    # --- clients

    async def connect(self, url, **options):
        """A python3-websockets client, closed at the end of the test."""
        options = {"compression": None, "ping_interval": None, "open_timeout": scaled(10), "close_timeout": scaled(2),
                   "max_size": 1 << 24, **options}
        client = await websockets.connect(url, **options)
        self.addAsyncCleanup(self._close, client)
        return client

    @staticmethod
    async def _close(client):
        client.transport.abort()

    async def receive(self, client, seconds=10):
        return await asyncio.wait_for(client.recv(), scaled(seconds))

    async def receive_all(self, client, count, seconds=10):
        return [await self.receive(client, seconds) for _ in range(count)]

    async def command(self, client, do, seconds=10, **fields):
        """Sends a command to the test app and answers its answer; other messages meanwhile are kept in `client.other`."""
        client.commands = getattr(client, "commands", 0) + 1
        await client.send(json.dumps({"do": do, "id": client.commands, **fields}))
        while True:
            message = await self.receive(client, seconds)
            if isinstance(message, str) and message.startswith("{") and json.loads(message).get("re") == client.commands:
                return json.loads(message)
            client.other = getattr(client, "other", []) + [message]

    async def echo_at_full_rings(self, proxy, count, size):
        """One client that sends so many messages of that size, and reads the echoes only when everything between here and
        there has filled up. They are more than rings, windows and sockets hold."""
        client = await self.connect(proxy.url())
        client.transport.pause_reading()

        async def send():
            for i in range(count):
                await client.send(f"{i} " + "e" * size)
        sending = asyncio.create_task(send())
        await asyncio.sleep(scaled(1.5))
        client.transport.resume_reading()
        for i in range(count):
            self.assertEqual(await self.receive(client, 30), f"{i} " + "e" * size)
        await sending

    async def closed(self, client, seconds=10):
        """(code, reason) that the client was closed with; what arrives before is dropped."""
        async def wait():
            try:
                while True:
                    await client.recv()
            except websockets.ConnectionClosed:
                return client.close_code, client.close_reason
        return await asyncio.wait_for(wait(), scaled(seconds))

    async def refused(self, url, **options):
        """(status, headers, body) of an upgrade that must fail."""
        try:
            client = await self.connect(url, **options)
        except websockets.InvalidStatusCode as refusal:
            return refusal.status_code, refusal.headers
        self.fail(f"{url} was accepted: {client}")

    def begin_upgrade(self, proxy, path="/"):
        """A socket on which an upgrade was asked for and nothing has been read."""
        client = socket.create_connection(("127.0.0.1", proxy.port), scaled(10))
        self.addCleanup(client.close)
        client.sendall((f"GET {path} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        return client

    @staticmethod
    def http_answer(client):
        """(status, headers, body) of the one answer that comes on this socket."""
        response = http.client.HTTPResponse(client)
        response.begin()
        return response.status, response.headers, response.read().decode()

    # --- the end

    def _end_all(self):
        wrong = []
        for process in reversed(self._processes):
            try:
                if process.is_running():
                    process.go_on()
                    code = process.stop()
                    if code not in process.good_exit_codes:
                        wrong.append(f"{process.name} ended with {code}")
                report = process.sanitizer_report()
                if report:
                    wrong.append(f"{process.name}: {report}")
            except AssertionError as late:
                wrong.append(str(late))
            finally:
                process.kill()
        result = self._outcome.result  # `success` of the outcome is that of the clean-up that we are in
        failed = wrong or any(getattr(test, "test_case", test) is self for test, _ in result.errors + result.failures)
        if failed:
            kept = OUTPUT / self.id()
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.directory, kept, ignore=shutil.ignore_patterns("*.sock"))
            for process in self._processes:
                print(f"--- the end of {process.log_path.name} (all of it in {kept})\n{process.log()[-3000:]}")
        shutil.rmtree(self.directory, ignore_errors=True)
        if wrong:
            self.fail("\n".join(wrong))
