"""Parts that are slow, or all come at once: a client that does not read, an app server that handles nothing, thousands of
clients in one moment. Nobody else pays, and nobody is closed for what others do."""
import asyncio
import pathlib
import time
import unittest

from chaos import PATIENT_APP, PATIENT_LINKS, Chaos, longer, milliseconds, scaled
from support.environment import TIME_SCALE

HOLD = {"hold": milliseconds(30_000), "then": "reassign"}


def listen_overflows():
    """How often, on this machine, a connection found no room in the queue of those that wait to be accepted."""
    names, values = [line.split() for line in pathlib.Path("/proc/net/netstat").read_text().splitlines()
                     if line.startswith("TcpExt:")]
    return int(values[names.index("ListenOverflows")])


class SlowParts(Chaos):
    many = longer(2000, 9000) if TIME_SCALE == 1 else 200
    said = longer(40, 100)  # messages of each client in `say_a_lot`

    async def test_one_of_many_does_not_read(self):
        app = self.app(program="trunkline-load-app", arguments=[])
        # Far less than what is sent to each, with what sockets hold.
        proxy = self.fast_proxy(app, limits={"outbox": "64KiB"}, links=PATIENT_LINKS)
        report = self.expect_whole(await (await self.load(
            "slow-reader", proxy.url(), clients=min(self.many, longer(500, 9000)), slow=1, size=20_000, interval="400ms", duration=f"{longer(6, 20)}s")))
        self.assertEqual(report["ledger"]["stranded"], 0)
        self.assertEqual(proxy.metric("trunkline_closes_total", by="proxy"), 1)
        self.assertEqual(proxy.metric("trunkline_closes_total", reason="outbox_full"), 1)

    async def pinging(self, proxy):
        return [await self.connect(proxy.url(), ping_interval=scaled(0.2), ping_timeout=None) for _ in range(20)]

    async def say_a_lot(self, client):
        """More than rings and windows have room for; until all of it is back, and the client still served."""
        messages = [f"{i} " + "p" * 10_000 for i in range(self.said)]

        async def send():
            for message in messages:
                await client.send(message)
        sending = asyncio.create_task(send())
        for wanted in messages:
            self.assertEqual(await self.receive(client, 120), wanted)
        await sending
        await self.expect_served(client)

    def impatient_proxy(self, app, **links):
        """Everything that a client may be closed for is shorter than the pauses here; and longer than these many of one
        process may have to wait for one another."""
        return self.fast_proxy(app, when_lost=HOLD, links={"ring": "64KiB", **links}, limits={"outbox": "16MiB"},
                               timeouts={"ping": milliseconds(300), "pong": milliseconds(4500)},
                               routes=[{"path": "/*", "upstream": "app", "idle_timeout": milliseconds(longer(4500, 15_000))}])

    def expect_unharmed(self, proxy, clients, pause, began):
        took = time.monotonic() - began
        self.assertGreater(took, pause)
        self.assertEqual(proxy.metric("trunkline_closes_total"), 0)
        self.assertEqual(proxy.metric("trunkline_pools_ended_total"), 0)
        self.measured(clients=len(clients), messages=self.said * len(clients), lost=0, doubled=0, reordered=0, closed=0, pause=pause,
                      seconds=round(took, 2))

    async def test_an_app_server_that_takes_no_message_for_a_while(self):
        app = self.fast_app(limits=PATIENT_APP, more=("--window", 64 << 10))
        proxy = self.impatient_proxy(app, **PATIENT_LINKS)
        clients = await self.pinging(proxy)
        pause, began = longer(scaled(6), 60), time.monotonic()
        for client in clients:
            await self.command(client, "pause", ms=round(pause * 1000))
        await asyncio.gather(*map(self.say_a_lot, clients))
        self.expect_unharmed(proxy, clients, pause, began)
        self.assertEqual(proxy.metric("trunkline_links_lost_total"), 0)

    async def test_an_app_server_that_does_not_run_for_a_while(self):
        """Long enough that its links are taken for dead, and not so long that its clients would be another's."""
        app = self.fast_app(limits=PATIENT_APP, more=("--window", 64 << 10))
        pause = longer(scaled(6), 25)
        proxy = self.impatient_proxy(app, resume_window=f"{round(pause * 2)}s")
        clients = await self.pinging(proxy)
        for client in clients:
            await self.command(client, "whoami")
        began = time.monotonic()
        app.pause()
        flow = asyncio.gather(*map(self.say_a_lot, clients))
        await asyncio.sleep(pause)
        app.go_on()
        await flow
        self.expect_unharmed(proxy, clients, pause, began)
        self.assertGreater(proxy.metric("trunkline_links_lost_total"), 0)
        self.expect_truthful("app")

    async def test_all_come_back_at_once(self):
        app = self.app(program="trunkline-load-app", arguments=[])
        proxy = self.fast_proxy(app, links=PATIENT_LINKS)
        before = listen_overflows()
        load = await self.load("connect", proxy.url(), clients=self.many, duration="1s", concurrency=self.many)
        code, text, report = await load
        self.assertEqual(code, 0, text)
        self.assertEqual((report["connected"], report["refused"]), (self.many, 0))
        opens = proxy.metric("trunkline_opens_total")
        self.assertGreaterEqual(opens, 2 * self.many)
        self.measured(clients=self.many, connections=int(opens), refused=0, listen_overflows=listen_overflows() - before,
                      seconds=round(report["connect_seconds"], 2))


if __name__ == "__main__":
    unittest.main()
