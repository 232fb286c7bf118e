"""App servers that break the link protocol: their pool ends, /readyz and the log say why, and nobody else notices."""
import asyncio
import time
import unittest

from chaos import Chaos, milliseconds, scaled
from hostile import ACK, DATA, MARK, HostileAppServer
from support.link_bytes import read_frame

KEEP_ALIVE = [3]
POISON = b"\x03\xc1\xc1\xc1"
CLOSE = {"hold": "0s", "then": "close"}


class HostileAppServers(Chaos):
    async def with_hostile(self, behave, lanes=1, **options):
        """One app server that is good, and one that is hostile, behind one proxy."""
        self.good = self.fast_app("good")
        self.hostile = await HostileAppServer(behave, **options).start()
        self.addCleanup(self.hostile.stop)
        self.front = self.fast_proxy(self.good, self.hostile, workers=1, pool_size=lanes, ready=False, when_lost=CLOSE,
                                      links={"redial_max": milliseconds(200)})
        self.good_client = await self.client_of_good()

    async def client_of_good(self):
        deadline = time.monotonic() + scaled(10)
        while time.monotonic() < deadline:
            try:
                client = await self.connect(self.front.url())
                await client.send('{"do": "whoami"}')
                if '"good"' in await self.receive(client, 1):
                    return client
            except Exception:  # it came to the other one
                await asyncio.sleep(0.02)
        self.fail("no client came to the app server that is good")

    def state(self):
        servers = self.front.readiness()[1]["upstreams"][0]["app_servers"]
        return {server["address"]: server for server in servers}

    async def expect_ended(self, why):
        """The pool of the hostile one ends for that reason, again and again, never more often than it is dialled."""
        address = self.hostile.address
        await self.until(lambda: why in self.state()[address].get("last_error", ""), f"{address}: '{why}'")
        await self.until(lambda: [line for line in self.front.log().splitlines() if address in line and why in line], "it is logged")
        links, began = self.hostile.links, time.monotonic()
        while time.monotonic() - began < 1:
            await self.expect_served(self.good_client)
            await asyncio.sleep(0.02)
        self.assertLess(self.hostile.links - links, 40)
        self.assertEqual(self.state()[self.good.address]["state"], "linked")
        self.assertNotIn("app_server=" + self.good.address + " why", self.front.log())

    async def expect_lost(self, why):
        """A pool of the hostile one that had lived ends for that reason."""
        await self.until(lambda: why in self.front.log(), f"'{why}' is logged")
        await self.expect_served(self.good_client)
        self.assertEqual(self.state()[self.good.address]["state"], "linked")

    async def says(self, *frames, why):
        async def behave(link):
            await link.say(*frames)
            await link.to_the_end()
        await self.with_hostile(behave)
        await self.expect_ended(why)

    async def test_it_acknowledges_what_was_not_sent(self):
        await self.says([ACK, 1 << 40, 1 << 41, 1], why="acknowledgement of bytes that were not sent")

    async def test_data_of_a_chan_that_was_never_opened(self):
        await self.says([DATA, 1 << 40, "nobody's"], why="chan out of order or never opened")

    async def test_a_mark_that_answers_none(self):
        await self.says([MARK, 1, 1], why="frame not expected here")

    async def test_poison(self):
        await self.says(POISON, why="value of the wrong type")

    async def test_a_frame_of_4_gigabytes(self):
        await self.says(b"\xff\xff\xff\xff\x0f", why="illegal length prefix")

    async def test_a_frame_that_is_larger_than_agreed(self):
        await self.says(b"\x80\x80\x80\x04" + b"\0" * 1000, why="frame larger than the limit")

    async def test_data_on_another_lane_than_the_connections_own(self):
        links = {}

        async def behave(link):
            links[link.lane] = link
            chan = await link.opened()
            await links[1 - link.lane].say([DATA, chan, "on the wrong lane"])
            await link.to_the_end()
        await self.with_hostile(behave, lanes=2)
        clients = [await self.connect(self.front.url()) for _ in range(4)]
        await self.expect_ended("chan out of order or never opened")
        for client in clients:
            self.assertIn(client.close_code, (None, 1012))
            self.assertFalse(client.messages)

    async def after_a_lost_link(self, status, received, why):
        """Its link ends once a client is there; then it answers the next Attach so."""
        async def behave(link):
            if link.attempt == 0:
                await link.opened()
                return
            await link.to_the_end()
        await self.with_hostile(behave, answer=lambda attempt: (status, received) if attempt else (0, 0))
        for _ in range(100):  # until one of them comes to it
            await self.connect(self.front.url())
            if self.front.metric("trunkline_links_lost_total") > 0:
                break
        await self.expect_lost(why)

    async def test_it_says_that_it_received_what_was_not_sent(self):
        await self.after_a_lost_link(0, 1 << 40, "offset does not fit")

    async def test_it_says_that_it_received_half_a_frame(self):
        await self.after_a_lost_link(0, 3, "offset does not fit")

    async def test_it_does_not_know_the_pool_any_more(self):
        await self.after_a_lost_link(1, 0, "pool unknown to the peer")

    async def test_it_claims_a_bad_offset(self):
        await self.after_a_lost_link(2, 0, "peer cannot go on from our offset")

    async def test_it_takes_links_and_says_nothing(self):
        """What it is sent waits in rings that are bounded; it is lost when it has been silent for too long."""
        async def behave(link):
            while True:
                await read_frame(link.reader)
        await self.with_hostile(behave)
        await self.expect_served(self.good_client)
        await self.until(lambda: self.front.metric("trunkline_links_lost_total") > 0, "its silence is noticed")
        await self.expect_served(self.good_client)
        await self.expect_lost("nothing was acknowledged on a lane")

    async def test_it_says_much_and_acknowledges_nothing(self):
        async def behave(link):
            while True:
                await link.say(KEEP_ALIVE)
                await asyncio.sleep(scaled(0.1))
        await self.with_hostile(behave)
        await self.expect_lost("nothing was acknowledged on a lane")

    async def test_it_claims_the_epoch_of_another(self):
        async def behave(link):
            await link.to_the_end()
        twins = [await HostileAppServer(behave, epoch=12345).start() for _ in range(2)]
        for twin in twins:
            self.addCleanup(twin.stop)
        proxy = self.fast_proxy(self.fast_app("good"), *twins, workers=1, pool_size=1, ready=False)
        await self.until(lambda: "the same app server is linked as" in proxy.log(), "one of the two is refused")

        def states():
            return sorted(server["state"] for server in proxy.readiness()[1]["upstreams"][0]["app_servers"])
        await self.until(lambda: states() == ["failed", "linked", "linked"], "/readyz says so")


if __name__ == "__main__":
    unittest.main()
