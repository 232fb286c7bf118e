"""The programs of a scenario: proxies, app servers, load balancers."""
import http.client
import json
import pathlib
import signal
import socket
import string
import sys

from .environment import BIN, scaled
from .ports import free_port
from .processes import Process, wait_until
from .yaml_text import to_yaml


def _accepts(address):
    kind, _, where = address.partition("://")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(where)
        else:
            host, _, port = where.rpartition(":")
            socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


class AppServer(Process):
    """tests/integration/app/test_app.cpp, or another program that takes --listen."""

    def __init__(self, name, directory, address=None, program="test_app", arguments=None):
        self.address = address or f"tcp://127.0.0.1:{free_port()}"
        if arguments is None:
            arguments = ["--name", name] if program == "test_app" else []
        super().__init__(name, [BIN / program, "--listen", self.address, *arguments], directory)
        wait_until(self._listens, f"{name} listens on {self.address}")

    def _listens(self):
        assert self.is_running(), f"{self.name} ended at start:\n{self.log()}"
        return _accepts(self.address)


# Socket activation: descriptors from 3 on, and the variables that say so; then the program in the same process.
_ACTIVATE = """
import fcntl, os, sys
kept = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for i, fd in enumerate(kept):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Proxy(Process):
    """One trunkline process. `settings` is its configuration without addresses of its own; they are those of `like`, if
    there is another process that it is to follow. `sockets` are handed to it as systemd does."""

    def __init__(self, name, directory, settings, arguments=(), port=None, env=None, like=None, sockets=()):
        self.port = port or (like.port if like else free_port())
        self.admin_port = like.admin_port if like else free_port()
        self.settings = {"proxy_id": name, "listeners": [{"address": f"127.0.0.1:{self.port}"}],
                         "admin": {"address": f"127.0.0.1:{self.admin_port}"}, **settings}
        self.config_path = directory / f"{name}.yaml"
        self.config_path.write_text(to_yaml(self.settings) + "\n")
        argv = [BIN / "trunkline", "run", "--config", self.config_path, *arguments]
        fds = [s.fileno() for s in sockets]
        if sockets:
            argv = [sys.executable, "-c", _ACTIVATE, ",".join(map(str, fds)), *argv]
        super().__init__(name, argv, directory, env, pass_fds=fds)

    def url(self, path="/", host="127.0.0.1"):
        return f"ws://{host}:{self.port}{path}"

    def admin(self, path):
        """(status, body) of a GET to the admin listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=scaled(10))
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def is_ready(self):
        assert self.is_running(), f"{self.name} ended at start:\n{self.log()}"
        try:
            return self.admin("/readyz")[0] == 200
        except OSError:
            return False

    def wait_until_ready(self, seconds=15):
        wait_until(self.is_ready, f"{self.name} is ready", seconds)
        return self

    def readiness(self):
        status, body = self.admin("/readyz")
        return status, json.loads(body)

    def metric(self, name, **labels):
        """The sum of the samples of that name that have these labels."""
        total = 0.0
        for line in self.admin("/metrics")[1].splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.split("{")[0] == name and all(f'{k}="{v}"' in sample for k, v in labels.items()):
                total += float(value)
        return total


class Balancer(Process):
    def __init__(self, name, directory, template, argv, proxies):
        self.port = free_port()
        values = {"port": self.port, "directory": directory, "name": name,
                  "servers": "\n".join(self.server_line(i, p) for i, p in enumerate(proxies))}
        text = string.Template((pathlib.Path(__file__).parent / template).read_text()).substitute(values)
        self.config_path = directory / f"{name}.conf"
        self.config_path.write_text(text)
        super().__init__(name, [a.replace("CONFIG", str(self.config_path)) for a in argv], directory)
        self.good_exit_codes = {0, -signal.SIGTERM, 128 + signal.SIGTERM}  # HAProxy lets the signal end it
        wait_until(self._listens, f"{name} listens")

    def _listens(self):
        assert self.is_running(), f"{self.name} ended at start:\n{self.log()}"
        return _accepts(f"tcp://127.0.0.1:{self.port}")

    def url(self, path="/", host="127.0.0.1"):
        return f"ws://{host}:{self.port}{path}"


class Nginx(Balancer):
    def __init__(self, directory, proxies, name="nginx"):
        super().__init__(name, directory, "nginx.conf.in", ["/usr/sbin/nginx", "-c", "CONFIG", "-e", "stderr"], proxies)

    @staticmethod
    def server_line(index, proxy):
        return f"        server 127.0.0.1:{proxy.port};"


class HAProxy(Balancer):
    def __init__(self, directory, proxies, name="haproxy"):
        super().__init__(name, directory, "haproxy.cfg.in", ["/usr/sbin/haproxy", "-db", "-f", "CONFIG"], proxies)

    @staticmethod
    def server_line(index, proxy):
        return f"    server proxy{index} 127.0.0.1:{proxy.port} check port {proxy.admin_port} inter 200"


class TcpHAProxy(Balancer):
    """Before app servers, as one address of them all."""

    def __init__(self, directory, apps, name="haproxy-tcp"):
        super().__init__(name, directory, "haproxy-tcp.cfg.in", ["/usr/sbin/haproxy", "-db", "-f", "CONFIG"], apps)
        self.address = f"tcp://127.0.0.1:{self.port}"

    @staticmethod
    def server_line(index, app):
        return f"    server app{index} {app.address.removeprefix('tcp://')} check inter 200 fall 1 rise 1"
