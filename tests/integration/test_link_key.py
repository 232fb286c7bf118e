"""The secret that proxies and app servers share, over TCP. The proxy dials 0.0.0.0, which the kernel takes to loopback but
which is not loopback by name, so the proxy insists on a key; what an app server insists on is in the SDK's own tests."""
import json
import subprocess
import unittest

from support.environment import BIN, scaled
from support.processes import wait_until
from support.scenario import Scenario

SECRET = "the-right-secret-of-this-test"
OTHER = "another-secret-of-this-test"


class LinkKey(Scenario):
    def key_file(self, name, content):
        path = self.directory / name
        path.write_text(content)
        return path

    def app_with(self, key_file=None, name="app"):
        return self.app(name, arguments=["--name", name, *(["--link-key-file", key_file] if key_file else [])])

    def proxy_with(self, key_file, app, ready=True, **more):
        self.far_address = app.address.replace("127.0.0.1", "0.0.0.0")
        return self.proxy(ready=ready, link_key_file=key_file, upstreams={"app": {"app_servers": [self.far_address]}},
                          links={"redial_min": "20ms", "redial_max": "50ms"}, log={"level": "trace"}, **more)

    def expect_no_secret(self, *processes, shown=""):
        shown += "".join(process.log() for process in processes)
        for secret in (SECRET, OTHER):
            self.assertNotIn(secret, shown)

    async def expect_refused(self, app, proxy):
        """The app server is named with a reason, in /readyz and in the log, and no client is let in."""
        def refused():
            try:
                return proxy.readiness()[1]["upstreams"][0]["app_servers"][0]["state"] == "failed"
            except (OSError, IndexError, KeyError):
                return False
        wait_until(refused, "the link is refused")
        status, readiness = proxy.readiness()
        self.assertEqual(status, 503)
        app_server = readiness["upstreams"][0]["app_servers"][0]
        self.assertEqual((app_server["address"], app_server["links_up"]), (self.far_address, 0))
        self.assertIn("key", app_server["last_error"])
        wait_until(lambda: [line for line in proxy.log().splitlines() if self.far_address in line and "key" in line], "it is logged")
        status, headers = await self.refused(proxy.url())
        self.assertEqual(status, 503)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertTrue(app.is_running())
        self.expect_no_secret(app, proxy, shown=json.dumps(readiness) + proxy.admin("/metrics")[1])

    async def test_the_right_key(self):
        app = self.app_with(self.key_file("app.key", SECRET))
        proxy = self.proxy_with(self.key_file("proxy.key", SECRET), app)
        client = await self.connect(proxy.url())
        await client.send("let in")
        self.assertEqual(await self.receive(client), "let in")
        self.expect_no_secret(app, proxy, shown=json.dumps(proxy.readiness()[1]) + proxy.admin("/metrics")[1])

    async def test_white_space_around_a_key_is_no_part_of_it(self):
        app = self.app_with(self.key_file("app.key", f" \t{SECRET} \r\n\n"))
        proxy = self.proxy_with(self.key_file("proxy.key", f"\n{SECRET}\t\n"), app)
        client = await self.connect(proxy.url())
        await client.send("let in")
        self.assertEqual(await self.receive(client), "let in")

    async def test_a_wrong_key(self):
        app = self.app_with(self.key_file("app.key", OTHER))
        await self.expect_refused(app, self.proxy_with(self.key_file("proxy.key", SECRET), app, ready=False))

    async def test_an_app_server_without_a_key(self):
        app = self.app_with()
        await self.expect_refused(app, self.proxy_with(self.key_file("proxy.key", SECRET), app, ready=False))

    async def test_a_wrong_key_costs_the_others_nothing(self):
        good, bad = self.app_with(self.key_file("good.key", SECRET), "good"), self.app_with(self.key_file("bad.key", OTHER), "bad")
        proxy = self.proxy(link_key_file=self.key_file("proxy.key", SECRET), log={"level": "trace"}, upstreams={
            "app": {"app_servers": [a.address.replace("127.0.0.1", "0.0.0.0") for a in (bad, good)]}})
        for _ in range(6):
            client = await self.connect(proxy.url())
            self.assertEqual((await self.command(client, "whoami"))["app"], "good")
        states = {a["address"]: (a["state"], "key" in a.get("last_error", ""))
                  for a in proxy.readiness()[1]["upstreams"][0]["app_servers"]}
        self.assertEqual(states, {good.address.replace("127.0.0.1", "0.0.0.0"): ("linked", False),
                                  bad.address.replace("127.0.0.1", "0.0.0.0"): ("failed", True)})
        self.expect_no_secret(good, bad, proxy)

    async def test_a_proxy_without_a_key(self):
        """It does not even start: what it would say to the app server nobody could trust."""
        path = self.directory / "no-key.yaml"
        path.write_text("listeners:\n  - address: 127.0.0.1:0\nupstreams:\n  app:\n    app_servers:\n"
                        "      - tcp://0.0.0.0:7000\nroutes: []\n")
        result = subprocess.run([BIN / "trunkline", "run", "--config", path], capture_output=True, text=True, timeout=scaled(10))
        self.assertEqual(result.returncode, 78)
        self.assertRegex(result.stderr, r"no-key\.yaml:6:\d+: [^\n]*0\.0\.0\.0:7000[^\n]*link_key_file")

    async def test_a_key_that_is_too_short_is_not_shown(self):
        path = self.directory / "short.yaml"
        self.key_file("short.key", "too-short-secret"[:15])
        path.write_text("listeners:\n  - address: 127.0.0.1:0\nroutes: []\nlink_key_file: short.key\n")
        result = subprocess.run([BIN / "trunkline", "check", path], capture_output=True, text=True, timeout=scaled(10))
        self.assertEqual(result.returncode, 78)
        self.assertIn("short.key", result.stderr)
        self.assertNotIn("too-short", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
