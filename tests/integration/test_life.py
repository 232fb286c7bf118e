"""How programs start and end, and what their clients see of it."""
import asyncio
import signal
import socket
import subprocess
import time
import unittest

from support.environment import BIN, scaled
from support.ports import free_port
from support.processes import wait_until
from support.scenario import Scenario
from support.yaml_text import to_yaml


class Ends(Scenario):
    async def test_sigterm_drains_with_1012_and_exit_code_0(self):
        app = self.app()
        proxy = self.proxy(app, drain_timeout="1s")
        clients = [await self.connect(proxy.url()) for _ in range(40)]
        await self.command(clients[-1], "whoami")
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: self.status(proxy) == 503 or not proxy.is_running(), "the proxy is not ready any more")
        ends = []
        for closed in asyncio.as_completed([self.closed(c) for c in clients]):
            ends.append((await closed)[0])
        self.assertEqual(ends, [1012] * 40)
        self.assertEqual(proxy.wait(), 0)
        self.assertGreater(time.monotonic() - started, 0.3)  # spread over the drain_timeout, not all at once

    @staticmethod
    def status(proxy):
        try:
            return proxy.admin("/readyz")[0]
        except OSError:
            return 0

    async def test_a_second_signal_ends_at_once(self):
        proxy = self.proxy(self.app(), drain_timeout="30s")
        client = await self.connect(proxy.url())
        await self.command(client, "whoami")
        started = time.monotonic()
        proxy.signal(signal.SIGINT)
        wait_until(lambda: self.status(proxy) != 200, "the proxy is not ready any more")
        proxy.signal(signal.SIGTERM)
        proxy.wait()
        proxy.was_killed = True
        self.assertLess(time.monotonic() - started, scaled(10))

    async def test_a_proxy_that_drains_tells_its_app_servers(self):
        app = self.app()
        leaving, staying = self.proxy(app, name="leaving"), self.proxy(app, name="staying")
        client, watcher = await self.connect(leaving.url()), await self.connect(staying.url())
        await self.command(client, "whoami")
        self.assertEqual((await self.command(watcher, "stats"))["connections"], 2)
        self.assertEqual(leaving.stop(), 0)
        for _ in range(500):
            stats = await self.command(watcher, "stats")
            if stats["proxies_lost"] == 1:
                break
        self.assertEqual((stats["connections"], stats["disconnects"], stats["proxies_lost"]), (1, 1, 1))

    async def test_a_killed_app_server_costs_its_own_clients_only(self):
        apps = [self.app("app-a"), self.app("app-b")]
        proxy = self.proxy(*apps)
        clients = {"app-a": [], "app-b": []}
        for _ in range(20):
            client = await self.connect(proxy.url())
            clients[(await self.command(client, "whoami"))["app"]].append(client)
        self.assertGreater(min(map(len, clients.values())), 4)
        apps[0].kill()
        for client in clients["app-a"]:
            self.assertEqual((await self.closed(client))[0], 1012)
        for client in clients["app-b"]:
            await client.send("unharmed")
            self.assertEqual(await self.receive(client), "unharmed")
        client = await self.connect(proxy.url())
        self.assertEqual((await self.command(client, "whoami"))["app"], "app-b")
        again = self.app("app-a2", address=apps[0].address)
        for _ in range(200):
            client = await self.connect(proxy.url())
            if (await self.command(client, "whoami"))["app"] == again.name:
                return
            await asyncio.sleep(0.02)
        self.fail("the app server that is back gets no connections")

    async def test_a_killed_proxy_costs_each_of_its_connections_one_disconnect(self):
        app = self.app()
        killed, other = self.proxy(app, name="killed"), self.proxy(app, name="other")
        for _ in range(20):
            await self.command(await self.connect(killed.url()), "whoami")
        watcher = await self.connect(other.url())
        killed.kill()
        for _ in range(1000):
            stats = await self.command(watcher, "stats")
            if stats["disconnects"] >= 20:
                break
            await asyncio.sleep(0.02)
        self.assertEqual((stats["disconnects"], stats["connections"], stats["proxies_lost"]), (20, 1, 1))
        self.assertEqual(stats["last_end"]["by"], "proxy lost")

    async def test_an_app_server_that_stops_sends_its_clients_to_another(self):
        apps = [self.app("app-a"), self.app("app-b")]
        proxy = self.proxy(*apps)
        client = await self.connect(proxy.url())
        me = await self.command(client, "whoami")
        leaving = next(a for a in apps if a.name == me["app"])
        self.assertEqual(leaving.stop(), 0)
        self.assertEqual((await self.closed(client))[0], 1012)
        client = await self.connect(proxy.url())
        self.assertNotEqual((await self.command(client, "whoami"))["app"], me["app"])


