"""Pools that get more lanes and fewer while all go on: nothing is lost, doubled or reordered, links cut or not."""
import asyncio
import signal
import unittest
import urllib.error
import urllib.request

from chaos import PATIENT_APP, PATIENT_LINKS, Chaos, longer, milliseconds, scaled

HOLD = {"hold": milliseconds(10_000), "then": "reassign"}
SMALL = 128 << 10  # a ring and a window that a few messages fill


def put(proxy, target):
    """The status of a PUT to the admin listener."""
    request = urllib.request.Request(f"http://127.0.0.1:{proxy.admin_port}{target}", method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=scaled(10)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Resize(Chaos):
    async def resize(self, proxy, *sizes, apps=1):
        """One after the other, each until the pools have that size and nothing of the one before."""
        for size in sizes:
            self.assertEqual(put(proxy, f"/upstreams/app?pool_size={size}"), 202)
            await self.until(lambda: proxy.metric("trunkline_links", state="up") == size * apps, f"{size} lanes", 30)

    async def under_load(self, profile, resize, app=None, **options):
        app = app or self.fast_app(limits=PATIENT_APP)
        relay = self.relay(app)
        proxies = [self.fast_proxy(relay, name=f"proxy-{i}", workers=workers, links=PATIENT_LINKS) for i, workers in enumerate((1, 3))]
        load = await self.load(profile, *(p.url() for p in proxies), clients=60 * longer(1, 10),
                               duration=f"{round(scaled(longer(4, 20)))}s", **options)
        await asyncio.sleep(0.3)
        for _ in range(longer(1, 5)):
            await resize(relay, proxies)
        self.expect_whole(await load)
        self.expect_truthful("app")
        for proxy in proxies:
            self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)
        return proxies

    async def up_and_down(self, relay, proxies):
        await asyncio.gather(*(self.resize(proxy, 8, 3, 12, 5) for proxy in proxies))

    async def test_echoes(self):
        proxies = await self.under_load("echo", self.up_and_down)
        for proxy in proxies:
            self.assertEqual(proxy.metric("trunkline_links_lost_total"), 0)

    async def test_groups(self):
        app = self.app(program="trunkline-load-app", arguments=[])
        await self.under_load("chat", self.up_and_down, app, interval="50ms")

    async def test_sends_to_all(self):
        app = self.app(program="trunkline-load-app", arguments=[])
        await self.under_load("broadcast", self.up_and_down, app, interval="20ms")

    async def test_links_are_cut_meanwhile(self):
        async def cut_and_resize(relay, proxies):
            task = asyncio.ensure_future(self.up_and_down(relay, proxies))
            while not task.done():
                relay.cut(2)
                await asyncio.wait([task], timeout=scaled(0.1))
            await task
        await self.under_load("echo", cut_and_resize)

    async def test_changed_minds(self):
        """The next size is asked for before the one before is there; the last one counts."""
        async def hurry(relay, proxies):
            for proxy in proxies:
                for size in (9, 3, 12, 4, 7):
                    self.assertEqual(put(proxy, f"/upstreams/app?pool_size={size}"), 202)
                await self.resize(proxy, 6)
        await self.under_load("echo", hurry)

    async def test_full_rings(self):
        """Clients and callbacks that wait for room go on, on whatever lane is theirs now."""
        app = self.fast_app(limits=PATIENT_APP, more=("--ring", SMALL, "--window", SMALL))
        proxy = self.fast_proxy(app, limits={"outbox": "8MiB"}, links={"ring": SMALL, "window": SMALL, **PATIENT_LINKS},
                                routes=[{"path": "/*", "upstream": "app", "max_message": "128KiB"}], workers=1)
        count, size = longer(100, 400), 100_000

        async def play():
            client = await self.connect(proxy.url())

            async def send():
                for i in range(count):
                    await client.send(f"{i} " + "e" * size)
            sending = asyncio.create_task(send())
            for i in range(count):
                self.assertEqual((await self.receive(client, 30)).split()[0], str(i))
            await sending
        playing = asyncio.gather(*(play() for _ in range(8)))
        await self.resize(proxy, 2, 9, 1, 4)
        await playing
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)
        self.expect_truthful("app")

    async def test_no_new_link_can_be_made(self):
        """What has fallen away, or is no home yet, is not missed: the links that there are carry all."""
        relay = self.relay(self.fast_app(limits=PATIENT_APP))
        proxy = self.fast_proxy(relay, workers=1, links={"dead_after": milliseconds(2000)})
        clients = await self.clients(proxy, 20)
        relay.refuse(True)
        for size in (3, 8):
            self.assertEqual(put(proxy, f"/upstreams/app?pool_size={size}"), 202)
            await self.expect_served(*clients)
            await asyncio.sleep(scaled(3.5))  # longer than the resume window
            await self.expect_served(*clients)
        relay.refuse(False)
        await self.until(lambda: proxy.metric("trunkline_links", state="up") == 8, "one after the other is done")
        await self.expect_served(*clients)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)

    async def test_app_servers_drain_meanwhile(self):
        apps = [self.fast_app(name, at_signal="drain") for name in ("one", "two")]
        proxy = self.fast_proxy(*apps, when_lost=HOLD, workers=1)
        load = await self.load("echo", proxy.url(), clients=60 * longer(1, 10), duration=f"{round(scaled(longer(4, 20)))}s")
        await asyncio.sleep(0.3)
        for i, sizes in enumerate(((9, 2), (2, 7), (7, 3), (12, 5))):
            self.assertEqual(put(proxy, f"/upstreams/app?pool_size={sizes[0]}"), 202)
            app = apps[i % 2]
            app.signal(signal.SIGTERM)
            self.assertEqual(put(proxy, f"/upstreams/app?pool_size={sizes[1]}"), 202)
            self.assertEqual(app.wait(), 0)
            apps[i % 2] = self.fast_app(app.name, address=app.address, at_signal="drain")
            await self.until(lambda: proxy.metric("trunkline_links", state="up") == 2 * sizes[1], "both are linked again")
        self.expect_whole(await load)
        self.expect_truthful("one", "two")
        self.assertEqual(proxy.metric("trunkline_redelivered_total"), 0)

    async def test_the_app_server_is_killed_in_the_midst_of_it(self):
        app = self.fast_app("app")
        proxy = self.fast_proxy(app, when_lost=HOLD, workers=1)
        clients = await self.clients(proxy, 20)
        count = 0
        for size in (9, 2):
            put(proxy, f"/upstreams/app?pool_size={size}")
            for _ in range(50):
                for client in clients:
                    await client.send(str(count))
                count += 1
            app.kill()
            app = self.fast_app("app", address=app.address)
            await self.until(lambda: proxy.metric("trunkline_links", state="up") == size, "its next pool has that size")
            # Before it is killed again: what two of them did not survive would be given up.
            await self.until(lambda: self.are_handled({str(i) for i in range(count)}, len(clients)), "all are handled")
        for client in clients:  # an answer may be gone with its app server; none is doubled but by a message handed on again
            await client.send("last")
            heard = []
            while not heard or heard[-1] != "last":
                heard.append(await self.receive(client, 20))
        firsts = {}
        for what, connection, how, payload in self.journal("app"):
            if what == "message" and how == "first":
                self.assertNotIn((connection, payload), firsts)
                firsts[connection, payload] = len(firsts)
        for connection in {connection for connection, _ in firsts}:
            order = [int(p) for c, p in firsts if c == connection and p.isdigit()]
            self.assertEqual(order, sorted(order))
        self.expect_truthful_across_kills()

    def are_handled(self, payloads, clients):
        handled = {}
        for what, connection, _, payload in self.journal("app"):
            if what == "message" and payload.isdigit():
                handled.setdefault(connection, set()).add(payload)
        return len(handled) == clients and all(payloads <= got for got in handled.values())

    def expect_truthful_across_kills(self):
        """A killed app server closes nobody, so here an open may follow an open, as resumed."""
        for what, connection, how, _ in self.journal("app"):
            if what == "open":
                self.assertIn(how, ("fresh", "resumed"))
            self.assertNotEqual(what, "close")

    async def test_what_cannot_be_asked_for(self):
        proxy = self.fast_proxy(self.fast_app())
        for target, status in (("/upstreams/other?pool_size=3", 404), ("/upstreams/app?pool_size=0", 400),
                               ("/upstreams/app?pool_size=257", 400), ("/upstreams/app?pool_size=3x", 400),
                               ("/upstreams/app?size=3", 400), ("/upstreams/app", 400), ("/metrics", 404)):
            self.assertEqual(put(proxy, target), status, target)
        await self.expect_served(await self.connect(proxy.url()))


if __name__ == "__main__":
    unittest.main()
