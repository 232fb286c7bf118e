"""Which app server a new client goes to, and when one is ready for clients."""
import time
import unittest
from collections import Counter

from support.environment import scaled
from support.ports import free_port
from support.processes import wait_until
from support.scenario import Scenario


def states(proxy):
    """By address, as /readyz shows them."""
    return {a["address"]: a["state"] for a in proxy.readiness()[1]["upstreams"][0]["app_servers"]}


class LeastConnections(Scenario):
    """Each worker decides by its own connections, so one worker makes the numbers exact."""
    workers = 1

    def start_two(self, **more):
        self.apps = [self.app("app-a"), self.app("app-b")]
        self.proxy_ = self.proxy(links={"redial_min": "20ms", "redial_max": "50ms"}, **more, upstreams={
            "app": {"app_servers": [a.address for a in self.apps], "balance": "least_connections"}})

    async def more_clients(self, count):
        """New clients that stay, and how many of them came to whom."""
        clients = [await self.connect(self.proxy_.url()) for _ in range(count)]
        return clients, Counter([(await self.command(c, "whoami"))["app"] for c in clients])

    async def restart_b(self):
        """Its clients are gone, those of A stay."""
        b = self.apps[1]
        self.assertEqual(b.stop(), 0)
        wait_until(lambda: states(self.proxy_)[b.address] == "lost", "the loss is noticed")
        self.apps[1] = self.app("app-b-again", address=b.address)
        wait_until(lambda: states(self.proxy_)[b.address] == "linked", "it is linked again")

    async def test_after_a_restart_new_clients_go_to_the_emptier(self):
        self.start_two()
        _, first = await self.more_clients(20)
        self.assertEqual(first, {"app-a": 10, "app-b": 10})
        await self.restart_b()
        late, counts = await self.more_clients(10)
        self.assertEqual(counts, {"app-b-again": 10})
        _, counts = await self.more_clients(10)
        self.assertEqual(counts, {"app-a": 5, "app-b-again": 5})
        # Those that leave make room too.
        for client in late:
            await client.close()
        wait_until(lambda: self.proxy_.metric("trunkline_connections") == 20, "they have left")
        _, counts = await self.more_clients(10)
        self.assertEqual(counts, {"app-b-again": 10})

    async def test_while_one_is_away_the_other_takes_all(self):
        self.start_two()
        await self.more_clients(4)
        self.assertEqual(self.apps[1].stop(), 0)
        wait_until(lambda: states(self.proxy_)[self.apps[1].address] == "lost", "the loss is noticed")
        _, counts = await self.more_clients(6)
        self.assertEqual(counts, {"app-a": 6})


class LeastConnectionsOfSeveralWorkers(LeastConnections):
    workers = 2

    async def test_after_a_restart_new_clients_go_to_the_emptier(self):
        self.start_two()
        _, first = await self.more_clients(60)
        self.assertLessEqual(abs(first["app-a"] - first["app-b"]), self.workers)
        await self.restart_b()
        _, counts = await self.more_clients(60)
        # 45 and 15 if each worker gets its share; how the kernel shares them out is chance.
        self.assertGreater(counts["app-b-again"], 3 * counts["app-a"] // 2)


class Ready(Scenario):
    async def test_on_ready_comes_once_when_fan_outs_reach_everybody(self):
        """It stands for the promise that a broadcast from on_ready misses nobody, whatever proxy he is at."""
        first, address = self.app("first"), f"tcp://127.0.0.1:{free_port()}"
        proxies = [self.proxy_of_two(first.address, address, name=f"proxy-{n}") for n in (1, 2)]
        clients = [await self.connect(proxy.url()) for proxy in proxies for _ in range(4)]
        for client in clients:
            self.assertEqual((await self.command(client, "whoami"))["app"], "first")
        started = time.monotonic()
        self.app("second", address=address, arguments=[
            "--name", "second", "--warm-up", str(int(scaled(1000))), "--when-ready", "here I am"])
        for client in clients:
            self.assertEqual(await self.receive(client), "here I am")
        self.assertGreater(time.monotonic() - started, 0.9)
        client = await self.client_of("second", proxies[0])
        self.assertEqual((await self.command(client, "stats"))["readies"], 1)

    def proxy_of_two(self, *addresses, name):
        return self.proxy(name=name, upstreams={"app": {"app_servers": list(addresses)}},
                          links={"redial_min": "20ms", "redial_max": "100ms"})

    async def client_of(self, app, proxy):
        for _ in range(50):
            client = await self.connect(proxy.url())
            if (await self.command(client, "whoami"))["app"] == app:
                return client
        self.fail(f"no client came to {app}")

    async def test_an_app_server_that_takes_no_links_yet_gets_no_clients(self):
        """Its socket is there, as during a long start, and nobody accepts at it."""
        slow = self.app("slow")
        slow.pause()
        proxy = self.proxy(slow, ready=False, links={"handshake": "300ms", "redial_min": "20ms", "redial_max": "100ms"})
        wait_until(lambda: self.state_of(proxy, slow) == "failed", "the proxy has tried in vain")
        self.assertEqual(proxy.readiness()[0], 503)
        self.assertEqual((await self.refused(proxy.url()))[0], 503)
        slow.go_on()
        proxy.wait_until_ready()
        client = await self.connect(proxy.url())
        self.assertEqual((await self.command(client, "stats"))["connects"], 1)

    async def test_beside_one_that_is_ready_nobody_waits(self):
        slow, good = self.app("slow"), self.app("good")
        slow.pause()
        proxy = self.proxy(slow, good, ready=False, links={"handshake": "300ms", "redial_min": "20ms", "redial_max": "100ms"})
        proxy.wait_until_ready()
        for _ in range(8):
            client = await self.connect(proxy.url())
            self.assertEqual((await self.command(client, "whoami", seconds=3))["app"], "good")
        slow.go_on()
        wait_until(lambda: self.state_of(proxy, slow) == "linked", "it is linked")
        await self.client_of("slow", proxy)

    @staticmethod
    def state_of(proxy, app):
        assert proxy.is_running(), proxy.log()
        try:
            return states(proxy).get(app.address)
        except OSError:
            return None


if __name__ == "__main__":
    unittest.main()
