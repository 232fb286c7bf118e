"""A headless Chromium, driven over its DevTools protocol (a WebSocket that speaks JSON)."""
import asyncio
import base64
import itertools
import json
import urllib.request

import websockets

from .environment import scaled
from .processes import Process, wait_until


class Browser(Process):
    def __init__(self, name, directory):
        self._profile = directory / f"{name}-profile"
        super().__init__(name, ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                                "--remote-debugging-port=0", f"--user-data-dir={self._profile}", "about:blank"],
                         directory, env={"HOME": str(directory)})
        port_file = self._profile / "DevToolsActivePort"
        wait_until(lambda: port_file.exists() and port_file.read_text().count("\n") >= 1, "Chromium listens", 30)
        self._port = int(port_file.read_text().split()[0])

    async def open(self, url):
        """A new tab at that address."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/json/new?{url}", method="PUT")
        with urllib.request.urlopen(request, timeout=scaled(10)) as answer:
            target = json.load(answer)
        socket = await websockets.connect(target["webSocketDebuggerUrl"], max_size=1 << 26, ping_interval=None)
        return Tab(socket)


class Tab:
    def __init__(self, socket):
        self._socket = socket
        self._ids = itertools.count(1)

    async def call(self, method, **parameters):
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.recv(), scaled(15)))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def evaluate(self, script):
        """The value of a JavaScript expression; it may be a promise."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait_until(self, script, seconds=10):
        deadline = asyncio.get_running_loop().time() + scaled(seconds)
        while not await self.evaluate(script):
            assert asyncio.get_running_loop().time() < deadline, f"{script} did not come true; the page says: " + \
                str(await self.evaluate("document.body.innerText"))
            await asyncio.sleep(0.05)

    async def type_text(self, text):
        """Types into what has the focus, then presses Enter."""
        await self.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                            windowsVirtualKeyCode=13)

    async def screenshot(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        result = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(result["data"]))
