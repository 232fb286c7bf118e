"""App servers whose address is not their own: something in between answers for them."""
import asyncio
import time
import types
import unittest

from chaos import Chaos, milliseconds, scaled
from support.servers import TcpHAProxy

REASSIGN = {"hold": "0s", "then": "reassign"}


class Balancers(Chaos):
    async def test_several_app_servers_at_one_address(self):
        """Nobody could tell which of them has a connection: the mistake is named, and nothing is served until it ends."""
        for names in (("one", "two"), ("replica", "replica")):
            with self.subTest(names):
                apps = [self.fast_app(f"{name}-{i}", more=("--name", name)) for i, name in enumerate(names)]
                balancer = self.balancer(TcpHAProxy, apps)
                proxy = self.fast_proxy(balancer, name=f"proxy-{names[0]}", workers=1, pool_size=8, ready=False)

                def refused():
                    status, readiness = proxy.readiness()
                    whys = [server.get("last_error", "") for server in readiness["upstreams"][0]["app_servers"]]
                    return status == 503 and any("several app servers" in w and balancer.address in w for w in whys)
                await self.until(lambda: "ready to serve" in proxy.log() and refused(), "/readyz names the address")

                def named():
                    return [line for line in proxy.log().splitlines() if "several app servers" in line and balancer.address in line]
                await self.until(named, "so does the log")
                self.assertLess(len(named()), 20, proxy.log())
                self.assertEqual((await self.refused(proxy.url()))[0], 503)
                apps[1].kill()
                proxy.wait_until_ready()
                await self.expect_served(await self.connect(proxy.url()))
                balancer.kill()

    async def lost(self, balancer_too):
        """How long after the death of an app server behind something its clients are opened elsewhere, of 20."""
        behind, other = self.fast_app("behind"), self.fast_app("other")
        balancer = self.balancer(TcpHAProxy, [behind])
        address = types.SimpleNamespace(address={"address": balancer.address, "direct": False})
        proxy = self.fast_proxy(address, other, when_lost=REASSIGN)
        clients = await self.clients(proxy, 20)
        owners = [(await self.command(client, "whoami"))["app"] for client in clients]
        self.assertGreater(owners.count("behind"), 0)
        await asyncio.sleep(scaled(0.3))  # all is acknowledged, so that nothing is handed on again
        began = time.monotonic()
        behind.kill()
        if balancer_too:
            balancer.kill()
        await self.until(lambda: any(e[2] == "resumed" for e in self.journal("other")), "they are opened elsewhere", 20)
        took = time.monotonic() - began
        await self.expect_served(*clients)
        self.assertEqual(sum(e[2] == "resumed" for e in self.journal("other")), owners.count("behind"))
        self.assertEqual(proxy.metric("trunkline_closes_total"), 0)
        self.measured(clients=owners.count("behind"), reopened=round(took, 2), closed=0)
        # Whoever refuses in its place proves nothing, though that would take half a second only: it might live, and be cut
        # off. By its lease it has ended after 5/6 of the resume window, which began with its last words.
        self.assertGreater(took, scaled(1.5))

    async def test_one_that_dies_behind_something_is_waited_for(self):
        await self.lost(balancer_too=False)

    async def test_one_that_dies_with_what_is_before_it_is_waited_for(self):
        await self.lost(balancer_too=True)


if __name__ == "__main__":
    unittest.main()
