"""Routes with `ask`: the upgrade waits for the app. Apps that never answer, clients and app servers that do not wait."""
import asyncio
import signal
import socket
import struct
import time
import unittest

from support.environment import scaled
from support.processes import wait_until
from support.scenario import Scenario

NEVER = "/ask?late=600000"  # the app answers after ten minutes


class Asking(Scenario):
    def start_with(self, ask_timeout):
        self.app_ = self.app()
        self.proxy_ = self.proxy(self.app_, routes=[
            {"path": "/ask", "upstream": "app", "ask": True, "ask_timeout": ask_timeout},
            {"path": "/served", "upstream": "app", "ask": True}, {"path": "/*", "upstream": "app"}])

    async def wait_for(self, watcher, **wanted):
        """Until the app's numbers are these."""
        deadline = time.monotonic() + scaled(10)
        while True:
            stats = await self.command(watcher, "stats")
            if all(stats[name] == value for name, value in wanted.items()):
                return stats
            self.assertLess(time.monotonic(), deadline, f"{stats} never became {wanted}")
            await asyncio.sleep(0.02)

    def expect_nothing_left(self, open_clients):
        wait_until(lambda: self.proxy_.metric("trunkline_connections") == open_clients, "the others are gone")
        wait_until(lambda: self.proxy_.metric("trunkline_queue_bytes") == 0, "nothing waits for anybody")

    def expect_refused(self, reason, count):
        wait_until(lambda: self.proxy_.metric("trunkline_refused_total", reason=reason) == count, f"{count} are counted: {reason}")

    async def expect_service(self):
        """Who is asked for now is served, by a route that gives the app the time it needs."""
        client = await self.connect(self.proxy_.url("/served"))
        await client.send("served")
        self.assertEqual(await self.receive(client), "served")
        await client.close()

    async def test_an_app_that_never_answers_costs_its_client_503(self):
        self.start_with("400ms")
        watcher = await self.connect(self.proxy_.url("/"))
        started = time.monotonic()
        asked = [self.begin_upgrade(self.proxy_, NEVER) for _ in range(20)]
        for client in asked:
            status, headers, body = self.http_answer(client)
            self.assertEqual(status, 503)
            self.assertIn("did not answer", body)
            self.assertGreaterEqual(int(headers["Retry-After"]), 1)
            self.assertEqual(client.recv(1), b"")
        self.assertGreaterEqual(time.monotonic() - started, 0.4)
        self.assertLess(time.monotonic() - started, scaled(5))
        stats = await self.wait_for(watcher, connects=21, disconnects=20, connections=1)
        self.assertEqual(stats["last_end"]["by"], "proxy")
        self.expect_refused("ask_timeout", 20)
        self.assertEqual(self.proxy_.metric("trunkline_opens_total"), 1)
        self.expect_nothing_left(1)
        await self.expect_service()

    async def test_an_answer_that_comes_too_late_does_no_harm(self):
        self.start_with("100ms")
        watcher = await self.connect(self.proxy_.url("/"))
        late = [self.begin_upgrade(self.proxy_, "/ask?late=1000&user=anna&group=late") for _ in range(5)]
        for client in late:
            self.assertEqual(self.http_answer(client)[0], 503)
        await self.wait_for(watcher, connects=6, disconnects=5)
        await asyncio.sleep(1.2)  # the app's answers come, to nobody
        self.assertEqual((await self.command(watcher, "user-exists", user="anna"))["status"], "not found")
        self.assertEqual((await self.command(watcher, "group-exists", group="late"))["status"], "not found")
        self.assertEqual((await self.command(watcher, "stats"))["disconnects"], 5)
        self.expect_nothing_left(1)
        await self.expect_service()

    async def test_clients_that_leave_while_the_app_is_asked(self):
        self.start_with("60s")
        watcher = await self.connect(self.proxy_.url("/"))
        leaving = [self.begin_upgrade(self.proxy_, NEVER) for _ in range(20)]
        await self.wait_for(watcher, connects=21)
        for i, client in enumerate(leaving):
            if i % 2:  # a reset instead of an end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        stats = await self.wait_for(watcher, disconnects=20, connections=1)
        self.assertEqual(stats["last_end"]["by"], "client")
        self.expect_refused("client_gone", 20)
        self.expect_nothing_left(1)
        await self.expect_service()
        stats = await self.wait_for(watcher, connects=22, connections=1)
        self.assertEqual(stats["disconnects"], 21)

    async def test_a_client_that_speaks_before_it_was_answered(self):
        self.start_with("60s")
        watcher = await self.connect(self.proxy_.url("/"))
        client = self.begin_upgrade(self.proxy_, NEVER)
        await self.wait_for(watcher, connects=2)
        client.sendall(b"\x81\x81\0\0\0\0a")
        self.assertEqual(self.http_answer(client)[0], 400)
        await self.wait_for(watcher, disconnects=1, connections=1)
        self.expect_nothing_left(1)

    async def test_an_app_server_that_dies_while_it_is_asked(self):
        self.start_with("60s")
        watcher = await self.connect(self.proxy_.url("/"))
        asked = [self.begin_upgrade(self.proxy_, NEVER) for _ in range(10)]
        await self.wait_for(watcher, connects=11)
        self.app_.kill()
        for client in asked:
            status, headers, body = self.http_answer(client)
            self.assertEqual((status, body.strip()), (503, "app server lost"))
            self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.expect_refused("app_server_lost", 10)
        self.expect_nothing_left(0)
        self.app("again", address=self.app_.address)
        wait_until(lambda: '"linked"' in self.proxy_.admin("/readyz")[1], "the pools are made anew")
        await self.expect_service()

    async def test_a_drain_does_not_wait_for_the_answer(self):
        self.start_with("60s")
        watcher = await self.connect(self.proxy_.url("/"))
        asked = [self.begin_upgrade(self.proxy_, NEVER) for _ in range(10)]
        await self.wait_for(watcher, connects=11)
        self.proxy_.signal(signal.SIGTERM)
        for client in asked:
            self.assertEqual(self.http_answer(client)[0], 503)
        self.assertEqual(self.proxy_.wait(), 0)


if __name__ == "__main__":
    unittest.main()
