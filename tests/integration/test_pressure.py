"""Who is slow costs itself: a stalled client, a stalled app server, full rings both ways."""
import asyncio
import socket
import time
import unittest

from support.environment import scaled
from support.processes import wait_until
from support.scenario import Scenario


class Pressure(Scenario):
    async def stalled_client(self, proxy, path="/"):
        """A client that does not read again before `read_again` of it is called, with a small receive buffer."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", proxy.port))
        client = await self.connect(proxy.url(path), sock=sock, max_queue=1)
        client.transport.pause_reading()
        resume, client.transport.resume_reading = client.transport.resume_reading, lambda: None

        def read_again():
            client.transport.resume_reading = resume
            resume()
        client.read_again = read_again
        return client

    async def test_a_stalled_client_among_200_delays_nobody(self):
        # Nothing but the outbox may end a client here, also where the 200 of this one process do not get to answer pings.
        proxy = self.proxy(self.app(), limits={"outbox": "256KiB"},
                           timeouts={"ping": "10m", "pong": "10m", "write_progress": "10m"})
        stalled = await self.stalled_client(proxy)
        clients = [await self.connect(proxy.url()) for _ in range(198)]
        driver = await self.connect(proxy.url())
        # Each round when the one before has arrived, so that only the client that does not read is slow. 3.2 MB: far
        # more than sockets and outbox hold for it.
        for i in range(400):
            await self.command(driver, "all", text=f"{i} " + "." * 8000)
            for client in clients:
                self.assertTrue((await self.receive(client)).startswith(f"{i} "))
        self.assertEqual(proxy.metric("trunkline_closes_total", reason="outbox_full"), 1)
        self.assertEqual(proxy.metric("trunkline_connections"), 199)
        del stalled

    async def test_a_stalled_client_stays_where_fan_outs_may_be_dropped(self):
        for policy in ("drop_newest", "drop_oldest"):
            with self.subTest(policy=policy):
                proxy = self.proxy(self.app(name=f"app-{policy}"), name=policy, limits={"outbox": "256KiB"},
                                   routes=[{"path": "/*", "upstream": "app", "outbox_policy": policy}],
                                   timeouts={"ping": "10m", "pong": "10m", "write_progress": "10m"})
                stalled = await self.stalled_client(proxy)
                clients = [await self.connect(proxy.url()) for _ in range(20)]
                driver = await self.connect(proxy.url())
                count = 1000  # 8 MB: far more than sockets and outbox hold for it
                for i in range(count):
                    await self.command(driver, "all", text=f"{i} " + "." * 8000)
                    for client in clients:
                        self.assertTrue((await self.receive(client)).startswith(f"{i} "))
                dropped = proxy.metric("trunkline_drops_total", reason="outbox_policy")
                self.assertGreater(dropped, 0)
                self.assertLessEqual(proxy.metric("trunkline_queue_bytes", queue="outbox"), 256 << 10)
                stalled.read_again()
                messages = await self.receive_all(stalled, count - int(dropped))
                self.assertEqual({message[message.index(" "):] for message in messages}, {" " + "." * 8000})
                numbers = [int(message.split()[0]) for message in messages]
                self.assertEqual(numbers, sorted(set(numbers)))
                self.assertEqual(numbers[-1] == count - 1, policy == "drop_oldest")
                await self.command(driver, "all", text="for all of you")  # and now it misses nothing again
                self.assertEqual(await self.receive(stalled), "for all of you")
                self.assertEqual(proxy.metric("trunkline_closes_total"), 0)

    async def test_a_client_that_takes_nothing_is_closed_though_its_outbox_has_room(self):
        proxy = self.proxy(self.app(), limits={"outbox": "64MiB"}, timeouts={"write_progress": "400ms"})
        stalled, other = await self.stalled_client(proxy, "/?user=stalled"), await self.connect(proxy.url())
        for _ in range(800):  # 8 MB: more than the sockets hold, much less than the outbox
            await self.command(other, "user", user="stalled", text="." * 10000)
        started = time.monotonic()
        while proxy.metric("trunkline_closes_total", reason="write_stalled") == 0:
            self.assertLess(time.monotonic() - started, scaled(10))
            await other.send("beside it")
            self.assertEqual(await self.receive(other), "beside it")
        self.assertEqual(proxy.metric("trunkline_closes_total"), 1)
        self.assertEqual(proxy.metric("trunkline_connections"), 1)
        wait_until(lambda: proxy.metric("trunkline_queue_bytes", queue="outbox") == 0, "what waited for it is dropped")
        stats = {"disconnects": 0}
        while stats["disconnects"] == 0:
            self.assertLess(time.monotonic() - started, scaled(10))
            stats = await self.command(other, "stats")
        self.assertEqual((stats["connections"], stats["last_end"]["by"], stats["last_end"]["reason"]),
                         (1, "proxy", "client takes no data"))
        del stalled

    async def test_a_client_that_takes_a_little_now_and_then_is_not_closed(self):
        proxy = self.proxy(self.app(), limits={"outbox": "64MiB"}, timeouts={"write_progress": f"{int(scaled(1500))}ms"})
        slow = self.begin_upgrade(proxy, "/?user=slow")
        other = await self.connect(proxy.url())
        await self.command(other, "whoami")
        slow.settimeout(scaled(10))
        reading = asyncio.create_task(asyncio.to_thread(self.read_slowly, slow, 8_000_000, scaled(3)))
        for _ in range(800):
            await self.command(other, "user", user="slow", text="." * 10000)
        await reading
        self.assertEqual(proxy.metric("trunkline_closes_total"), 0)

    def read_slowly(self, sock, size, seconds):
        """A little at a time for so long, then the rest."""
        started, taken = time.monotonic(), 0
        while taken < size:
            piece = sock.recv(100000)
            self.assertTrue(piece, f"closed after {taken} bytes")
            taken += len(piece)
            if time.monotonic() - started < seconds:
                time.sleep(0.1)

    async def test_a_stalled_app_server_beside_a_live_one(self):
        live, stuck = self.app("live"), self.app("stuck")
        # All echoes come at once in the end; and however long this takes, the one that does not run is not given up.
        proxy = self.proxy(live, stuck, limits={"outbox": "16MiB"}, links={"dead_after": "2m", "resume_window": "5m"})
        clients = {"live": [], "stuck": []}
        while min(map(len, clients.values())) < 5:
            client = await self.connect(proxy.url())
            clients[(await self.command(client, "whoami"))["app"]].append(client)
        stuck.pause()
        payload = "x" * 10000
        floods = [asyncio.create_task(self.flood(c, payload)) for c in clients["stuck"]]
        try:
            for _ in range(100):  # none would be answered before the other goes on if one held up the other
                for client in clients["live"]:
                    await client.send("ping")
                    self.assertEqual(await self.receive(client), "ping")
        finally:
            for flood in floods:
                flood.cancel()
            stuck.go_on()
        # What was stalled goes on: nothing was lost and nobody was closed for it.
        client = clients["stuck"][0]
        deadline = asyncio.get_running_loop().time() + scaled(20)
        await client.send("and now")
        while await self.receive(client, 20) != "and now":
            self.assertLess(asyncio.get_running_loop().time(), deadline)

    @staticmethod
    async def flood(client, payload):
        while True:
            await client.send(payload)

    async def test_echo_both_ways_at_full_rings_does_not_deadlock(self):
        app = self.app(arguments=["--name", "app", "--ring", "262144", "--window", "262144"])
        proxy = self.proxy(app, limits={"outbox": "8MiB"}, links={"ring": "256KiB", "window": "256KiB"})
        playing = asyncio.gather(*(self.echo_at_full_rings(proxy, count=400, size=60_000) for _ in range(4)))
        await asyncio.wait_for(playing, scaled(120))

    async def test_a_paused_connection_stops_its_client_and_nothing_is_lost(self):
        proxy = self.proxy(self.app(), limits={"outbox": "16MiB"})  # all echoes come at once in the end
        paused, other = await self.connect(proxy.url()), await self.connect(proxy.url())
        started = time.monotonic()
        await self.command(paused, "pause", ms=1500)
        sending = asyncio.create_task(self.send_numbers(paused, 300, 10000))
        await other.send("beside it")
        self.assertEqual(await self.receive(other), "beside it")
        for i in range(300):
            self.assertTrue((await self.receive(paused, 20)).startswith(f"{i} "))
        self.assertGreater(time.monotonic() - started, 1)
        await sending

    @staticmethod
    async def send_numbers(client, count, size):
        for i in range(count):
            await client.send(f"{i} " + "." * size)


if __name__ == "__main__":
    unittest.main()