class Starts(Scenario):
    def trunkline(self, *arguments):
        return subprocess.run([BIN / "trunkline", *arguments], capture_output=True, text=True, timeout=scaled(10),
                              cwd=self.directory)

    async def test_a_wrong_configuration_is_exit_code_78_and_a_list_of_everything_wrong(self):
        path = self.directory / "wrong.yaml"
        path.write_text("workers: many\nlisteners:\n  - address: 127.0.0.1:99999\nupstreams:\n  a: {app_servers: [http://x]}\n"
                        "routes:\n  - path: /a\n    upstream: b\n  - path: /a\n    upstream: a\ncolour: blue\n")
        for command in (["run", "--config", path], ["check", path], ["--config", path]):
            result = self.trunkline(*command)
            self.assertEqual(result.returncode, 78, result)
            text = result.stderr + result.stdout
            for line, key in ((1, "workers"), (3, "address"), (5, "app_servers"), (8, "upstream"), (9, "path"), (11, "colour")):
                self.assertRegex(text, rf"wrong\.yaml:{line}:\d+: [^\n]*{key}")
        self.assertEqual(self.trunkline("run", "--config", self.directory / "none.yaml").returncode, 78)

    async def test_static_files_that_cannot_be_served_are_a_wrong_configuration(self):
        (self.directory / "www").mkdir()
        (self.directory / "www" / "passwd").symlink_to("/etc/passwd")
        path = self.directory / "files.yaml"
        path.write_text("listeners: [{address: 127.0.0.1:0}]\nroutes: [{path: /*, files: www}]\n")
        for command in (["run", "--config", path], ["check", path]):
            result = self.trunkline(*command)
            self.assertEqual(result.returncode, 78, result)
            self.assertRegex(result.stderr, r"files\.yaml:2:\d+: routes\.0\.files: found .*passwd, a link that leads out")

    async def test_usage_is_64_and_version_is_0(self):
        self.assertEqual(self.trunkline("run", "--no-such-flag").returncode, 64)
        version = self.trunkline("version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"\d+\.\d+\.\d+")

    def run_with(self, **settings):
        """What becomes of a proxy that must not start."""
        path = self.directory / "run.yaml"
        settings = {"listeners": [{"address": f"127.0.0.1:{free_port()}"}], "routes": [],
                    "admin": {"address": f"127.0.0.1:{free_port()}"}, **settings}
        path.write_text(to_yaml(settings) + "\n")
        return self.trunkline("run", "--config", path)

    async def test_an_address_that_cannot_be_had_is_exit_code_1_and_named(self):
        with socket.create_server(("127.0.0.1", free_port())) as other:
            taken = f"127.0.0.1:{other.getsockname()[1]}"
            for settings in ({"listeners": [{"address": taken}]}, {"admin": {"address": taken}},
                             {"listeners": [{"address": f"127.0.0.1:{free_port()}"}, {"address": taken}]}):
                with self.subTest(settings):
                    result = self.run_with(**settings)
                    self.assertEqual(result.returncode, 1, result)
                    self.assertRegex(result.stderr + result.stdout, f"cannot listen on [^\n]*{taken}[^\n]*in use")
        result = self.run_with(listeners=[{"address": "192.0.2.1:8080"}])  # of documentation, nobody's
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr + result.stdout, r"192\.0\.2\.1:8080")

    async def test_a_second_proxy_by_the_same_configuration_costs_the_first_nothing(self):
        proxy = self.proxy(self.app())
        staying = await self.connect(proxy.url())
        second = asyncio.create_task(asyncio.to_thread(self.trunkline, "run", "--config", proxy.config_path))
        while not second.done():  # a new client is never given to the one that is about to end
            client = await self.connect(proxy.url())
            await client.send("served")
            self.assertEqual(await self.receive(client), "served")
            await client.close()
        result = await second
        self.assertEqual(result.returncode, 1, result)
        self.assertIn(f"127.0.0.1:{proxy.admin_port}", result.stderr + result.stdout)
        await staying.send("still here")
        self.assertEqual(await self.receive(staying), "still here")

    async def test_set_and_environment_override_the_file(self):
        app = self.app()
        proxy = self.proxy(app, arguments=["--set", "upstreams.app.app_servers.0=" + app.address,
                                           "--set", "proxy_id=renamed"])
        client = await self.connect(proxy.url())
        self.assertEqual((await self.command(client, "whoami"))["proxy"], "renamed")

    async def test_admin_pages(self):
        proxy = self.proxy(self.app())
        client = await self.connect(proxy.url())
        for i in range(10):
            await client.send("counted")
            await self.receive(client)
        self.assertEqual(proxy.admin("/healthz")[0], 200)
        self.assertEqual(proxy.admin("/nothing")[0], 404)
        wait_until(lambda: proxy.metric("trunkline_messages_total", direction="to_app") == 10
                   and proxy.metric("trunkline_messages_total", direction="to_client") == 10, "messages are counted")
        self.assertEqual(proxy.metric("trunkline_connections", upstream="app"), 1)
        self.assertGreater(proxy.metric("process_resident_memory_bytes"), 1 << 20)
        self.assertGreater(proxy.metric("trunkline_links"), 0)


if __name__ == "__main__":
    unittest.main()
