"""What systemd and a proxy say to each other: sockets that were opened before it started, and how it is."""
import signal
import socket
import unittest

from support.environment import scaled
from support.ports import free_port
from support.processes import wait_until
from support.scenario import Scenario


class Address:
    """Where a proxy is to be, in the form that another process has."""

    def __init__(self):
        self.port, self.admin_port = free_port(), free_port()


class Systemd(Scenario):
    def listening(self, port, family=socket.AF_INET, host="127.0.0.1"):
        sock = socket.socket(family)
        self.addCleanup(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
        return sock

    def manager(self):
        """Where a proxy is to tell how it is, and the variable that says so."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        path = self.directory / "notify.sock"
        sock.bind(str(path))
        sock.settimeout(scaled(15))
        return sock, {"NOTIFY_SOCKET": str(path)}

    async def test_a_client_that_came_before_the_proxy_is_served_whatever_the_number_of_workers(self):
        for workers in (1, 3):
            with self.subTest(workers=workers):
                where = Address()
                sockets = [self.listening(where.port), self.listening(where.admin_port)]
                early = socket.create_connection(("127.0.0.1", where.port), scaled(15))
                self.addCleanup(early.close)
                early.sendall(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                proxy = self.proxy(self.app(name=f"app{workers}"), name=f"proxy{workers}", workers=workers, like=where,
                                   sockets=sockets, routes=[{"path": "/ws", "upstream": "app"}])
                self.assertEqual(self.http_answer(early)[0], 404)
                for _ in range(20):
                    client = await self.connect(proxy.url("/ws"))
                    await client.send("served")
                    self.assertEqual(await self.receive(client), "served")
                self.assertEqual(proxy.stop(), 0)
                socket.create_connection(("127.0.0.1", where.port), 1).close()  # systemd still listens

    async def test_a_socket_that_is_no_address_of_the_configuration(self):
        where = Address()
        proxy = self.proxy(self.app(), like=where, sockets=[self.listening(free_port())], ready=False)
        proxy.good_exit_codes = {1}
        self.assertEqual(proxy.wait(), 1)
        self.assertIn("no address of this configuration", proxy.log())

    async def test_what_is_no_listening_socket(self):
        where = Address()
        with socket.socket() as plain:
            proxy = self.proxy(self.app(), like=where, sockets=[plain], ready=False)
        proxy.good_exit_codes = {1}
        self.assertEqual(proxy.wait(), 1)
        self.assertIn("descriptor 3 of LISTEN_FDS", proxy.log())

    async def test_variables_for_another_process_are_nothing_to_us(self):
        proxy = self.proxy(self.app(), env={"LISTEN_PID": "1", "LISTEN_FDS": "3"})
        client = await self.connect(proxy.url())
        await client.send("served")
        self.assertEqual(await self.receive(client), "served")

    async def test_it_says_when_it_serves_and_when_it_stops(self):
        manager, env = self.manager()
        app = self.app()
        app.pause()  # an app server that is away does not keep it from being started
        proxy = self.proxy(app, env=env, drain_timeout=f"{int(scaled(3000))}ms", ready=False)
        started = manager.recv(4096).decode().splitlines()
        self.assertIn("READY=1", started)
        self.assertIn(f"MAINPID={proxy.pid}", started)
        socket.create_connection(("127.0.0.1", proxy.port), 1).close()
        app.go_on()
        proxy.wait_until_ready()
        clients = [await self.connect(proxy.url()) for _ in range(5)]
        proxy.signal(signal.SIGTERM)
        self.assertEqual(manager.recv(4096), b"STOPPING=1")
        self.assertRegex(manager.recv(4096).decode(), r"^STATUS=draining, connections left: \d$")
        self.assertEqual(proxy.wait(), 0)
        del clients

    async def test_it_says_that_it_is_not_stuck_while_it_serves_and_while_it_drains(self):
        manager, env = self.manager()

        def hear(word, times=1):
            for _ in range(times):
                while word not in manager.recv(4096).decode().splitlines():
                    pass
        proxy = self.proxy(self.app(), env={**env, "WATCHDOG_USEC": str(100_000)}, drain_timeout="30s")
        hear("WATCHDOG=1", 5)
        client = await self.connect(proxy.url())
        proxy.signal(signal.SIGTERM)
        hear("STOPPING=1")
        hear("WATCHDOG=1", 2)
        await client.close()
        self.assertEqual(proxy.wait(), 0)

    async def test_a_new_process_says_that_it_is_the_one(self):
        manager, env = self.manager()
        app = self.app()
        old = self.proxy(app, name="old", env=env, takeover_socket="takeover.sock")
        self.assertIn(f"MAINPID={old.pid}", manager.recv(4096).decode())
        new = self.proxy(app, name="new", env=env, takeover_socket="takeover.sock", like=old, arguments=["--takeover"])
        self.assertIn(f"MAINPID={new.pid}", manager.recv(4096).decode())
        self.assertEqual(old.wait(), 0)
        manager.settimeout(0.1)  # that the old one stops is nobody's business
        with self.assertRaises(socket.timeout):
            manager.recv(4096)


if __name__ == "__main__":
    unittest.main()
