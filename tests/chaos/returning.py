"""Clients that send numbered messages, and come back when they are told to or lose their proxy."""
import asyncio
import collections

import websockets

from chaos import scaled


class Visit:
    """One connection of such a client."""

    def __init__(self, name):
        self.name = name
        self.sent = 0
        self.has_sent_all = False
        self.echoes = []
        self.code = None

    def message(self, i):
        return f"{self.name} {i}"


class Returning:
    """`visits` are all connections there were; those whose `code` is None have not ended."""

    def __init__(self, scenario, urls, count):
        self.visits = []
        self.refused = collections.Counter()
        self.is_sending = True
        self._scenario, self._urls = scenario, urls
        self._tasks = [asyncio.create_task(self._live(i)) for i in range(count)]

    async def _live(self, i):
        while self.is_sending:
            try:
                client = await self._scenario.connect(self._urls[len(self.visits) % len(self._urls)])
            except Exception as why:
                self.refused[type(why).__name__] += 1
                await asyncio.sleep(0.05)
                continue
            visit = Visit(f"client {i} visit {len(self.visits)}")
            self.visits.append(visit)
            await asyncio.gather(self._send(client, visit), self._receive(client, visit))

    async def _send(self, client, visit):
        try:
            while self.is_sending:
                await client.send(visit.message(visit.sent))
                visit.sent += 1
                await asyncio.sleep(0.01)
            visit.has_sent_all = True
            visit.sent += 1
            await client.send(visit.message(visit.sent - 1))
        except websockets.ConnectionClosed:
            pass

    async def _receive(self, client, visit):
        try:
            while not visit.has_sent_all or len(visit.echoes) < visit.sent:
                visit.echoes.append(await asyncio.wait_for(client.recv(), scaled(20)))
        except websockets.ConnectionClosed:
            visit.code = client.close_code

    async def finish(self):
        self.is_sending = False
        await asyncio.gather(*self._tasks)

    def expect_whole(self, handled):
        """Who stayed got every echo. Of who was closed, what was handled is a prefix of what was sent, and what was echoed of
        that. Nothing doubled, nothing out of turn. `handled`: the payloads that the app server was called with, in order."""
        by_visit = collections.defaultdict(list)
        for payload in handled:
            by_visit[payload.rpartition(" ")[0]].append(payload)
        for visit in self.visits:
            sent = [visit.message(i) for i in range(visit.sent)]
            was_handled = by_visit[visit.name]
            # What failed to be sent may have left all the same.
            self._scenario.assertEqual(was_handled, [visit.message(i) for i in range(len(was_handled))], visit.name)
            self._scenario.assertLessEqual(len(was_handled), visit.sent + 1, visit.name)
            self._scenario.assertEqual(visit.echoes, was_handled[:len(visit.echoes)], visit.name)
            if visit.code is None:
                self._scenario.assertEqual(visit.echoes, sent, visit.name)

    def codes(self):
        return collections.Counter(visit.code for visit in self.visits)
