#!/usr/bin/env python3
"""trunkline and an app server on its SDK, against nginx in front of a bare echo server, in the same run: rounds of the
one and the other in turn, so that what the machine does meanwhile happens to both. CPU is user and system time of all
processes of a side, from /proc. Prints the tables and, unless told otherwise, writes them into docs/benchmarks.md.

    tests/bench/run.py                    builds build/release, takes some ten minutes
    tests/bench/run.py --smoke --bin DIR  a few seconds of everything: does it still run
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.dont_write_bytecode = True
from support.ports import free_port  # noqa: E402
from support.processes import Process, wait_until  # noqa: E402
from support.servers import _accepts  # noqa: E402
from support.yaml_text import to_yaml  # noqa: E402

NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {dir}/nginx.pid;
error_log stderr error;
events {{ worker_connections {files}; multi_accept on; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    tcp_nodelay on;
    keepalive_timeout 60s;
    upstream app {{ server 127.0.0.1:{app_port}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_buffering off;
            proxy_read_timeout 600s;
            proxy_send_timeout 600s;
        }}
    }}
}}
"""


class Side:
    """One of the two, started anew for each measurement: memory once used would else hide what a client costs."""

    def __init__(self, directory):
        self.port = free_port()
        self.front, self.app = self.start(directory)
        self.processes = self.with_children(self.front) + [self.app]

    @staticmethod
    def with_children(process):
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            return [process] + [_Child(int(pid)) for pid in children.read().split()]

    def cpu(self):
        return sum(p.cpu_seconds() for p in self.processes)

    def front_memory(self):
        return sum(p.resident_bytes() for p in self.processes[:-1])

    def stop(self):
        self.front.stop()  # nginx must end its worker itself
        self.app.kill()


class _Child:
    def __init__(self, pid):
        self.pid = pid

    cpu_seconds = Process.cpu_seconds
    resident_bytes = Process.resident_bytes


class Trunkline(Side):
    name = "trunkline"

    def start(self, directory):
        address = f"unix://{directory}/app.sock"
        app = Process("bench_app", [BIN / "bench_app", address], directory)
        wait_until(lambda: _accepts(address), "bench_app listens")
        admin = free_port()
        config = directory / "trunkline.yaml"
        config.write_text(to_yaml({
            "workers": 1, "drain_timeout": "100ms", "listeners": [{"address": f"127.0.0.1:{self.port}"}],
            "upstreams": {"app": {"app_servers": [address]}}, "routes": [{"path": "/*", "upstream": "app"}],
            "admin": {"address": f"127.0.0.1:{admin}"}, "log": {"level": "warn"}}) + "\n")
        front = Process("trunkline", [BIN / "trunkline", "run", "--config", config], directory)

        def is_ready():
            assert front.is_running(), front.log()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=2)
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except OSError:
                return False
        wait_until(is_ready, "trunkline is ready")
        return front, app


class Nginx(Side):
    name = "nginx"

    def start(self, directory):
        app_port = free_port()
        app = Process("bare_echo", [BIN / "bare_echo", str(app_port)], directory)
        config = directory / "nginx.conf"
        config.write_text(NGINX.format(dir=directory, port=self.port, app_port=app_port, files=min(FILES, 20000)))
        front = Process("nginx", ["/usr/sbin/nginx", "-c", config, "-e", "stderr"], directory)
        wait_until(lambda: _accepts(f"tcp://127.0.0.1:{self.port}") and _accepts(f"tcp://127.0.0.1:{app_port}"), "nginx listens")
        time.sleep(0.2)  # its worker is there when the port is, but the list of children follows
        return front, app


class Load:
    """ws_bench, phase by phase."""

    def __init__(self, side, **options):
        self.options = {"port": side.port, "path": "/", **options}
        argv = [str(BIN / "ws_bench")] + [str(x) for k, v in self.options.items() for x in (f"--{k}", v)]
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def phase(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"ws_bench ended: {self.options}")
        return json.loads(line)

    def end(self):
        self.child.stdin.write("\n")
        self.child.stdin.close()
        return self.child.wait(60)


