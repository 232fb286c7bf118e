"""A ledger of what was sent against what arrived. Every player sends numbered echoes, text and binary in turn, and
numbered messages to one group that all players are in; each must get its echoes back in order and byte for byte, and
of every sender all numbers, in order."""
import asyncio
import json

from .environment import ROOT, scaled

_NODE_CLIENT = ROOT / "tests/integration/clients/ledger.mjs"


def _echo_of(name, number):
    return f"echo {name} {number} " + "x" * (number * 37 % 700)


class _Player:
    """A client of python3-websockets."""

    def __init__(self, name, senders, count):
        self.name, self.count, self.echoes, self.wrong = name, count, 0, []
        self.heard = dict.fromkeys(senders, 0)
        self.left = count * (len(senders) + 1)

    async def connect(self, scenario, url, room):
        self.client = await scenario.connect(f"{url}?group={room}")
        await scenario.command(self.client, "whoami")  # the app has accepted, so the groups are in effect
        self.room = room

    async def play(self):
        sending = asyncio.create_task(self._send())
        try:
            while self.left > 0:
                self._on_message(await self.client.recv())
        except Exception as error:  # a close is as wrong as anything else
            self.wrong.append(f"{self.name}: {error!r}")
        await sending

    async def _send(self):
        for i in range(self.count):
            text = _echo_of(self.name, i)
            await self.client.send(text.encode() if i % 2 else text)
            await self.client.send(json.dumps({"do": "group", "group": self.room, "text": f"{self.name} {i}"}))
            if i % 16 == 15:
                await asyncio.sleep(0)

    def _on_message(self, message):
        is_binary = isinstance(message, bytes)
        text = message.decode() if is_binary else message
        if text.startswith("{"):
            if json.loads(text).get("error"):
                self.wrong.append(f"{self.name}: {text}")
            return
        if text.startswith("echo "):
            if text != _echo_of(self.name, self.echoes) or is_binary != (self.echoes % 2 == 1):
                self.wrong.append(f"{self.name}: echo {self.echoes} is {text[:40]}")
            self.echoes += 1
        else:
            sender, number = text.split()
            if int(number) != self.heard[sender]:
                self.wrong.append(f"{self.name}: {self.heard[sender]} of {sender} is {text}")
            self.heard[sender] = int(number) + 1
        self.left -= 1


async def play_ledger(scenario, urls, python_clients, node_clients, count, seconds=60, room="room"):
    """Plays it over these URLs, round-robin; a list of what was wrong."""
    names = [f"p{i}" for i in range(python_clients)]
    node_names = [f"n{i}" for i in range(node_clients)]
    senders = names + node_names
    players = [_Player(name, senders, count) for name in names]
    await asyncio.gather(*(p.connect(scenario, urls[i % len(urls)], room) for i, p in enumerate(players)))
    node = None
    if node_names:
        plan = {"urls": urls, "room": room, "names": node_names, "count": count, "senders": senders,
                "seconds": scaled(seconds)}
        node = await asyncio.create_subprocess_exec("node", str(_NODE_CLIENT), json.dumps(plan),
                                                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        try:
            line = await asyncio.wait_for(node.stdout.readline(), scaled(15))
            assert line == b"connected\n", f"the clients of ws did not connect: {line}"
            node.stdin.write(b"go\n")
        except BaseException:
            node.kill()
            raise
    wrong = []
    try:
        await asyncio.wait_for(asyncio.gather(*(p.play() for p in players)), scaled(seconds))
    except asyncio.TimeoutError:
        wrong += [f"{p.name} misses {p.left}" for p in players if p.left > 0]
    for player in players:
        wrong += player.wrong
    if node:
        line = await asyncio.wait_for(node.stdout.readline(), scaled(seconds) + 5)
        await node.wait()
        wrong += json.loads(line)
    return wrong
