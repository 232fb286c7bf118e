"""Two proxies, two app servers, clients of two foreign libraries: everything arrives, once and in order."""
import unittest

from support import servers
from support.ledger import play_ledger
from support.scenario import Scenario


class Ledger(Scenario):
    async def play(self, workers, balancer=None, socket_kind="tcp"):
        self.workers = workers
        addresses = [f"unix://{self.directory}/{n}.sock" if socket_kind == "unix" else None for n in "ab"]
        apps = [self.app(f"app-{n}", address=a) for n, a in zip("ab", addresses)]
        proxies = [self.proxy(*apps, name=f"proxy-{n}") for n in (1, 2)]
        fronts = [self.balancer(balancer, proxies)] if balancer else proxies
        wrong = await play_ledger(self, [f.url("/") for f in fronts], python_clients=12, node_clients=12, count=60)
        self.assertEqual(wrong, [])
        # The clients were spread: no app server and no proxy had them all.
        client = await self.connect(fronts[0].url("/"))
        self.assertGreater((await self.command(client, "stats"))["connects"], 2)

    async def test_direct_with_two_workers(self):
        await self.play(workers=2)

    async def test_direct_with_three_workers_over_unix_sockets(self):
        await self.play(workers=3, socket_kind="unix")

    async def test_behind_nginx(self):
        await self.play(workers=2, balancer=servers.Nginx)

    async def test_behind_haproxy(self):
        await self.play(workers=3, balancer=servers.HAProxy)


if __name__ == "__main__":
    unittest.main()