def settle():
    time.sleep(0.3 if not SMOKE else 0.05)


def measure(kind, what):
    """One measurement of one side: a dictionary of figures."""
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as directory:
        side = kind(pathlib.Path(directory))
        try:
            return what(side)
        finally:
            side.stop()


def echo(clients, seconds):
    def run(side):
        load = Load(side, mode="echo", clients=clients, seconds=seconds)
        connected = load.phase()
        assert connected["refused"] == 0, (side.name, connected)
        settle()
        cpu, app = side.cpu(), side.app.cpu_seconds()
        result = load.phase()
        cpu, app = side.cpu() - cpu, side.app.cpu_seconds() - app
        code = load.end()
        assert code == 0 and result["received"] == result["expected"], (side.name, result)
        n = result["received"]
        return {"cpu_us": cpu / n * 1e6, "app_us": app / n * 1e6, "rate": result["rate"], "p99_us": result["p99_us"]}
    return run


def connect(clients):
    def run(side):
        settle()
        load = Load(side, mode="idle", clients=clients)
        cpu = side.cpu()
        result = load.phase()
        assert result["refused"] == 0, (side.name, result)
        settle()  # what the app server does behind the client's back is part of the cost
        cpu = side.cpu() - cpu
        load.child.kill()
        load.child.wait()
        return {"cpu_us": cpu / clients * 1e6, "rate": clients / result["seconds"]}
    return run


def idle(clients):
    def run(side):
        # What the first hundred cost is the program's own: pools, blocks, the allocator's arenas.
        first = Load(side, mode="idle", clients=100)
        first.phase()
        settle()
        before = side.front_memory()
        load = Load(side, mode="idle", clients=clients)
        result = load.phase()
        assert result["refused"] == 0, (side.name, result)
        time.sleep(1 if not SMOKE else 0.1)
        after = side.front_memory()
        for each in (load, first):
            each.child.kill()
            each.child.wait()
        return {"bytes": (after - before) / clients}
    return run


def broadcast(clients, rate, seconds):
    def run(side):
        load = Load(side, mode="broadcast", clients=clients, rate=rate, seconds=seconds, deadline=20)
        result = load.phase()
        assert result["refused"] == 0, (side.name, result)
        settle()
        cpu = side.cpu()
        result = load.phase()
        cpu = side.cpu() - cpu
        load.end()
        return {"cpu_us": cpu / max(1, result["received"]) * 1e6, "received": result["received"],
                "expected": result["expected"], "seconds": result["seconds"], "p99_us": result["p99_us"]}
    return run


def rounds(count, what, kinds):
    """`count` rounds of every side in turn, as {side: [figures]}; the side that begins alternates."""
    results = {kind.name: [] for kind in kinds}
    for i in range(count):
        for kind in kinds if i % 2 == 0 else reversed(kinds):
            results[kind.name].append(measure(kind, what))
    return results


def spread(values, digits=2):
    if not values:
        return "too short to tell"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def ratios(results, key):
    """Round by round; without those too short for the machine's clock of CPU time to have moved."""
    return [t[key] / n[key] for t, n in zip(results["trunkline"], results["nginx"]) if n[key] > 0]


