"""./run.sh as a user meets it: the page in a real browser, two tabs that chat, Ctrl-C that leaves nothing behind."""
import os
import pathlib
import signal
import unittest
import urllib.request

import websockets

from support.browser import Browser
from support.environment import BIN, OUTPUT, ROOT
from support.ports import free_port
from support.processes import Process, wait_until
from support.scenario import Scenario


class Demo(Scenario):
    async def asyncSetUp(self):
        self.port, self.admin_port = free_port(), free_port()
        self.demo = self.run_sh("run.sh")
        wait_until(self.has_started, "the demo has started")

    def run_sh(self, name):
        env = {"TRUNKLINE_DEMO_BIN": str(BIN), "TRUNKLINE_DEMO_ADMIN_PORT": str(self.admin_port), "TMPDIR": str(self.directory)}
        process = Process(name, [ROOT / "run.sh", self.port], self.directory, env=env, new_group=True)
        self._processes.append(process)
        return process

    def has_started(self):
        assert self.demo.is_running(), self.demo.log()
        return "Ctrl-C" in self.demo.log()

    def started_processes(self):
        """Everything that was started with the demo's directory of sockets."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if f"{self.directory}/trunkline-demo" in (process / "cmdline").read_text():
                    found.append(process.name)
            except OSError:
                pass
        return found

    async def test_two_tabs_chat_with_each_other(self):
        browser = self.start(Browser, "chromium")
        tabs = [await browser.open(f"http://127.0.0.1:{self.port}/") for _ in range(2)]
        for tab in tabs:
            await tab.wait_until("document.readyState == 'complete' && document.querySelector('input') != null")
            await tab.call("Page.bringToFront")
        for tab, other, text in ((tabs[0], tabs[1], "hello from the left"), (tabs[1], tabs[0], "and from the right")):
            await tab.call("Page.bringToFront")
            await tab.wait_until("!document.querySelector('#text').disabled")
            await tab.evaluate("document.querySelector('#text').focus()")
            await tab.type_text(text)
            for each in (tab, other):
                await each.wait_until(f"document.querySelector('#messages').innerText.includes({text!r})")
        for name, tab in zip(("left", "right"), tabs):
            await tab.call("Page.bringToFront")
            await tab.screenshot(OUTPUT / f"demo-{name}.png")

    async def test_ctrl_c_leaves_nothing_behind(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/") as page:
            self.assertIn("html", page.headers["Content-Type"])
        client = await self.connect(f"ws://127.0.0.1:{self.port}/echo")
        await client.send("echo")
        self.assertEqual(await self.receive(client), "echo")
        again = self.run_sh("run.sh-again")
        self.assertEqual(again.wait(), 1)
        self.assertIn(f"port {self.port} is taken", again.log())
        again.was_killed = True
        self.assertEqual(len(self.started_processes()), 3)
        os.killpg(self.demo.pid, signal.SIGINT)
        self.assertEqual((await self.closed(client))[0], 1012)
        self.assertEqual(self.demo.wait(), 0)
        self.assertEqual(self.started_processes(), [])
        self.assertEqual([p for p in pathlib.Path(self.directory).iterdir() if p.name.startswith("trunkline-demo")], [])
        with self.assertRaises((OSError, websockets.InvalidHandshake)):
            await self.connect(f"ws://127.0.0.1:{self.port}/echo")


if __name__ == "__main__":
    unittest.main()
