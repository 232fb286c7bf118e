"""Links that are cut while rings are full, groups change, and all send to all; links that are slow."""
import asyncio
import time
import unittest

from chaos import PATIENT_APP, PATIENT_LINKS, Chaos, longer, milliseconds, scaled

SMALL = 128 << 10  # a ring and a window that a few messages fill
# Links live for so short here that on a busy machine few live long enough for an answer; some do within the default.
LASTING = {"resume_window": "30s", "dead_after": milliseconds(2000)}


class CutLinks(Chaos):
    async def cut_while(self, relays, task, every, seconds):
        """Cuts links of each relay in turn until the task is done, and for so long at the most: on a busy machine little
        comes through meanwhile."""
        cuts, ends = 0, time.monotonic() + scaled(seconds)
        while not task.done() and time.monotonic() < ends:
            relays[cuts % len(relays)].cut(1 + cuts % 3)
            cuts += 1
            await asyncio.wait([task], timeout=scaled(every))
        return cuts

    async def test_echo_both_ways_at_full_rings(self):
        app = self.fast_app(limits=PATIENT_APP, more=("--ring", SMALL, "--window", SMALL))
        relay = self.relay(app)
        proxy = self.fast_proxy(relay, limits={"outbox": "8MiB"}, links={"ring": SMALL, "window": SMALL, **LASTING},
                                routes=[{"path": "/*", "upstream": "app", "max_message": "128KiB"}])
        count, clients = longer(100, 400), longer(4, 8)
        playing = asyncio.gather(*(self.echo_at_full_rings(proxy, count, size=100_000) for _ in range(clients)))
        cuts = await self.cut_while([relay], asyncio.ensure_future(playing), every=0.2, seconds=longer(10, 60))
        await playing
        self.assertGreater(cuts, 1)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)
        self.expect_truthful("app")
        self.measured(cuts=cuts, messages=clients * count, lost=0, doubled=0, reordered=0)

    async def test_who_has_joined_misses_nothing(self):
        """The join is one app server's, what is sent to the group next another's, or its own other thread's."""
        apps = [self.fast_app(f"app-{i}", limits=PATIENT_APP) for i in range(3)]
        relays = [self.relay(app) for app in apps]
        proxy = self.fast_proxy(*relays, links=LASTING)
        clients = {}
        while len(clients) < len(apps):
            client = await self.connect(proxy.url())
            clients[(await self.command(client, "whoami"))["app"]] = client
        members = [clients[app.name] for app in apps]
        rounds = longer(60, 1000)
        for i in range(rounds):
            joiner, relay, sender = members[i % 3], relays[i % 3], members[(i + 1) % 3]
            relay.cut(1 + i % 5)  # its links come back on their own
            await self.command(joiner, "join", group=f"group {i}")
            relay.cut(1 + i % 3)
            await self.command(sender, "group", group=f"group {i}", text=f"from another {i}")
            relay.cut(1 + i % 4)
            await self.command(joiner, "join-then-thread", group=f"again {i}", text=f"from its own {i}")
        for m, client in enumerate(members):
            await client.send("the end")
            got = getattr(client, "other", [])
            # Each app server's in their order; what two of them say about the same time has none.
            wanted = {whose: [f"from {whose} {i}" for i in range(m, rounds, 3)] for whose in ("another", "its own")}
            while len(got) < sum(map(len, wanted.values())):
                got.append(await self.receive(client, 20))
                got = [message for message in got if message != "the end"]
            for whose, messages in wanted.items():
                self.assertEqual([message for message in got if message.startswith(f"from {whose} ")], messages)
        self.assertGreater(proxy.metric("trunkline_links_lost_total"), 10)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)
        self.measured(cuts=3 * rounds, messages=2 * rounds, lost=0, doubled=0, reordered=0)

    async def with_load(self, profile, clients, **options):
        """A load whose app server is trunkline-load-app, on two proxies, through links that are cut all the time."""
        app = self.app(program="trunkline-load-app", arguments=[])
        relays, proxies = [self.relay(app) for _ in range(2)], []
        for i, relay in enumerate(relays):
            proxies.append(self.fast_proxy(relay, name=f"proxy-{i}", links=LASTING))
        seconds = longer(3, 20)
        load = await self.load(profile, *(proxy.url() for proxy in proxies), clients=clients,
                               duration=f"{round(scaled(seconds))}s", **options)
        await self.until(lambda: sum(p.metric("trunkline_connections") for p in proxies) >= clients, "all are connected")
        cuts = await self.cut_while(relays, load, 0.1, seconds)
        self.expect_whole(await load)
        self.assertGreater(cuts, 1)
        for proxy in proxies:
            self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)

    async def test_chat(self):
        await self.with_load("chat", clients=longer(100, 1000), rooms=10, interval="20ms")

    async def test_client_to_client(self):
        await self.with_load("client-to-client", clients=longer(50, 500), interval="50ms")

    async def test_fan_out(self):
        await self.with_load("fanout", clients=longer(20, 200), rooms=4, window=4)

    async def test_a_slow_link(self):
        """Some 400 KB a second and 40 ms each way, of more than that: clients wait, and nobody is lost."""
        app = self.fast_app(limits=PATIENT_APP)
        relay = self.relay(app)
        proxy = self.fast_proxy(relay, pool_size=2, links=PATIENT_LINKS)
        relay.trickle(8 << 10, 0.04)
        self.expect_whole(await (await self.load("echo", proxy.url(), clients=longer(20, 200), size=4000,
                                                 duration=f"{longer(2, 10)}s")))
        self.assertEqual(proxy.metric("trunkline_links_lost_total"), 0)


if __name__ == "__main__":
    unittest.main()
