"""A new process takes over from the one that serves: nobody who connects notices, and those who are connected leave in
peace."""
import array
import asyncio
import os
import signal
import socket
import threading
import time
import unittest

import websockets

from support.environment import BIN, scaled
from support.processes import Process, wait_until
from support.scenario import Scenario


class Arrivals:
    """Clients that come one after the other, on several ways at a time; what went wrong with any of them."""

    def __init__(self, scenario, url, ways=8):
        self.count = 0
        self.closed_early = 0  # let in, and asked to come back before its echo
        self.wrong = []
        self._scenario = scenario
        self._url = url
        self._ends = False
        self._tasks = [asyncio.create_task(self._come()) for _ in range(ways)]

    async def _come(self):
        while not self._ends:
            try:
                client = await websockets.connect(self._url, compression=None, ping_interval=None, open_timeout=scaled(10))
                try:
                    await client.send("here")
                    assert await self._scenario.receive(client) == "here"
                except websockets.ConnectionClosed:
                    if client.close_code != 1012:
                        self.wrong.append(f"closed with {client.close_code}")
                    self.closed_early += 1
                client.transport.abort()
            except Exception as why:  # whatever it is, the client was not let in
                self.wrong.append(repr(why))
            self.count += 1

    async def end(self):
        self._ends = True
        await asyncio.gather(*self._tasks)


class Probe:
    """Asks the admin listener whether it is ready, all the time."""

    def __init__(self, proxy):
        self.answers = []
        self.wrong = []
        self._proxy = proxy
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self):
        while not self._ends.wait(0.002):
            try:
                self.answers.append(self._proxy.admin("/readyz")[0])
            except OSError as why:
                self.wrong.append(repr(why))

    def end(self):
        self._ends.set()
        self._thread.join()


