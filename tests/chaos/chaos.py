"""The base of the chaos scenarios: programs and clients of the integration tests, load with a ledger, journals of what
app servers were called with."""
import asyncio
import collections
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
sys.dont_write_bytecode = True
from support.environment import BIN, scaled  # noqa: E402
from support.processes import Process, wait_until  # noqa: E402,F401
from support.scenario import Scenario  # noqa: E402

from relay import Relay  # noqa: E402

# The short form is part of every test run; the long one (run.sh) has more clients and more faults, and says what it saw.
LONG = os.environ.get("TRUNKLINE_CHAOS") == "long"


def longer(short, long):
    return long if LONG else short


# Everything that takes seconds in production, in tens of milliseconds. Sanitizers get more.
def milliseconds(count):
    return f"{round(scaled(count))}ms"


# Of links that are not to be lost unless a scenario cuts them, and app servers and proxies that are not to be given up:
# however long a busy machine keeps one of them from running.
PATIENT_LINKS = {"dead_after": "15s", "resume_window": "30s", "gone_after": "15s"}
PATIENT_APP = {"link_silence": 15_000, "proxy_gone_after": 15_000}


class Journal:
    """What the app servers of one name were called with. It is long, and looked at often: only what is new is read."""

    def __init__(self, path):
        self._path, self._at, self._entries = path, 0, []

    def entries(self):
        if self._path.exists():
            with open(self._path, "rb") as file:
                file.seek(self._at)
                lines, newline, _ = file.read().rpartition(b"\n")  # the last may be half there
            self._at += len(lines + newline)
            self._entries += [tuple(line.split("\t")) for line in lines.decode().splitlines()]
        return self._entries


class Chaos(Scenario):
    def setUp(self):
        self._journals, self._relays = {}, []
        self.addCleanup(self._stop_relays)  # behind the processes, which say goodbye through them
        super().setUp()

    def _stop_relays(self):
        for relay in self._relays:
            relay.stop()

    def links(self, **more):
        return {"redial_min": "10ms", "redial_max": "100ms", "connect": milliseconds(500), "keep_alive": milliseconds(100),
                "dead_after": milliseconds(600), "resume_window": milliseconds(3000), "gone_after": milliseconds(500),
                **more}

    def fast_app(self, name="app", limits=(), at_signal="stop", more=(), **options):
        """A test_app whose limits fit these links."""
        return self.app(name, arguments=[*self.app_arguments(name, limits, at_signal), *more], **options)

    def started_process(self, name, argv):
        process = Process(name, argv, self.directory)
        self._processes.append(process)
        return process

    def app_arguments(self, name, limits=(), at_signal="stop"):
        limits = {"keep_alive": 100, "link_silence": 600, "proxy_gone_after": 500, "probe_timeout": 300, **dict(limits)}
        arguments = ["--name", name, "--at-signal", at_signal, "--journal", self.journal_of(name)]
        for limit, value in limits.items():
            arguments += ["--limit", f"{limit}={round(scaled(value))}"]
        return arguments

    def relay(self, app):
        self._relays.append(Relay(app.address))
        return self._relays[-1]

    def fast_proxy(self, *apps, name="proxy", when_lost=None, links=None, workers=None, pool_size=5, **more):
        settings = {"links": self.links(**(links or {})), "workers": workers or self.workers, "upstreams": {"app": {
            "app_servers": [a.address for a in apps], "pool_size": pool_size, **({"when_lost": when_lost} if when_lost else {})}}}
        return self.proxy(name=name, **settings, **more)

    def settings(self, *apps, **more):
        return {**super().settings(*apps), **more}

    # --- load

    async def load(self, profile, *urls, **options):
        """Starts trunkline-load; the awaitable that comes back answers (exit code, what it said, its report)."""
        report = self.directory / f"load-{len(list(self.directory.glob('load-*')))}.json"
        report.touch()
        arguments = [profile, *urls, "-q", "--json", str(report), "--warm-up", "100ms", "--settle", f"{round(scaled(20))}s"]
        for name, value in options.items():
            arguments += ["--" + name.replace("_", "-"), str(value)]
        process = await asyncio.create_subprocess_exec(str(BIN / "trunkline-load"), *arguments, stdout=asyncio.subprocess.PIPE,
                                                       stderr=asyncio.subprocess.STDOUT)

        async def end():
            try:
                text, _ = await asyncio.wait_for(process.communicate(), scaled(90))
            except asyncio.TimeoutError:
                process.kill()
                self.fail("trunkline-load did not end")
            return process.returncode, text.decode(), json.loads(report.read_text() or "{}")
        return asyncio.create_task(end())

    def expect_whole(self, result):
        """Nothing lost, doubled, reordered; nobody closed."""
        code, text, report = result
        self.assertEqual(code, 0, text)
        ledger = report["ledger"]
        self.assertGreater(ledger["expected"], 0, text)
        self.measured(clients=report["clients"], messages=ledger["expected"], lost=ledger["missing"], doubled=ledger["doubled"],
                      reordered=ledger["out_of_order"], closed=report["closed"],
                      longest_wait=round(report["latency"]["max_us"] / 1e6, 2))
        return report

    def measured(self, **figures):
        """A line of JSON for the table in docs/reliability.md, in the long form. Times are seconds."""
        if LONG:
            print(json.dumps({"scenario": self.id().removeprefix("__main__."), **figures}), flush=True)

    async def until(self, predicate, what, seconds=15):
        """`wait_until`, while clients and peers of this process go on."""
        deadline = time.monotonic() + scaled(seconds)
        while not predicate():
            self.assertLess(time.monotonic(), deadline, f"{what} did not come true")
            await asyncio.sleep(0.02)

    # --- clients

    async def clients(self, proxy, count, path="/"):
        return [await self.connect(proxy.url(path)) for _ in range(count)]

    async def expect_served(self, *clients):
        """What each sends now comes back."""
        for client in clients:
            await client.send("still served")
            self.assertEqual(await self.receive(client, 20), "still served")

    # --- journals

    def journal_of(self, name):
        return self.directory / f"{name}.journal"

    def journal(self, name):
        """(what, connection id, how, more) for each callback of all app servers of that name."""
        return self._journals.setdefault(name, Journal(self.journal_of(name))).entries()

    def expect_truthful(self, *names):
        """In each journal every connection was opened before it had a message, then closed, in turn."""
        for name in names:
            is_open = collections.defaultdict(bool)
            for what, connection, how, _ in self.journal(name):
                if what == "open":
                    self.assertFalse(is_open[connection], f"{name}: {connection} opened twice")
                    is_open[connection] = True
                else:
                    self.assertTrue(is_open[connection], f"{name}: {what} of {connection} ({how}), which is not open")
                    is_open[connection] = what != "close"
