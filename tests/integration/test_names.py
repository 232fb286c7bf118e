"""App servers that are configured by name: looked up again and again, by a look-up that the test answers."""
import asyncio
import json
import time
import unittest

from support.environment import BIN, scaled
from support.ports import free_port
from support.processes import wait_until
from support.scenario import CLOSE, Scenario


class Localhost(Scenario):
    async def test_localhost_is_the_loopback_address(self):
        app = self.app()
        for name in ("localhost", "LocalHost"):
            with self.subTest(name):
                address = app.address.replace("127.0.0.1", name)
                proxy = self.proxy(name=f"proxy-{name}", upstreams={"app": {"app_servers": [address]}})
                client = await self.connect(proxy.url())
                await client.send("by name")
                self.assertEqual(await self.receive(client), "by name")
                self.assertIn(app.address, json.dumps(proxy.readiness()[1]))


class Names(Scenario):
    def setUp(self):
        super().setUp()
        self.names = self.directory / "names"
        self.set_names()
        (self.directory / "link.key").write_text("needed for whatever is not loopback by name")
        self.port = free_port()

    def set_names(self, **addresses):
        """What the names ending in .test stand for from now on; "slow" is a look-up that never ends."""
        new = self.directory / "names.new"
        new.write_text("".join(f"{name}.test {' '.join(a)}\n" for name, a in addresses.items()))
        new.rename(self.names)

    def app_at(self, host, name):
        """All app servers of a test have one port, as those of one name have."""
        return self.app(name, address=f"tcp://{host}:{self.port}")

    def proxy_of(self, *names, ready=True, **more):
        more = {"links": {"resolve_every": "50ms", "redial_min": "20ms", "redial_max": "50ms"},
                "link_key_file": "link.key", **more}
        app_servers = [f"tcp://{n}.test:{self.port}" for n in names]
        return self.proxy(ready=ready, upstreams={"app": {"app_servers": app_servers, "when_lost": CLOSE}},
                          env={"LD_PRELOAD": str(BIN / "libtest_names.so"), "TRUNKLINE_TEST_NAMES": str(self.names),
                               # The sanitizer wants to be first; it may stand behind this.
                               "ASAN_OPTIONS": "abort_on_error=0:exitcode=66:verify_asan_link_order=0"}, **more)

    @staticmethod
    def app_servers(proxy):
        """By address, as /readyz shows them."""
        return {a["address"]: a for a in proxy.readiness()[1]["upstreams"][0]["app_servers"]}

    @staticmethod
    def why(proxy):
        """Why its upstream is not ready."""
        return proxy.readiness()[1]["upstreams"][0].get("why", "")

    def wait_for_app_servers(self, proxy, *hosts):
        """Until exactly these are there, and linked to every worker."""
        wanted = {f"tcp://{host}:{self.port}": ("linked", 5) for host in hosts}
        wait_until(lambda: {a: (s["state"], s["links_up"]) for a, s in self.app_servers(proxy).items()} == wanted,
                   f"{wanted} are linked")

    def wait_for_look_ups(self, count):
        """Until so many more were made."""
        asked = self.directory / "names.asked"
        before = asked.stat().st_size
        wait_until(lambda: asked.read_bytes()[before:].count(b"\n") >= count, f"{count} look-ups are made")

    async def served_by(self, proxy, count=12):
        """Who serves so many new clients."""
        return {(await self.command(await self.connect(proxy.url()), "whoami"))["app"] for _ in range(count)}

    async def test_a_name_that_cannot_be_resolved_is_named_and_costs_nothing_else(self):
        app = self.app_at("127.0.0.1", "late")
        proxy = self.proxy_of("late", ready=False)
        unresolved = f"tcp://late.test:{self.port}"
        wait_until(lambda: self.answers(proxy) and "no app server" in self.why(proxy) and unresolved in self.app_servers(proxy),
                   "the name is said to have failed")
        self.assertEqual(proxy.readiness()[0], 503)
        self.assertEqual(self.app_servers(proxy)[unresolved]["state"], "failed")
        self.assertRegex(self.app_servers(proxy)[unresolved]["last_error"], "(?i)host not found")
        status, headers, body = self.http_answer(self.begin_upgrade(proxy))
        self.assertEqual(status, 503)
        self.assertIn("no app server", body)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.set_names(late=["127.0.0.1"])
        proxy.wait_until_ready()
        self.assertEqual(await self.served_by(proxy), {app.name})
        self.wait_for_app_servers(proxy, "127.0.0.1")

    @staticmethod
    def answers(proxy):
        assert proxy.is_running(), proxy.log()
        try:
            return proxy.admin("/healthz")[0] == 200
        except OSError:
            return False

    async def test_each_address_of_a_name_is_an_app_server(self):
        self.set_names(both=["127.0.0.1", "127.0.0.2"])
        apps = [self.app_at("127.0.0.1", "one"), self.app_at("127.0.0.2", "two")]
        proxy = self.proxy_of("both")
        self.wait_for_app_servers(proxy, "127.0.0.1", "127.0.0.2")
        self.assertEqual(await self.served_by(proxy), {a.name for a in apps})

    async def test_a_name_that_changes(self):
        self.set_names(moving=["127.0.0.1"])
        old = self.app_at("127.0.0.1", "old")
        proxy = self.proxy_of("moving")
        client = await self.connect(proxy.url())
        self.assertEqual((await self.command(client, "whoami"))["app"], "old")

        new = self.app_at("127.0.0.2", "new")
        self.set_names(moving=["127.0.0.2"])
        wait_until(lambda: self.app_servers(proxy).get(f"tcp://127.0.0.2:{self.port}", {}).get("state") == "linked",
                   "the new address is linked")
        await client.send("an address that vanished keeps its links")
        self.assertEqual(await self.receive(client), "an address that vanished keeps its links")

        old.kill()
        self.assertEqual((await self.closed(client))[0], 1012)
        self.wait_for_app_servers(proxy, "127.0.0.2")
        self.app_at("127.0.0.1", "old-again")  # nobody dials it
        self.assertEqual(await self.served_by(proxy, 20), {new.name})
        self.wait_for_app_servers(proxy, "127.0.0.2")

        self.set_names(moving=["127.0.0.1", "127.0.0.2"])
        self.wait_for_app_servers(proxy, "127.0.0.1", "127.0.0.2")
        self.assertEqual(await self.served_by(proxy), {"new", "old-again"})

    async def test_a_name_that_vanishes_altogether_costs_nobody(self):
        self.set_names(going=["127.0.0.1"])
        app = self.app_at("127.0.0.1", "app")
        proxy = self.proxy_of("going")
        client = await self.connect(proxy.url())
        self.set_names()
        self.wait_for_look_ups(4 * self.workers)
        await client.send("unharmed")
        self.assertEqual(await self.receive(client), "unharmed")
        self.assertEqual(await self.served_by(proxy), {app.name})
        app.kill()  # and what was known is dialled again
        self.assertEqual((await self.closed(client))[0], 1012)
        self.app_at("127.0.0.1", "back")
        self.wait_for_app_servers(proxy, "127.0.0.1")
        self.assertEqual(await self.served_by(proxy), {"back"})

    async def test_a_look_up_that_hangs_holds_up_nobody_and_no_end(self):
        self.set_names(good=["127.0.0.1"], hanging=["slow"])
        app = self.app_at("127.0.0.1", "good")
        proxy = self.proxy_of("good", "hanging", ready=False)
        wait_until(lambda: self.answers(proxy), "the proxy is there")
        client = None
        deadline = time.monotonic() + scaled(10)
        while client is None:
            self.assertLess(time.monotonic(), deadline, "no client was served")
            try:
                client = await self.connect(proxy.url())
            except Exception:  # refused until the pool is up
                await asyncio.sleep(0.02)
        self.assertEqual((await self.command(client, "whoami"))["app"], app.name)
        started = time.monotonic()
        self.assertEqual(proxy.stop(), 0)
        self.assertLess(time.monotonic() - started, scaled(10))


if __name__ == "__main__":
    unittest.main()
