"""Groups, users, broadcasts: across app servers and proxies, never across upstreams, in the order of the calls."""
import asyncio
import unittest

from support.scenario import Scenario


class FanOut(Scenario):
    async def asyncSetUp(self):
        self.apps = [self.app("app-a"), self.app("app-b")]
        self.proxies = [self.proxy(*self.apps, name=f"proxy-{n}") for n in (1, 2)]

    async def client_of(self, app, proxy, query=""):
        """A client of that proxy that is attached to that app server."""
        for _ in range(50):
            client = await self.connect(proxy.url("/" + query))
            me = await self.command(client, "whoami")
            if me["app"] == app.name:
                client.connection_id = me["connection"]
                return client
        self.fail(f"no connection of {proxy.name} came to {app.name}")

    async def one_client_each(self, query=""):
        return [await self.client_of(app, proxy, query) for app in self.apps for proxy in self.proxies]

    async def test_clients_of_b_get_the_broadcasts_of_a(self):
        clients = await self.one_client_each()
        self.assertEqual((await self.command(clients[0], "all", text="to all"))["error"], "")
        for client in clients[1:]:
            self.assertEqual(await self.receive(client), "to all")
        self.assertIn("to all", [*getattr(clients[0], "other", []), *await self.rest_of(clients[0])])

    async def rest_of(self, client):
        """What has arrived up to the answer to one more command."""
        client.other = getattr(client, "other", [])
        await self.command(client, "whoami")
        got, client.other = client.other, []
        return got

    async def test_group_user_and_exceptions(self):
        a1, a2, b1, b2 = await self.one_client_each()
        annas = [await self.client_of(self.apps[1], p, "?user=anna") for p in self.proxies]
        for client in (a1, b1, b2):
            self.assertEqual((await self.command(client, "join", group="red"))["status"], "ok")
        await self.command(a2, "group", group="red", text="red all", **{"except": [b1.connection_id]})
        self.assertEqual(await self.receive(b2), "red all")
        self.assertEqual(await self.receive(a1), "red all")
        await self.command(a2, "user", user="anna", text="dear anna")
        for anna in annas:
            self.assertEqual(await self.receive(anna), "dear anna")
        await self.command(a1, "to", connection=b2.connection_id, text="only you")
        self.assertEqual(await self.receive(b2), "only you")
        self.assertEqual((await self.command(b2, "leave", group="red"))["status"], "ok")
        await self.command(a2, "group", group="red", text="without b2")
        self.assertEqual(await self.receive(a1), "without b2")
        self.assertEqual(await self.receive(b1), "without b2")
        for client in (a2, b2, *annas):
            self.assertEqual(await self.rest_of(client), [])

    async def test_existence_and_closing_others(self):
        a1, a2, b1, b2 = await self.one_client_each()
        anna = await self.client_of(self.apps[1], self.proxies[1], "?user=anna&group=blue")
        for do, fields in (("exists", {"connection": b2.connection_id}), ("user-exists", {"user": "anna"}),
                           ("group-exists", {"group": "blue"})):
            self.assertEqual((await self.command(a1, do, **fields))["status"], "ok", do)
        self.assertEqual((await self.command(a1, "user-exists", user="nobody"))["status"], "not found")
        self.assertEqual((await self.command(a1, "group-exists", group="none"))["status"], "not found")
        await self.command(a1, "close-other", connection=b2.connection_id, code=4001, reason="you")
        self.assertEqual(await self.closed(b2), (4001, "you"))
        await self.command(a1, "close-user", user="anna", code=4002, reason="user")
        self.assertEqual(await self.closed(anna), (4002, "user"))
        self.assertEqual((await self.command(a1, "user-exists", user="anna"))["status"], "not found")
        self.assertEqual((await self.command(b1, "join", group="green"))["status"], "ok")
        await self.command(a2, "close-group", group="green", code=4003, reason="group")
        self.assertEqual(await self.closed(b1), (4003, "group"))

    async def test_join_is_never_missed_by_a_send_from_another_thread(self):
        clients = await self.one_client_each()
        for i in range(100):
            client = clients[i % len(clients)]
            client.other = []
            await self.command(client, "join-then-thread", group=f"g{i}", text=f"hello {i}")
            got = client.other or [await self.receive(client)]
            self.assertEqual(got, [f"hello {i}"])

    async def test_numbered_broadcasts_arrive_whole_and_in_order(self):
        clients = [c for _ in range(5) for c in await self.one_client_each()]
        driver = await self.client_of(self.apps[0], self.proxies[0])
        task = asyncio.create_task(self.command(driver, "all-numbers", count=1000, size=50, seconds=30))
        for client in clients:
            got = await self.receive_all(client, 1000, seconds=30)
            self.assertEqual([int(m.split()[0]) for m in got], list(range(1000)))
        await task


class Upstreams(Scenario):
    async def test_a_broadcast_stays_in_its_upstream(self):
        chat, news = self.app("chat"), self.app("news")
        proxy = self.start_two(chat, news)
        chatter, reader = await self.connect(proxy.url("/chat")), await self.connect(proxy.url("/news"))
        await self.command(reader, "whoami")
        await self.command(chatter, "all", text="chatters")
        await self.command(reader, "all", text="readers")
        self.assertEqual(await self.receive(reader) if not getattr(reader, "other", []) else reader.other[0], "readers")
        self.assertEqual(await self.receive(chatter) if not getattr(chatter, "other", []) else chatter.other[0], "chatters")

    def start_two(self, chat, news):
        return self.proxy(upstreams={"chat": {"app_servers": [chat.address]}, "news": {"app_servers": [news.address]}},
                          routes=[{"path": "/chat", "upstream": "chat"}, {"path": "/news", "upstream": "news"}])


if __name__ == "__main__":
    unittest.main()