class Takeover(Scenario):
    def old(self, app, workers=1, **more):
        return self.proxy(app, name="old", proxy_id="p", workers=workers, takeover_socket="takeover.sock",
                          drain_timeout="500ms", **more)

    def new(self, app, old, name="new", workers=1, **more):
        return self.proxy(app, name=name, proxy_id="p", workers=workers, takeover_socket="takeover.sock", like=old,
                          drain_timeout="500ms", arguments=["--takeover"], ready=False, **more)

    async def ends(self, process, seconds=20):
        """Its exit code, while everything else goes on."""
        deadline = time.monotonic() + scaled(seconds)
        while process.is_running():
            self.assertLess(time.monotonic(), deadline, f"{process.name} goes on:\n{process.log()[-2000:]}")
            await asyncio.sleep(0.01)
        return process.wait()

    async def served(self, *proxies):
        """Each of them takes a client."""
        for proxy in proxies:
            client = await self.connect(proxy.url())
            await client.send("served")
            self.assertEqual(await self.receive(client), "served")

    async def talk(self, client):
        """Sends numbers until it is closed: what came back is what was sent, up to the close."""
        sent = 0
        try:
            while True:
                await client.send(str(sent))
                self.assertEqual(await self.receive(client), str(sent))
                sent += 1
                await asyncio.sleep(0.01)
        except websockets.ConnectionClosed:
            return client.close_code, sent

    async def take_over(self, before, after):
        app = self.app()
        old = self.old(app, workers=before)
        live = [asyncio.create_task(self.talk(await self.connect(old.url()))) for _ in range(20)]
        arrivals, probe = Arrivals(self, old.url()), Probe(old)
        try:
            await asyncio.sleep(0.3)
            new = self.new(app, old, workers=after)
            self.assertEqual(await self.ends(old), 0)
            ends = await asyncio.gather(*live)
            came = arrivals.count
            while arrivals.count < came + 200:
                await asyncio.sleep(0.01)
        finally:
            await arrivals.end()
            probe.end()
        self.assertEqual(arrivals.wrong, [])
        self.assertEqual(probe.wrong, [])
        self.assertEqual(set(probe.answers), {200})
        self.assertEqual({code for code, _ in ends}, {1012})
        self.assertGreater(min(sent for _, sent in ends), 0)
        self.assertGreaterEqual(new.metric("trunkline_opens_total"), 200)
        self.assertEqual(new.metric("trunkline_refused_total"), 0)
        return app, new

    async def test_one_worker_to_two(self):
        await self.take_over(1, 2)

    async def test_three_workers_to_one_and_to_two_again(self):
        app, one = await self.take_over(3, 1)
        clients = [asyncio.create_task(self.talk(await self.connect(one.url()))) for _ in range(10)]
        two = self.new(app, one, name="two", workers=2)  # which has three sockets to share among two
        self.assertEqual(await self.ends(one), 0)
        self.assertEqual({code for code, _ in await asyncio.gather(*clients)}, {1012})
        for _ in range(50):
            await self.served(two)
        self.assertEqual(two.stop(), 0)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", two.port), 1)

    async def test_the_new_one_dies_before_it_is_ready(self):
        app = self.app()
        old = self.old(app)
        client = await self.connect(old.url())
        nowhere = {"upstreams": {"app": {"app_servers": [app.address]},
                                 "away": {"app_servers": [f"unix://{self.directory}/away.sock"]}}}
        dying = self.new(app, old, name="dying", **nowhere)
        wait_until(lambda: "getting ready" in old.log(), "it has come")
        await self.served(old)
        dying.kill()
        await self.served(old)
        third = self.new(app, old, name="third")
        self.assertEqual((await self.closed(client))[0], 1012)
        self.assertEqual(await self.ends(old), 0)
        await self.served(third)

    def peer(self, word=b""):
        """What a new process says, from here."""
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(scaled(10))
        peer.connect(str(self.directory / "takeover.sock"))
        if word:
            peer.sendall(word)  # whoever has nothing to say may have been turned away already
        return peer

    def descriptors(self, peer):
        found = array.array("i")
        while True:
            word, control, _, _ = peer.recvmsg(1, 4096)
            if word != b"d":
                for fd in found:
                    self.addCleanup(os.close, fd)
                return word, found
            for _, _, data in control:
                found.frombytes(data)

    async def test_the_new_one_dies_with_the_sockets_in_its_hands(self):
        app = self.app()
        old = self.old(app, workers=3)
        client = await self.connect(old.url())
        for _ in range(5):
            peer = self.peer(b"1")
            word, found = self.descriptors(peer)
            self.assertEqual((word, len(found)), (b".", 5))  # three for clients, admin, and this
            peer.close()
            for _ in range(20):
                await self.served(old)
        await client.send("still there")
        self.assertEqual(await self.receive(client), "still there")

    async def test_who_has_come_to_the_old_one_is_let_in_there_and_nobody_else_is(self):
        old = self.old(self.app())
        begun = socket.create_connection(("127.0.0.1", old.port), scaled(10))
        self.addCleanup(begun.close)
        await self.served(old)  # so the one before is with it, and has asked for nothing yet
        peer = self.peer(b"1")
        _, found = self.descriptors(peer)
        peer.sendall(b"s")
        self.assertEqual(peer.recv(1), b"")
        begun.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        answer = begun.recv(4096)
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "))
        late = [socket.create_connection(("127.0.0.1", old.port), scaled(10)) for _ in range(20)]
        while b"\x03\xf4proxy restarting" not in answer:
            answer += begun.recv(4096) or self.fail(f"ended with {answer}")
        begun.close()
        self.assertEqual(await self.ends(old), 0)
        taken = 0
        for fd in found:  # here are all the others, as they came
            with socket.socket(fileno=os.dup(fd)) as listening:
                listening.settimeout(0)
                try:
                    while listening.family == socket.AF_INET and listening.getsockname()[1] == old.port:
                        listening.accept()[0].close()
                        taken += 1
                except BlockingIOError:
                    pass
        self.assertEqual(taken, len(late))
        for client in late:
            client.close()

    async def test_only_one_at_a_time_and_only_who_knows_the_words(self):
        app = self.app()
        old = self.old(app)
        first = self.peer()
        wait_until(lambda: "getting ready" in old.log(), "it has come")
        self.assertEqual(self.peer().recv(1), b"b")
        late = self.new(app, old, name="late")
        late.good_exit_codes = {1}
        self.assertEqual(await self.ends(late), 1)
        first.sendall(b"?")
        self.assertEqual(first.recv(1), b"")
        await self.served(old)
        self.assertEqual(os.stat(self.directory / "takeover.sock").st_mode & 0o777, 0o600)
        self.assertEqual(self.descriptors(self.peer(b"1"))[0], b".")

    async def test_the_old_one_is_killed_afterwards(self):
        app = self.app()
        old = self.proxy(app, name="old", proxy_id="p", takeover_socket="takeover.sock", drain_timeout="10m")
        clients = [await self.connect(old.url()) for _ in range(20)]
        new = self.new(app, old)
        leaving = [asyncio.create_task(self.closed(client, 60)) for client in clients]
        first, _ = await asyncio.wait(leaving, timeout=scaled(20), return_when=asyncio.FIRST_COMPLETED)
        self.assertEqual({task.result()[0] for task in first}, {1012})  # so the new one serves
        fresh = await self.connect(new.url())
        old.kill()
        self.assertEqual({code for code, _ in await asyncio.gather(*leaving)}, {1006, 1012})
        await fresh.send("unharmed")
        self.assertEqual(await self.receive(fresh), "unharmed")
        await self.served(new)
        stats = {"connections": 99}
        deadline = time.monotonic() + scaled(40)
        while stats["connections"] > 2 and time.monotonic() < deadline:
            stats = await self.command(fresh, "stats")
            await asyncio.sleep(0.05)
        self.assertEqual((stats["connections"], stats["proxies_lost"]), (2, 1))

    async def test_without_an_old_one_it_starts(self):
        leftover = socket.socket(socket.AF_UNIX)
        leftover.bind(str(self.directory / "takeover.sock"))
        leftover.close()
        proxy = self.proxy(self.app(), takeover_socket="takeover.sock", arguments=["--takeover"])
        await self.served(proxy)
        self.assertEqual(proxy.stop(), 0)
        self.assertFalse((self.directory / "takeover.sock").exists())

    async def test_the_old_one_dies_while_the_new_one_gets_ready(self):
        app = self.app()
        app.pause()
        old = self.proxy(app, name="old", proxy_id="p", takeover_socket="takeover.sock", ready=False)
        wait_until(lambda: (self.directory / "takeover.sock").exists(), "the old one listens")
        new = self.new(app, old)
        wait_until(lambda: "getting ready" in old.log(), "it has come")
        old.kill()
        app.go_on()
        new.wait_until_ready()
        await self.served(new)

    async def test_a_drain_gives_nothing(self):
        app = self.app()
        old = self.old(app, pre_stop_delay="10m")
        old.signal(signal.SIGTERM)
        wait_until(lambda: old.admin("/readyz")[0] == 503, "it is being stopped")
        with self.assertRaises(OSError):
            self.peer()
        old.signal(signal.SIGTERM)
        self.assertEqual(old.wait(), 1)

    async def test_it_needs_a_takeover_socket(self):
        (self.directory / "none.yaml").write_text("listeners: [{address: '127.0.0.1:0'}]\nroutes: []\n")
        process = self.start(lambda name, directory: Process(
            name, [BIN / "trunkline", "run", "--takeover", "--config", "none.yaml"], directory), "none")
        process.good_exit_codes = {78}
        self.assertEqual(process.wait(), 78)
        self.assertIn("takeover_socket", process.log())


if __name__ == "__main__":
    unittest.main()
