"""Links that are cut, stall, or trickle under load: nothing is lost, and nobody notices but by the delay."""
import asyncio
import unittest

from chaos import PATIENT_APP, PATIENT_LINKS, Chaos, longer, milliseconds, scaled


class Links(Chaos):
    async def under_load(self, do, profile="echo", clients=100, seconds=3, links=None):
        """Echoes while `do(relay, proxy)` runs; the proxy, when all has ended well."""
        app = self.fast_app(limits=PATIENT_APP)
        relay = self.relay(app)
        proxy = self.fast_proxy(relay, links={**PATIENT_LINKS, **(links or {})})
        rounds = longer(1, 5)
        clients *= longer(1, 10)
        load = await self.load(profile, proxy.url(), clients=clients, duration=f"{seconds * rounds}s")
        await self.until(lambda: proxy.metric("trunkline_connections") == clients, "all are connected")
        await asyncio.sleep(0.3)
        for _ in range(rounds):
            await do(relay, proxy)
        self.expect_whole(await load)
        self.expect_truthful("app")
        return proxy

    async def until_linked(self, proxy, lanes=5):
        deadline = asyncio.get_event_loop().time() + scaled(10)
        while proxy.metric("trunkline_links", state="up") < lanes:
            self.assertLess(asyncio.get_event_loop().time(), deadline, "the links do not come back")
            await asyncio.sleep(0.02)

    async def test_one_of_five_is_cut_again_and_again(self):
        async def cut(relay, proxy):
            wanted = proxy.metric("trunkline_links_lost_total") + 10
            for _ in range(100):  # the oldest may be one that is not back yet, which is no loss
                relay.cut(1)
                await asyncio.sleep(0.1)
                if proxy.metric("trunkline_links_lost_total") >= wanted:
                    break
            await self.until_linked(proxy)
        proxy = await self.under_load(cut)
        self.assertGreaterEqual(proxy.metric("trunkline_links_lost_total"), 10)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)

    async def test_all_are_cut_at_once(self):
        async def cut(relay, proxy):
            for _ in range(3):
                relay.cut()
                await asyncio.sleep(0.3)
                await self.until_linked(proxy)
        proxy = await self.under_load(cut)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)

    async def test_nobody_answers_for_a_while(self):
        async def away(relay, proxy):
            relay.refuse(True)
            relay.cut()
            await asyncio.sleep(scaled(0.4))
            relay.refuse(False)
            await self.until_linked(proxy)
        proxy = await self.under_load(away)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)

    async def test_links_fall_silent_and_new_ones_work(self):
        async def silent(relay, proxy):
            wanted = proxy.metric("trunkline_links_lost_total") + 5
            relay.stall()
            await self.until(lambda: proxy.metric("trunkline_links_lost_total") >= wanted, "all have been silent for too long")
            await self.until_linked(proxy)
        proxy = await self.under_load(silent, seconds=4, links={"dead_after": milliseconds(600)})
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)

    async def test_a_stall_shorter_than_silence(self):
        async def stall(relay, proxy):
            for _ in range(3):
                relay.hold()
                await asyncio.sleep(0.2)
                relay.go_on()
                await asyncio.sleep(0.1)
        proxy = await self.under_load(stall)
        self.assertEqual(proxy.metric("trunkline_links_lost_total"), 0)

    async def test_bytes_come_one_by_one_and_links_are_cut(self):
        async def trickle(relay, proxy):
            relay.trickle(7)
            for _ in range(5):
                await asyncio.sleep(0.2)
                relay.cut(2)
            relay.trickle(None)
            await self.until_linked(proxy)
        await self.under_load(trickle, clients=10)


if __name__ == "__main__":
    unittest.main()
