"""App servers that die, stop, drain: what becomes of their clients and of what was under way."""
import asyncio
import collections
import signal
import time
import unittest

from chaos import BIN, PATIENT_APP, Chaos, milliseconds, scaled, wait_until

HOLD = {"hold": milliseconds(10_000), "then": "reassign"}
REASSIGN = {"hold": "0s", "then": "reassign"}


class Senders:
    """Clients that send numbered messages and count what comes back. They never reconnect."""

    def __init__(self, scenario, clients):
        self.scenario, self.clients = scenario, clients
        self.sent = [0] * len(clients)
        self.echoes = [collections.Counter() for _ in clients]
        self.closed = {}
        self.is_sending = True
        self.times = [[time.monotonic()] for _ in clients]
        self.tasks = [asyncio.create_task(work(i)) for i in range(len(clients)) for work in (self._send, self._receive)]

    async def _send(self, i):
        while self.is_sending:
            try:
                await self.clients[i].send(f"m {i} {self.sent[i]}")
            except Exception:
                return
            self.sent[i] += 1
            await asyncio.sleep(0.005)

    async def _receive(self, i):
        try:
            while True:
                self.echoes[i][await self.clients[i].recv()] += 1
                self.times[i].append(time.monotonic())
        except Exception:
            self.closed[i] = self.clients[i].close_code

    async def finish(self):
        """Stops sending."""
        self.is_sending = False
        await asyncio.gather(*self.tasks[::2])

    def longest_silence(self):
        """For how many seconds any of them got nothing."""
        return round(max(later - before for times in self.times for before, later in zip(times, times[1:])), 2)

    def messages(self):
        return {f"m {i} {n}" for i, count in enumerate(self.sent) for n in range(count)}


