"""Proxies that break the link protocol: refused or ended, with the reason in the log, and nobody else notices."""
import os
import unittest

from chaos import PATIENT_APP, PATIENT_LINKS, Chaos, wait_until
from hostile import ACK, DATA, MARK, MIB, HostileProxy
from support.ports import free_port

FRAME, OFFSET = 2, 3  # codes of a Bye
UNKNOWN_POOL, BAD_OFFSET, REFUSED = 1, 2, 3  # of Attached
POISON = b"\x03\xc1\xc1\xc1"


class Peers(Chaos):
    def hostile(self, server, **options):
        peer = HostileProxy(server, **options)
        self.addCleanup(peer.close)
        return peer


class HostileProxies(Peers):
    async def asyncSetUp(self):
        self.server = self.fast_app(limits=PATIENT_APP)
        self.good = self.fast_proxy(self.server, links=PATIENT_LINKS)
        self.bystander = await self.connect(self.good.url())
        await self.expect_served(self.bystander)

    async def expect_unharmed(self, proxy_id="hostile", ends=1):
        """Only pools of the hostile one have ended, each once, and the log says why."""
        await self.expect_served(self.bystander)
        ended = [line for line in self.server.log().splitlines() if " ended with " in line]
        self.assertEqual(len(ended), ends, self.server.log())
        self.assertEqual([line for line in ended if f"proxy {proxy_id} (epoch" not in line], [])
        self.assertEqual(self.good.metric("trunkline_links_lost_total"), 0)

    async def ended_by(self, *frames, code, why, opens=0, **options):
        peer = self.hostile(self.server, **options)
        self.assertEqual(await peer.attach(), 0)
        await peer.say(*frames)
        self.assertEqual(await peer.bye(), code)
        wait_until(lambda: why in self.server.log(), f"'{why}' is logged")
        await self.expect_unharmed()
        # Nothing is resumed of it, so that poison is not sent for ever; and it may come anew.
        self.assertEqual(await peer.attach(attempt=1), UNKNOWN_POOL)
        self.assertEqual(await peer.attach(attempt=0), UNKNOWN_POOL)
        self.assertEqual(await peer.attach(pool=os.urandom(16)), 0)
        peer.close()
        # Whoever it had opened is closed, once.
        opened = [entry[1] for entry in self.journal("app") if entry[0] == "open" and entry[1].startswith("connection-")]
        wait_until(lambda: [e[1] for e in self.journal("app") if e[0] == "close" and e[2] == "proxy lost"] == opened, "all are closed")
        self.assertEqual(len(opened), opens)
        self.expect_truthful("app")

    async def test_it_acknowledges_what_was_not_sent(self):
        await self.ended_by([ACK, 1 << 40, 1 << 41, 0], code=OFFSET, why="acknowledgement of bytes that were not sent")

    async def test_it_acknowledges_half_a_frame(self):
        chan = HostileProxy.open_frame(1)
        await self.ended_by(chan, [DATA, 1, "an echo"], [ACK, 3, MIB, 0], code=OFFSET, opens=1,
                            why="acknowledgement of bytes that were not sent")

    async def test_it_answers_a_stamp_that_was_never_sent(self):
        await self.ended_by([ACK, 0, MIB, 1 << 60], code=OFFSET, why="acknowledgement of bytes that were not sent")

    async def test_it_opens_a_chan_twice(self):
        chan = HostileProxy.open_frame(1)
        await self.ended_by(chan, chan, code=FRAME, opens=1, why="chan out of order or never opened")

    async def test_it_opens_a_chan_far_beyond_the_others(self):
        await self.ended_by(HostileProxy.open_frame(1 << 60), code=FRAME, why="chan out of order or never opened")

    async def test_data_of_a_chan_that_was_never_opened(self):
        chan = HostileProxy.open_frame(1)
        await self.ended_by(chan, [DATA, 2, "nobody's"], code=FRAME, opens=1, why="chan out of order or never opened")

    async def test_poison(self):
        chan = HostileProxy.open_frame(1)
        await self.ended_by(chan, POISON, code=FRAME, opens=1, why="value of the wrong type")

    async def test_marks_that_cannot_be(self):
        resizes = {"features": ("resume", "resize")}
        for marks, options in (([[MARK, 1, 1]], {}),  # not agreed on
                               ([[MARK, 2, 1]], resizes),
                               ([[MARK, 1, 0]], resizes),
                               ([[MARK, 1, 2]], resizes),  # of a lane that was never attached
                               ([[MARK, 1, 1], [MARK, 1, 1]], resizes)):
            with self.subTest(marks=marks, **options):
                peer = self.hostile(self.server, **options)
                self.assertEqual(await peer.attach(), 0)
                await peer.say(*marks)
                self.assertEqual(await peer.bye(), FRAME)
                await self.expect_served(self.bystander)
        self.assertEqual(self.server.log().count("frame not expected here"), 5)
        self.assertEqual(self.good.metric("trunkline_links_lost_total"), 0)

    async def test_more_lanes_than_it_may_have(self):
        peer = self.hostile(self.server, features=("resume", "resize"))
        self.assertEqual(await peer.attach(), 0)
        self.assertEqual(await peer.attach(lane=256, lanes=257), REFUSED)
        self.assertEqual(await peer.attach(lane=5, lanes=5), REFUSED)  # such a lane has fallen away
        self.assertEqual(await peer.attach(lane=255, lanes=256), 0)
        await self.expect_unharmed(ends=0)

    async def test_a_wrong_pool_secret(self):
        peer = self.hostile(self.server)
        self.assertEqual(await peer.attach(attempt=1), UNKNOWN_POOL)  # of a pool that nobody has made
        await self.expect_unharmed(ends=0)

    async def test_an_older_attempt(self):
        peer = self.hostile(self.server)
        self.assertEqual(await peer.attach(), 0)
        await peer.say(peer.open_frame(1))
        peer.close()
        self.assertEqual(await peer.attach(attempt=5), 0)
        for attempt in (0, 4, 5):
            late = self.hostile(self.server)
            late.pool, late._hello = peer.pool, peer._hello
            self.assertEqual(await late.attach(attempt=attempt), REFUSED)
        wait_until(lambda: "the lane had a newer attempt" in self.server.log(), "the reason is logged")
        await self.expect_unharmed(ends=0)
        # The link that was there is not taken away by it.
        await peer.say([DATA, 1, "still mine"])
        wait_until(lambda: any(e[3] == "still mine" for e in self.journal("app")), "its own link goes on")

    async def test_another_worker_with_the_right_secret(self):
        peer, thief = self.hostile(self.server), self.hostile(self.server, proxy_id="thief")
        self.assertEqual(await peer.attach(), 0)
        self.assertEqual(await thief.attach(pool=peer.pool, attempt=9), REFUSED)
        wait_until(lambda: "the pool belongs to another worker" in self.server.log(), "the reason is logged")
        await self.expect_unharmed(ends=0)

    async def test_a_bad_offset(self):
        peer = self.hostile(self.server)
        self.assertEqual(await peer.attach(), 0)
        await peer.say(peer.open_frame(1), [DATA, 1, "an echo"])
        wait_until(lambda: any(e[3] == "an echo" for e in self.journal("app")), "it is handled")
        self.assertEqual(await peer.attach(attempt=1, received=1 << 40), BAD_OFFSET)
        wait_until(lambda: "offset does not fit" in self.server.log(), "the reason is logged")
        await self.expect_unharmed()
        self.expect_truthful("app")
        self.assertEqual(await peer.attach(attempt=2), UNKNOWN_POOL)

    async def test_lanes_and_workers_out_of_range(self):
        for lane, lanes in ((1, 1), (300, 301), (0, 0)):
            self.assertEqual(await self.hostile(self.server, lanes=lanes).attach(lane=lane), REFUSED)
        await self.expect_unharmed(ends=0)


class AnotherProxysName(Peers):
    async def test_without_the_key(self):
        """Whoever does not hold the key ends nothing by claiming to be a proxy that was restarted."""
        key = self.directory / "link.key"
        key.write_text("the-secret-of-this-test")
        server = self.fast_app("app", limits=PATIENT_APP, more=("--link-key-file", key), address=f"tcp://0.0.0.0:{free_port()}")
        proxy = self.fast_proxy(server, link_key_file=key, links=PATIENT_LINKS)
        client = await self.connect(proxy.url())
        await self.expect_served(client)
        for mac in (None, os.urandom(32)):
            self.assertEqual(await self.hostile(server, proxy_id="proxy", mac=mac).attach(), REFUSED)
        wait_until(lambda: server.log().count("peer does not hold the link key") == 2, "the reason is logged")
        await self.expect_served(client)
        self.assertNotIn("ended with", server.log())
        self.assertNotIn("lives beside", server.log())  # nobody was even asked whether it lives
        self.assertEqual(proxy.metric("trunkline_links_lost_total"), 0)


if __name__ == "__main__":
    unittest.main()
