"""The three that are compared, each with the same kind of app server behind it, reached by TCP; one core's worth each."""
import pathlib
import re
import subprocess

from support.environment import BIN
from support.processes import cpu_seconds, wait_until
from support.servers import AppServer, Balancer, Proxy

HERE = pathlib.Path(__file__).resolve().parent


class Front:
    """A proxy and its app server, started anew for each measurement: what ran before must not show in its memory."""

    app_arguments = []

    def __init__(self, directory):
        self.app = AppServer("app", directory, program=self.app_program, arguments=self.app_arguments)
        self.proxy = self.start_proxy(directory)

    def pids(self):
        """The proxy's, its workers', and last the app server's."""
        workers = pathlib.Path(f"/proc/{self.proxy.pid}/task/{self.proxy.pid}/children").read_text()
        return [self.proxy.pid, *map(int, workers.split()), self.app.pid]

    def cpu_seconds(self):
        return sum(map(cpu_seconds, self.pids()))

    def stop(self):
        self.proxy.stop()  # nginx has to end its worker itself
        self.app.kill()


class Trunkline(Front):
    name = "trunkline"
    app_program = "trunkline-load-app"
    version_command = [BIN / "trunkline", "--version"]
    upstream = {}  # what it has beside its defaults

    def start_proxy(self, directory):
        return Proxy("trunkline", directory, {
            "workers": 1, "drain_timeout": "100ms", "upstreams": {"app": {
                "app_servers": [self.app.address], "when_lost": {"hold": "0s", "then": "close"},  # as the others do
                **self.upstream}},
            "routes": [{"path": "/*", "upstream": "app"}], "log": {"level": "warn"}}).wait_until_ready()


class Nginx(Front):
    name = "nginx"
    app_program = "bare_echo"
    version_command = ["/usr/sbin/nginx", "-v"]

    def start_proxy(self, directory):
        nginx = _NginxOneToOne("nginx", directory, HERE / "nginx.conf.in",
                               ["/usr/sbin/nginx", "-c", "CONFIG", "-e", "stderr"], [self.app])
        children = pathlib.Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children")
        wait_until(children.read_text, "nginx has its worker")
        return nginx


class HAProxy(Front):
    name = "HAProxy"
    app_program = "bare_echo"
    version_command = ["/usr/sbin/haproxy", "-v"]

    def start_proxy(self, directory):
        return _HAProxyOneToOne("haproxy", directory, HERE / "haproxy.cfg.in",
                                ["/usr/sbin/haproxy", "-db", "-f", "CONFIG"], [self.app])


class _NginxOneToOne(Balancer):
    @staticmethod
    def server_line(_, app):
        return f"        server {app.address.removeprefix('tcp://')};"


class _HAProxyOneToOne(Balancer):
    @staticmethod
    def server_line(_, app):
        return f"    server app {app.address.removeprefix('tcp://')}"


FRONTS = {front.name: front for front in (Trunkline, Nginx, HAProxy)}


def version(front):
    """`nginx 1.22.1`: the first number that it says of itself."""
    said = subprocess.run(front.version_command, capture_output=True, text=True)
    return f"{front.name} {re.search(r'[0-9]+[.][0-9.]*[0-9]', said.stdout + said.stderr)[0]}"
