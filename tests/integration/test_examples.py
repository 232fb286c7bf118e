"""The examples that the demo does not run: what they say they show is what their clients see."""
import json
import unittest

from support.scenario import Scenario


class Examples(Scenario):
    def proxy_of(self, example):
        return self.proxy(self.app(example, program=f"trunkline-example-{example}"))

    async def test_broadcast_ticks_for_everybody(self):
        proxy = self.proxy_of("broadcast")
        clients = [await self.connect(proxy.url()) for _ in range(5)]
        for client in clients:
            ticks = [json.loads(message)["tick"] for message in await self.receive_all(client, 5)]
            self.assertEqual(ticks, list(range(ticks[0], ticks[0] + 5)))

    async def test_offload_answers_each_client_in_its_order(self):
        proxy = self.proxy_of("offload")
        factors = {"100000000000031": "100000000000031", "12": "3", "1000003": "1000003", "98": "7", "1": "1"}
        clients = [await self.connect(proxy.url()) for _ in range(4)]
        for client in clients:
            for number in factors:  # all at once, the one that takes longest first
                await client.send(number)
        for client in clients:
            self.assertEqual(await self.receive_all(client, len(factors), 60), list(factors.values()))


if __name__ == "__main__":
    unittest.main()