class AppServers(Chaos):
    def handled(self, *names):
        """Each message and how it was handed out, over all journals."""
        handled = collections.defaultdict(list)
        for name in names:
            for what, _, how, payload in self.journal(name):
                if what == "message":
                    handled[payload].append(how)
        return handled

    async def expect_handled(self, senders, *names):
        """Every message was handled; twice only with the flag."""
        wanted = senders.messages()
        deadline = time.monotonic() + scaled(20)
        while not wanted <= self.handled(*names).keys():
            self.assertLess(time.monotonic(), deadline, f"never handled: {sorted(wanted - self.handled(*names).keys())[:10]}")
            await asyncio.sleep(0.05)
        for payload, hows in self.handled(*names).items():
            self.assertEqual(hows.count("first") <= 1 and hows.count("redelivered") <= 1, True, f"{payload}: {hows}")
        await asyncio.sleep(0.2)  # for the last echoes
        doubled = sum(len(hows) == 2 for hows in self.handled(*names).values())
        echoes = sum(len(echoes) for echoes in senders.echoes)
        self.measured(clients=len(senders.clients), messages=len(wanted), lost=0, handled_twice_and_flagged=doubled,
                      echoes_lost=len(wanted) - echoes, closed=len(senders.closed), longest_silence=senders.longest_silence())

    def expect_in_order(self, *names):
        """Each client's messages are first handled in the order they were sent."""
        newest = collections.defaultdict(lambda: -1)
        for name in names:
            for what, connection, how, payload in self.journal(name):
                if what != "message" or how != "first":
                    continue
                _, client, number = payload.split()
                self.assertGreater(int(number), newest[client], f"client {client} in {name}")
                newest[client] = int(number)

    async def until_acknowledged(self, proxy):
        """All that was handled is known to be: nothing of it would be handed on."""
        await asyncio.sleep(scaled(0.6))  # the figure below is of the last quarter of a second
        wait_until(lambda: proxy.metric("trunkline_queue_bytes", queue="ring") == 0, "all was acknowledged")

    async def test_killed_and_back_at_once(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD)
        senders = Senders(self, await self.clients(proxy, 20))
        await asyncio.sleep(0.5)
        app.kill()
        await asyncio.sleep(0.2)
        self.fast_app("app", address=app.address)
        await asyncio.sleep(1)
        await senders.finish()
        self.assertEqual(senders.closed, {})
        await self.expect_handled(senders, "app")
        self.expect_in_order("app")
        self.assertGreater(proxy.metric("trunkline_pools_ended_total"), 0)
        resumed = [entry for entry in self.journal("app") if entry[0] == "open" and entry[2] == "resumed"]
        self.assertEqual(len(resumed), 20)

    async def test_killed_and_its_clients_go_to_another(self):
        apps = [self.fast_app("one"), self.fast_app("two")]
        proxy = self.fast_proxy(*apps, when_lost=REASSIGN)
        senders = Senders(self, await self.clients(proxy, 20))
        await asyncio.sleep(0.5)
        apps[0].kill()
        await asyncio.sleep(1.5)
        await senders.finish()
        self.assertEqual(senders.closed, {})
        await self.expect_handled(senders, "one", "two")
        self.expect_in_order("one", "two")
        self.assertEqual(proxy.metric("trunkline_connections"), 20)

    async def test_killed_and_its_clients_are_closed(self):
        apps = [self.fast_app("one"), self.fast_app("two")]
        proxy = self.fast_proxy(*apps, when_lost={"hold": "0s", "then": "close"})
        senders = Senders(self, await self.clients(proxy, 20))
        await asyncio.sleep(0.3)
        apps[0].kill()
        deadline = time.monotonic() + scaled(10)
        while proxy.metric("trunkline_closes_total", reason="app_server_lost") != len(senders.closed) or not senders.closed:
            self.assertLess(time.monotonic(), deadline, "nobody was closed")
            await asyncio.sleep(0.05)
        await senders.finish()
        self.assertEqual(set(senders.closed.values()), {1012})
        self.assertTrue(0 < len(senders.closed) < 20)

    async def test_held_for_too_long(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost={"hold": milliseconds(600), "then": "reassign"})
        client = await self.connect(proxy.url())
        app.kill()
        self.assertEqual((await self.closed(client))[0], 1012)
        wait_until(lambda: proxy.metric("trunkline_held_connections") == 0, "it is held no more")

    async def test_what_a_held_client_says_is_bounded(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD, limits={"outbox": "64MiB"})  # the echoes come faster than they are read
        client = await self.connect(proxy.url())
        await client.send("before")
        await self.receive(client)
        await self.until_acknowledged(proxy)
        app.kill()
        wait_until(lambda: proxy.metric("trunkline_held_connections") == 1, "it is held")
        sending = asyncio.create_task(self.send_all(client, 3000))
        await asyncio.sleep(0.5)
        self.assertFalse(sending.done())  # it is not read any more
        self.fast_app("app", address=app.address)
        echoes = [await self.receive(client, 20) for _ in range(3000)]
        await sending
        self.assertEqual(echoes, [self.numbered(i) for i in range(3000)])

    @staticmethod
    def numbered(i):
        return f"{i} " + "x" * 4000

    async def send_all(self, client, count):
        for i in range(count):
            await client.send(self.numbered(i))

    UNHANDLED = [f"unhandled {i}" for i in range(5)]

    async def killed_with_messages(self, **options):
        """An app server that was killed before it handled any of five messages; the proxy, and the client that it holds."""
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD, **options)
        client = await self.connect(proxy.url())
        app.pause()
        for message in self.UNHANDLED:
            await client.send(message)
        wait_until(lambda: proxy.metric("trunkline_messages_total", direction="to_app") == 5, "the proxy has them")
        app.kill()
        wait_until(lambda: proxy.metric("trunkline_held_connections") == 1, "it is held")
        return app, proxy, client

    def messages(self, name="app"):
        return [payload for what, _, _, payload in self.journal(name) if what == "message"]

    async def test_a_client_that_leaves_while_it_is_held(self):
        app, _, client = await self.killed_with_messages()
        await client.send("meanwhile")
        await client.close(1000)
        self.fast_app("app", address=app.address)
        wait_until(lambda: [e for e in self.journal("app") if e[0] == "close"], "it was closed at the new one")
        self.assertEqual(self.messages(), [*self.UNHANDLED, "meanwhile"])

    async def test_a_client_that_has_left_before(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD)
        client = await self.connect(proxy.url("/?group=red"))
        await self.command(client, "whoami")
        await self.until_acknowledged(proxy)
        app.pause()
        for i in range(5):
            await client.send(f"last words {i}")
        await client.close(1000)
        await asyncio.sleep(scaled(0.2))  # they are on the link: only what was written may have been handled
        app.kill()
        self.fast_app("app", address=app.address)
        wait_until(lambda: [e for e in self.journal("app") if e[0] == "close"], "it was closed at the new one")
        new = self.journal("app")[2:]  # behind the first open and the command
        self.assertEqual([(what, how) for what, _, how, _ in new],
                         [("open", "resumed")] + [("message", "redelivered")] * 5 + [("close", "client")])
        self.assertEqual(new[0][3].split(), ["red"])
        self.assertEqual([e[3] for e in new if e[0] == "message"], [f"last words {i}" for i in range(5)])

    async def test_a_drain_of_the_proxy_waits_for_what_is_held(self):
        app, proxy, client = await self.killed_with_messages(drain_timeout=milliseconds(10_000))
        proxy.signal(signal.SIGTERM)
        self.assertEqual((await self.closed(client))[0], 1012)
        self.fast_app("app", address=app.address)
        self.assertEqual(proxy.wait(), 0)
        self.assertEqual(self.messages(), self.UNHANDLED)

    async def test_a_drain_does_not_wait_for_a_client_that_does_not_read(self):
        app = self.fast_app("one", at_signal="drain", limits={"drain_timeout": 30_000})
        proxy = self.fast_proxy(app, when_lost=HOLD, limits={"outbox": "8MiB"})
        client = await self.connect(proxy.url(), max_queue=1, write_limit=1 << 24)
        client.transport.pause_reading()
        for i in range(1000):
            await client.send(self.numbered(i))
        wait_until(lambda: proxy.metric("trunkline_queue_bytes", queue="outbox") > 2 << 20, "its app server waits for it")
        app.signal(signal.SIGTERM)
        self.assertEqual(app.wait(20), 0)
        self.fast_app("one", address=app.address)
        client.transport.resume_reading()
        for i in range(1000):
            self.assertEqual(await self.receive(client, 20), self.numbered(i))

    async def test_a_message_that_kills_twice(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD)
        killer, bystander = await self.clients(proxy, 2)
        await bystander.send("before")
        await self.receive(bystander)
        await self.until_acknowledged(proxy)
        await killer.send("die")
        self.assertEqual(app.wait(), 9)
        # It dies before anybody could see it listen.
        second = self.started_process("app", [BIN / "test_app", "--listen", app.address, *self.app_arguments("app")])
        self.assertEqual(second.wait(), 9)
        self.fast_app("app", address=app.address)
        self.assertEqual((await self.closed(killer, 20))[0], 1011)
        await bystander.send("after")
        self.assertEqual(await self.receive(bystander, 20), "after")
        self.assertEqual([e[2] for e in self.journal("app") if e[3] == "die"], ["first", "redelivered"])

    async def test_groups_and_users_go_along(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD)
        client = await self.connect(proxy.url("/?group=red&group=blue&user=ann"))
        await self.command(client, "whoami")
        app.kill()
        self.fast_app("app", address=app.address)
        answer = await self.command(client, "whoami", 20)
        self.assertEqual(answer["user"], "ann")
        groups = [set(e[3].split()) for e in self.journal("app") if e[0] == "open" and e[2] == "resumed"]
        self.assertEqual(groups, [{"red", "blue"}])

    async def test_what_resumed_clients_say_to_a_group_reaches_all_of_it(self):
        """Also the clients of workers and proxies that are linked again later than others."""
        app = self.fast_app("app")
        proxies = [self.fast_proxy(app, name=f"proxy-{i}", when_lost=HOLD, workers=3) for i in range(2)]
        clients = [client for proxy in proxies for client in await self.clients(proxy, 12, "/?group=all")]
        for client in clients:
            await self.command(client, "whoami")
        app.kill()
        for i, client in enumerate(clients):
            await client.send('{"do": "group", "group": "all", "text": "from %d"}' % i)
        self.fast_app("app", address=app.address)

        async def read(client):
            """What it gets before it has heard everybody; answers to its own command come in between."""
            heard = collections.Counter()
            while len(heard) < len(clients):
                text = await self.receive(client, 20)
                heard.update([text] if text.startswith("from ") else [])
            return heard
        for heard in await asyncio.gather(*map(read, clients)):
            self.assertEqual(set(heard.values()), {1})

    async def test_stopped_for_a_while_and_for_too_long(self):
        for pause, ends in ((0.6, False), (5.0, True)):
            app = self.fast_app(f"stopped-{ends}", limits=PATIENT_APP)
            proxy = self.fast_proxy(app, name=f"proxy-{ends}", when_lost=HOLD)
            senders = Senders(self, await self.clients(proxy, 10))
            await asyncio.sleep(0.3)
            app.pause()
            await asyncio.sleep(scaled(pause))
            app.go_on()
            await asyncio.sleep(scaled(1))
            await senders.finish()
            self.assertEqual(senders.closed, {})
            await self.expect_handled(senders, app.name)
            self.expect_in_order(app.name)
            self.assertEqual(proxy.metric("trunkline_pools_ended_total") > 0, ends)

    async def test_absent_at_the_start(self):
        app = self.fast_app("app")
        app.kill()
        proxy = self.fast_proxy(app, ready=False)
        wait_until(lambda: "ready to serve" in proxy.log(), "it listens")
        self.assertEqual((await self.refused(proxy.url()))[0], 503)
        self.fast_app("app", address=app.address)
        proxy.wait_until_ready()
        client = await self.connect(proxy.url())
        await client.send("hello")
        self.assertEqual(await self.receive(client), "hello")

    async def test_a_rolling_deploy(self):
        names = ["one", "two"]
        apps = [self.fast_app(name, at_signal="drain") for name in names]
        proxies = [self.fast_proxy(*apps, name=f"proxy-{i}", when_lost=HOLD) for i in range(2)]
        load = await self.load("echo", *(p.url() for p in proxies), clients=100, duration=f"{round(scaled(5))}s", rate=4000)
        senders = Senders(self, await self.clients(proxies[0], 10))
        await asyncio.sleep(0.5)
        for i, name in enumerate(names):
            apps[i].signal(signal.SIGTERM)
            self.assertEqual(apps[i].wait(), 0)
            apps[i] = self.fast_app(name, address=apps[i].address, at_signal="drain")
            for proxy in proxies:
                proxy.wait_until_ready()
                wait_until(lambda p=proxy: p.metric("trunkline_links", state="up") == 10, "both are linked again")
        await senders.finish()
        self.expect_whole(await load)
        self.assertEqual(senders.closed, {})
        await self.expect_handled(senders, *names)
        for payload, hows in self.handled(*names).items():
            self.assertEqual(hows, ["first"], payload)  # a drained app server doubles nothing
        for proxy in proxies:
            self.assertEqual(proxy.metric("trunkline_redelivered_total"), 0)


if __name__ == "__main__":
    unittest.main()
