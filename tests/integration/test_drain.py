"""A proxy that is told to stop: how its clients leave, and that it ends in time whatever the others do."""
import asyncio
import signal
import socket
import time
import unittest

from support.environment import scaled
from support.processes import wait_until
from support.scenario import Scenario


class Drain(Scenario):
    def window(self, seconds):
        """A drain_timeout, and how many seconds it is."""
        return f"{int(scaled(seconds) * 1000)}ms", scaled(seconds)

    async def times_of_closes(self, proxy, clients):
        """When each was closed, in seconds since the signal; all must be closed with 1012."""
        async def end_of(client):
            self.assertEqual(await self.closed(client, 20), (1012, "proxy restarting"))
            return time.monotonic() - started
        waiting = [asyncio.create_task(end_of(client)) for client in clients]
        await asyncio.sleep(0)
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        return sorted(await asyncio.gather(*waiting))

    def expect_even(self, times, window):
        """Spread over the window: each leaves when it is due. Nothing makes it leave earlier; a machine that stalls makes
        it leave later, here by up to half of the window."""
        for i, at in enumerate(times):
            due = window * i / len(times)
            self.assertGreater(at, due - window / 10, times)
            self.assertLess(at, due + window / 2, times)

    async def leave_evenly(self, count):
        drain_timeout, window = self.window(3)
        proxy = self.proxy(self.app(), drain_timeout=drain_timeout)
        clients = [await self.connect(proxy.url()) for _ in range(count)]
        await self.command(clients[-1], "whoami")
        self.expect_even(await self.times_of_closes(proxy, clients), window)
        self.assertEqual(proxy.wait(), 0)

    async def test_200_clients_leave_evenly(self):
        await self.leave_evenly(200)

    async def test_few_clients_leave_evenly_too(self):
        await self.leave_evenly(24)

    async def test_without_clients_there_is_nothing_to_wait_for(self):
        proxy = self.proxy(self.app(), drain_timeout="10m")
        started = time.monotonic()
        self.assertEqual(proxy.stop(), 0)
        self.assertLess(time.monotonic() - started, scaled(5))

    async def test_what_http_has_begun_is_answered(self):
        """A download that is under way arrives whole; who is connected and has asked for nothing may still do so."""
        directory = self.directory / "www"
        directory.mkdir()
        content = bytes(range(256)) * 40_000
        (directory / "large.bin").write_bytes(content)
        proxy = self.proxy(self.app(), drain_timeout="20s", routes=[{"path": "/www/*", "files": str(directory)}])

        def ask(path):
            client = socket.create_connection(("127.0.0.1", proxy.port), scaled(20))
            if path:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return client

        def rest(client):
            bytes_ = b""
            while block := client.recv(1 << 16):
                bytes_ += block
            return bytes_
        download, waiting, idle = ask("/www/large.bin"), ask(None), ask("/www/none")
        begun = download.recv(1000)
        self.assertIn(b" 404 ", idle.recv(1000))
        proxy.signal(signal.SIGTERM)
        waiting.sendall(b"GET /www/none HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b" 404 ", rest(waiting))
        self.assertTrue((begun + rest(download)).endswith(content))
        started = time.monotonic()
        self.assertEqual(proxy.wait(), 0)
        self.assertLess(time.monotonic() - started, scaled(10))
        for client in (download, waiting, idle):
            client.close()

    async def test_a_drain_of_no_time_closes_all_at_once(self):
        proxy = self.proxy(self.app(), drain_timeout="0s")
        clients = [await self.connect(proxy.url()) for _ in range(50)]
        self.assertLess((await self.times_of_closes(proxy, clients))[-1], scaled(3))
        self.assertEqual(proxy.wait(), 0)

    async def test_clients_that_leave_by_themselves_hurry_nobody(self):
        drain_timeout, window = self.window(3)
        proxy = self.proxy(self.app(), drain_timeout=drain_timeout)
        clients = [await self.connect(proxy.url()) for _ in range(60)]
        await self.command(clients[-1], "whoami")
        times = asyncio.create_task(self.times_of_closes(proxy, clients[20:]))
        await asyncio.sleep(0.2)
        for client in clients[:20]:
            client.transport.abort()
        self.expect_even(await times, window)
        self.assertEqual(proxy.wait(), 0)


class Before(Scenario):
    """What comes before the drain itself."""

    async def test_until_the_balancer_has_turned_away_clients_are_served(self):
        proxy = self.proxy(self.app(), pre_stop_delay="10m")
        client = await self.connect(proxy.url())
        self.assertEqual(proxy.metric("trunkline_draining"), 0)
        proxy.signal(signal.SIGTERM)
        status, readiness = wait_until(lambda: proxy.admin("/readyz")[0] == 503 and proxy.readiness(), "it is not ready")
        self.assertEqual((status, readiness["draining"]), (503, True))
        self.assertEqual(proxy.metric("trunkline_draining"), 1)
        late = await self.connect(proxy.url())
        for one in (client, late):
            await one.send("served as ever")
            self.assertEqual(await self.receive(one), "served as ever")
        self.assertEqual(proxy.metric("trunkline_connections"), 2)
        proxy.signal(signal.SIGTERM)  # ends at once, here too
        self.assertEqual(proxy.wait(), 1)

    async def test_then_it_drains(self):
        proxy = self.proxy(self.app(), pre_stop_delay="1s", drain_timeout="200ms")
        clients = [await self.connect(proxy.url()) for _ in range(20)]
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(await self.closed(client), (1012, "proxy restarting"))
            self.assertGreater(time.monotonic() - started, 0.9)
        self.assertEqual(proxy.wait(), 0)

    async def test_who_is_too_old_leaves_and_not_all_at_once(self):
        proxy = self.proxy(self.app(), max_connection_age="3s")

        async def life(client, began):
            self.assertEqual(await self.closed(client, 20), (1012, "come back"))
            return time.monotonic() - began
        clients = []
        for _ in range(100):
            began = time.monotonic()
            clients.append(asyncio.create_task(life(await self.connect(proxy.url()), began)))
        lives = sorted(await asyncio.gather(*clients))
        self.assertGreater(lives[0], 2.69)
        self.assertGreater(lives[-1] - lives[0], 0.3)  # of the 0.6 s that chance has
        self.assertEqual(proxy.metric("trunkline_closes_total", reason="max_connection_age"), 100)


class Stubborn(Scenario):
    """Drains that others hold up. The bound is drain_timeout and the time for closes."""

    async def stopped_app(self, **more):
        app = self.app()
        proxy = self.proxy(app, drain_timeout="500ms", timeouts={"close": "500ms"}, **more)
        clients = [await self.connect(proxy.url()) for _ in range(50)]
        await self.command(clients[-1], "whoami")
        app.pause()
        return proxy, clients

    async def test_an_app_server_that_handles_nothing(self):
        proxy, clients = await self.stopped_app()
        for client in clients:  # so that something waits for it
            await client.send("x" * 10000)
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual((await self.closed(client))[0], 1012)
        self.assertEqual(proxy.wait(), 0)
        self.assertLess(time.monotonic() - started, 1 + scaled(3))

    async def test_an_app_server_whose_rings_are_full(self):
        proxy, clients = await self.stopped_app(links={"ring": "16KiB"})

        async def flood(client):
            while True:
                await client.send("x" * 10000)
        floods = [asyncio.create_task(flood(client)) for client in clients]
        await asyncio.sleep(0.3)
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        for client, task in zip(clients, floods):
            task.cancel()
            await self.closed(client)
        self.assertEqual(proxy.wait(), 0)
        self.assertLess(time.monotonic() - started, 1 + scaled(5))

    async def test_clients_that_do_not_answer_the_close(self):
        proxy = self.proxy(self.app(), drain_timeout="500ms", timeouts={"close": "500ms"})
        silent = [self.begin_upgrade(proxy) for _ in range(20)]
        wait_until(lambda: proxy.metric("trunkline_connections") == 20, "they are there")
        started = time.monotonic()
        self.assertEqual(proxy.stop(), 0)
        self.assertLess(time.monotonic() - started, 1 + scaled(3))
        for client in silent:
            data = b""
            while piece := client.recv(4096):
                data += piece
            self.assertIn(b"\x88\x12\x03\xf4proxy restarting", data)

    async def test_a_second_signal_ends_at_once_whatever_is_stuck(self):
        app = self.app()
        proxy = self.proxy(app, drain_timeout="10m", timeouts={"close": "10m"})
        clients = [await self.connect(proxy.url()) for _ in range(5)]
        await self.command(clients[-1], "whoami")
        app.pause()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: proxy.admin("/readyz")[0] == 503, "the proxy drains")
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 1)
        self.assertLess(time.monotonic() - started, scaled(10))


if __name__ == "__main__":
    unittest.main()
