"""A TCP relay between a proxy and an app server, on a thread of its own, that can do to links what networks do."""
import asyncio
import socket
import threading

_RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: on, no time


class Relay:
    def __init__(self, target):
        host, _, port = target.removeprefix("tcp://").rpartition(":")
        self.target = (host, int(port))
        self._pairs = []
        self._is_open = True
        self._piece, self._wait = None, 0
        self._pumps = set()  # the loop itself would not keep those that wait for ever
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._start)

    def cut(self, count=None):
        """Resets links at both ends, the oldest first: all of them, or so many."""
        async def cut():
            chosen, self._pairs = (self._pairs, []) if count is None else (self._pairs[:count], self._pairs[count:])
            for pair in chosen:
                for writer in pair:
                    writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    writer.transport.abort()
        self._do(cut)

    def stall(self):
        """From now on nothing passes on the links that are there, and nobody is told; those that come are well."""
        async def stall():
            self._stalled.clear()
            self._stalled = asyncio.Event()
            self._stalled.set()
            self._pairs.clear()
        self._do(stall)

    def hold(self):
        """Nothing passes on any link until `go_on`."""
        async def hold():
            self._flowing.clear()
        self._do(hold)

    def go_on(self):
        async def go_on():
            self._flowing.set()
        self._do(go_on)

    def refuse(self, on):
        """Whether whoever dials is turned away."""
        async def refuse():
            self._is_open = not on
        self._do(refuse)

    def trickle(self, piece, wait=0):
        """Passes so many bytes at a time, each so many seconds after they came; None: all there are."""
        async def trickle():
            self._piece, self._wait = piece, wait
        self._do(trickle)

    def stop(self):
        async def stop():
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._do(stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- on its thread

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine(), self._loop).result(10)

    async def _start(self):
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._stalled = asyncio.Event()
        self._stalled.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.address = "tcp://127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        if not self._is_open:
            return writer.transport.abort()
        try:
            onward_reader, onward_writer = await asyncio.open_connection(*self.target, limit=1 << 20)
        except OSError:
            return writer.transport.abort()
        pair = (writer, onward_writer)
        self._pairs.append(pair)
        passes = self._stalled
        pumps = {asyncio.create_task(self._pump(reader, onward_writer, passes)),
                 asyncio.create_task(self._pump(onward_reader, writer, passes))}
        self._pumps |= pumps
        await asyncio.wait(pumps)
        self._pumps -= pumps
        if pair in self._pairs:
            self._pairs.remove(pair)

    async def _pump(self, reader, writer, passes):
        try:
            while data := await reader.read(1 << 16):
                piece = self._piece or len(data)
                for at in range(0, len(data), piece):
                    await self._flowing.wait()
                    await passes.wait()
                    if self._wait:
                        await asyncio.sleep(self._wait)
                    writer.write(data[at:at + piece])
                    await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
