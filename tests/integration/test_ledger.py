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
        self.expect_spread([p.metric("trunkline_opens_total") for p in proxies])
        self.expect_spread(await self.connects_of(apps, fronts[0].url("/")))

    def expect_spread(self, players):
        """Every proxy or app server had some of the players, and none had them all."""
        self.assertEqual(sum(players), 24)
        for share in players:
            self.assertTrue(0 < share < 24, players)

    async def connects_of(self, apps, url):
        """How many clients each app server has had, without those that come here to ask."""
        asked, connects = dict.fromkeys((a.name for a in apps), 0), {}
        while len(connects) < len(apps):
            self.assertLess(sum(asked.values()), 50, f"no connection came to one of {asked}")
            client = await self.connect(url)
            name = (await self.command(client, "whoami"))["app"]
            asked[name] += 1
            connects[name] = (await self.command(client, "stats"))["connects"] - asked[name]
        return list(connects.values())

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
