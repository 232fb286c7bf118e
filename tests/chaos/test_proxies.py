"""Proxies that die, stop, drain, are replaced, or have another's name: what app servers see of it, and what clients do."""
import asyncio
import collections
import signal
import time
import unittest

from chaos import PATIENT_APP, PATIENT_LINKS, Chaos, longer, milliseconds, scaled
from returning import Returning

HOLD = {"hold": milliseconds(10_000), "then": "reassign"}


class Proxies(Chaos):
    def closes(self, name="app"):
        """Connection ids, in the order of their ends, by what ended them."""
        ends = collections.defaultdict(list)
        for what, connection, how, _ in self.journal(name):
            if what == "close":
                ends[how].append(connection)
        return ends

    async def ids(self, clients):
        return {(await self.command(client, "whoami"))["connection"] for client in clients}

    def handled(self, name="app"):
        for what, _, how, payload in self.journal(name):
            if what == "message":
                self.assertEqual(how, "first", payload)
                if payload.startswith("client "):
                    yield payload

    async def expect_closed_together(self, ids, since, earliest, latest):
        """All of them, and nobody else, for their proxy is lost, and none before the time, which counts from `since`."""
        def count():
            return len(self.closes()["proxy lost"])
        await self.until(count, "the app server is told", latest)
        first = time.monotonic() - since
        self.assertGreater(first, earliest)
        await self.until(lambda: count() == len(ids), "it is told of all")
        self.measured(clients=len(ids), first_disconnect=round(first, 2), all_disconnects=round(time.monotonic() - since, 2))
        self.assertEqual(set(self.closes()["proxy lost"]), ids)
        self.assertEqual({how for how, closed in self.closes().items() if ids & set(closed)}, {"proxy lost"})
        self.expect_truthful("app")

    async def test_killed(self):
        app = self.fast_app()
        doomed, other = self.fast_proxy(app, name="doomed"), self.fast_proxy(app, name="other")
        ids = await self.ids(await self.clients(doomed, longer(100, 2000)))
        load = await self.load("echo", other.url(), clients=50, duration=f"{round(scaled(3))}s")
        await asyncio.sleep(0.3)
        since = time.monotonic()
        doomed.kill()
        await self.expect_whole_beside(load, self.expect_closed_together(ids, since, scaled(0.45), 10))

    async def expect_whole_beside(self, load, task):
        """What the clients of the other proxy saw while `task` went on: nothing."""
        await task
        code, text, report = await load
        self.assertEqual(code, 0, text)
        self.assertEqual(report["ledger"]["missing"], 0)

    async def test_killed_and_back_under_its_id(self):
        """Nobody waits for what its sockets would wait for: the older life does not answer, so it is over."""
        app = self.fast_app(limits={"proxy_gone_after": 60_000})
        doomed = self.fast_proxy(app, name="doomed", proxy_id="p")
        ids = await self.ids(await self.clients(doomed, longer(100, 2000)))
        doomed.kill()
        since = time.monotonic()
        back = self.fast_proxy(app, name="back", proxy_id="p", like=doomed)
        await self.expect_served(await self.connect(back.url()))
        await self.expect_closed_together(ids, since, scaled(0.25), 10)

    async def test_two_of_one_id(self):
        app = self.fast_app(limits={**PATIENT_APP, "probe_timeout": 1000})
        proxies = [self.fast_proxy(app, name=name, proxy_id="twin", when_lost=HOLD, links=PATIENT_LINKS) for name in ("one", "two")]
        clients = [client for proxy in proxies for client in await self.clients(proxy, 10)]
        began = time.monotonic()
        while time.monotonic() - began < scaled(1.5):  # longer than a probe may take
            await self.expect_served(*clients)
        await self.until(lambda: "proxy twin" in app.log() and "lives beside another of its id" in app.log(), "it is logged")
        self.assertEqual(self.closes(), {})
        for proxy in proxies:
            self.assertEqual(proxy.metric("trunkline_links_lost_total"), 0)

    async def stopped(self, when_lost):
        """A proxy that does not run for longer than the window, beside one that does; then it wakes. Its clients."""
        app = self.fast_app()
        stuck, other = self.fast_proxy(app, name="stuck", when_lost=when_lost), self.fast_proxy(app, name="other")
        clients = await self.clients(stuck, 50)
        ids = await self.ids(clients)
        load = await self.load("echo", other.url(), clients=50, duration=f"{round(scaled(4))}s")
        await asyncio.sleep(0.2)
        stuck.pause()
        since = time.monotonic()
        await self.expect_closed_together_later(ids, since)
        for client in clients:
            await client.send("while it sleeps")
        self.expect_whole(await load)
        stuck.go_on()
        return stuck, clients, ids

    async def expect_closed_together_later(self, ids, since):
        """Silence is noticed only by the window: but its clients end together, and no message of theirs is handled after."""
        await self.until(lambda: len(self.closes()["proxy lost"]) == len(ids), "its lease is over", 20)
        self.measured(clients=len(ids), all_disconnects=round(time.monotonic() - since, 2))
        self.assertGreater(time.monotonic() - since, scaled(0.6))

    async def test_stopped_for_too_long_and_its_clients_are_opened_again(self):
        stuck, clients, ids = await self.stopped(HOLD)
        for client in clients:
            self.assertEqual(await self.receive(client, 20), "while it sleeps")
        await self.expect_served(*clients)
        self.assertEqual(await self.ids(clients), ids)
        self.expect_truthful("app")
        resumed = [e[1] for e in self.journal("app") if e[0] == "open" and e[2] == "resumed"]
        self.assertEqual(sorted(resumed), sorted(ids))
        self.assertEqual(stuck.metric("trunkline_closes_total"), 0)

    async def test_stopped_for_too_long_and_its_clients_are_closed(self):
        _, clients, _ = await self.stopped({"hold": "0s", "then": "close"})
        for client in clients:
            self.assertEqual((await self.closed(client, 20))[0], 1012)
        self.expect_truthful("app")
        self.assertNotIn("while it sleeps", [e[3] for e in self.journal("app")])

    async def test_stopped_while_all_are_sent_to(self):
        """A proxy that takes nothing holds up what the app server says to all until its pool ends, and no longer."""
        app = self.fast_app(limits={"stall_timeout": 500}, more=("--ring", 64 << 10))
        stuck, other = (self.fast_proxy(app, name=name, when_lost=HOLD, limits={"outbox": "64MiB"}) for name in ("stuck", "other"))
        sleepers, others = await self.clients(stuck, 10), await self.clients(other, 10)
        await self.ids(sleepers)
        stuck.pause()
        count = longer(400, 4000)
        await others[0].send('{"do": "all-numbers", "count": %d, "size": 8000}' % count)

        async def read(client):
            for i in range(count):
                self.assertEqual((await self.receive(client, 20)).split()[0], str(i))
        await asyncio.gather(*map(read, others))
        await self.until(lambda: len(self.closes()["proxy lost"]) == 10, "its pool has ended")
        stuck.go_on()
        for client in sleepers:  # they are held, then served again; some numbers first
            await client.send("awake")
            while await self.receive(client, 20) != "awake":
                pass
        self.assertEqual(other.metric("trunkline_closes_total"), 0)
        self.expect_truthful("app")

    async def leaving(self, urls, leave):
        """Clients that come back, while `leave()` takes a proxy away."""
        count = longer(40, 200)
        clients = Returning(self, urls, count)
        await self.until(lambda: len(clients.visits) == count, "all are there")
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await leave()
        gone = round(time.monotonic() - began, 2)
        await asyncio.sleep(0.5)
        await clients.finish()
        clients.expect_whole(self.handled())
        self.assertEqual(set(clients.codes()), {None, 1012})
        self.assertEqual(clients.refused, {})
        self.expect_truthful("app")
        self.measured(clients=len(clients.visits), messages=sum(v.sent for v in clients.visits), told_1012=clients.codes()[1012],
                      lost=0, doubled=0, reordered=0, refused=0, seconds=gone)

    async def ended(self, process):
        await self.until(lambda: not process.is_running(), f"{process.name} has ended", 30)
        self.assertEqual(process.wait(), 0)

    async def test_taken_over(self):
        app = self.fast_app()
        common = {"proxy_id": "p", "takeover_socket": "takeover.sock", "drain_timeout": milliseconds(1000), "when_lost": HOLD}
        old = self.fast_proxy(app, name="old", **common)

        async def take_over():
            self.fast_proxy(app, name="new", like=old, arguments=["--takeover"], ready=False, **common)
            await self.ended(old)
        await self.leaving([old.url()], take_over)

    async def test_drained(self):
        app = self.fast_app()
        leaver = self.fast_proxy(app, name="leaver", drain_timeout=milliseconds(1000))
        stayer = self.fast_proxy(app, name="stayer")
        ways = [leaver.url(), stayer.url()]

        async def drain():
            ways.remove(leaver.url())  # as a balancer does
            leaver.signal(signal.SIGTERM)
            await self.ended(leaver)
        await self.leaving(ways, drain)


if __name__ == "__main__":
    unittest.main()