def run_all(arguments):
    both, ours = [Trunkline, Nginx], [Trunkline]
    n = 1 if SMOKE else arguments.rounds
    seconds = 0.5 if SMOKE else arguments.seconds
    rows, notes = [], []

    def say(name, results, key, goal, digits=1):
        t, g = [r[key] for r in results["trunkline"]], [r[key] for r in results["nginx"]]
        rows.append((name, spread(t, digits), spread(g, digits), spread(ratios(results, key)), goal))
        print("  ".join(rows[-1]), flush=True)

    for clients, goal in ((100, "≤ 0.50"), (4000 if not SMOKE else 200, "≤ 0.40")):
        results = rounds(n, echo(clients, seconds), both)
        say(f"echo, {clients} clients: µs CPU per message", results, "cpu_us", goal)
        say(f"… of it the app server's own", results, "app_us", "")
        rate = {k: statistics.median(r["rate"] for r in v) for k, v in results.items()}
        p99 = {k: statistics.median(r["p99_us"] for r in v) for k, v in results.items()}
        notes.append(f"echo, {clients} clients: {rate['trunkline']:,.0f} messages/s against {rate['nginx']:,.0f}, "
                     f"p99 {p99['trunkline'] / 1000:.1f} ms against {p99['nginx'] / 1000:.1f} ms")
    many = 1000 if not SMOKE else 100
    results = rounds(n, broadcast(many, 50, seconds), both)
    say(f"broadcast 1 → {many} at 50/s: µs CPU per delivery", results, "cpu_us", "≤ 0.45")
    for kind, values in results.items():
        lost = sum(v["expected"] - v["received"] for v in values)
        if lost:
            notes.append(f"broadcast at 50/s: {kind} lost {lost} deliveries")
    results = rounds(n, connect(4000 if not SMOKE else 200), both)
    say("connect: µs CPU, proxy + app server", results, "cpu_us", "≤ 40 µs")

    results = rounds(n, broadcast(many, 400 if not SMOKE else 50, seconds), ours)["trunkline"]
    rows.append((f"broadcast, 400/s × {many} offered: delivered", spread([100 * r["received"] / r["expected"] for r in results], 1) + " %",
                 "", "", "100 %"))
    notes.append(f"broadcast, 400/s × {many}: all of it within {statistics.median(r['seconds'] for r in results):.1f} s "
                 f"for {seconds:.0f} s of offers, p99 {statistics.median(r['p99_us'] for r in results) / 1000:.0f} ms")
    results = rounds(n, idle(min(10000, FILES - 500) if not SMOKE else 500), ours)["trunkline"]
    rows.append(("idle: bytes per client, proxy", spread([r["bytes"] for r in results], 0), "", "", "≤ 512"))
    for row in rows[-2:]:
        print("  ".join(row), flush=True)
    return rows, notes


def write_document(rows, notes, arguments):
    document = ROOT / "docs/benchmarks.md"
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    table = ["| what | trunkline + SDK | nginx + bare echo | ratio | goal |", "| --- | --- | --- | --- | --- |"]
    table += [f"| {' | '.join(row)} |" for row in rows]
    text = "\n".join([
        f"{datetime.date.today()}, commit {commit}, Linux {platform.release()}, {os.cpu_count()} cores, {arguments.rounds} "
        f"rounds of {arguments.seconds:g} s each, 64-byte messages: median (least–most).", "", *table, "",
        *(f"- {note}" for note in notes)])
    begin, end = "<!-- begin: tests/bench/run.py -->", "<!-- end -->"
    before, _, rest = document.read_text().partition(begin)
    document.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bin", type=pathlib.Path, help="directory of the programs; without it build/release is built")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=float, default=5)
parser.add_argument("--smoke", action="store_true", help="a few seconds of everything; writes nothing")
parser.add_argument("--no-document", action="store_true", help="do not write docs/benchmarks.md")
options = parser.parse_args()
SMOKE = options.smoke
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
BIN = options.bin.resolve() if options.bin else ROOT / "build/release/bin"
if not options.bin:
    subprocess.run(["cmake", "--preset", "release", "-DTRUNKLINE_BUILD_TESTS=ON"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "trunkline", "ws_bench", "bare_echo", "bench_app"],
                   cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
rows_, notes_ = run_all(options)
print("\n".join(notes_))
if not (SMOKE or options.no_document):
    write_document(rows_, notes_, options)
