#!/usr/bin/env python3
"""The two runs that dotNetify published for its proxies, repeated with the same shape and with ten times the clients: a
broadcast to two proxies with 1,000 clients each, every 3 s, and a chat over two proxies with 500 clients each in 10
rooms, five minutes each. Fails if trunkline-load's ledger finds anything missing. Prints a table and, unless told
otherwise, writes it into docs/benchmarks.md.

    tests/bench/published_runs.py                      builds build/release, takes 22 minutes
    tests/bench/published_runs.py --seconds 20         shorter, and writes nothing
    tests/bench/published_runs.py --smoke --bin DIR    a moment of everything: does it still run
"""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLISHED_SECONDS = 300


@dataclasses.dataclass
class Shape:
    name: str
    proxies: int
    arguments: list  # of trunkline-load
    shards: int = 1

    def clients(self):
        return int(self.arguments[self.arguments.index("--clients") + 1])


RUNS = [
    Shape("broadcast, every 3 s", 2, ["broadcast", "--clients", "2000", "--interval", "3s"]),
    Shape("chat, 10 rooms", 2, ["chat", "--clients", "1000", "--rooms", "10"]),
    Shape("broadcast, every 3 s, ten times the clients", 4, ["broadcast", "--clients", "20000", "--interval", "3s"], shards=2),
    Shape("chat, 10 rooms, ten times the clients", 4, ["chat", "--clients", "10000", "--rooms", "10"], shards=2),
]
SMOKE = [
    Shape("broadcast", 2, ["broadcast", "--clients", "40", "--interval", "100ms", "--warm-up", "100ms"], shards=2),
    Shape("chat", 2, ["chat", "--clients", "40", "--interval", "20ms", "--rooms", "2", "--warm-up", "100ms"]),
]


def run(shape, seconds, directory):
    """The report of trunkline-load, and the command."""
    app = AppServer("app", directory, f"unix://{directory}/app.sock", "trunkline-load-app")
    proxies = [Proxy(f"proxy-{i}", directory, {
        "workers": 1, "drain_timeout": "100ms", "upstreams": {"app": {"app_servers": [app.address]}},
        "routes": [{"path": "/*", "upstream": "app"}], "log": {"level": "warn"}}) for i in range(shape.proxies)]
    try:
        for proxy in proxies:
            proxy.wait_until_ready()
        command = ["trunkline-load", *shape.arguments, "--duration", f"{seconds:g}s"]
        command += ["--shards", str(shape.shards)] if shape.shards > 1 else []
        path = directory / "report.json"
        here = ["--pid", ",".join(str(p.pid) for p in [app, *proxies]), "--json", path, *(p.url() for p in proxies)]
        done = subprocess.run([BIN / command[0], *command[1:], *map(str, here)], capture_output=True, text=True,
                              timeout=seconds * 2 + 120)
        if not path.exists():
            raise SystemExit(f"{' '.join(command)} could not run:\n{done.stderr}")
        print(done.stdout, flush=True)
        return json.loads(path.read_text()), " ".join(command)
    finally:
        for process in reversed([app, *proxies]):
            process.stop()


def row(shape, report):
    ledger, latency = report["ledger"], report["latency"]
    wrong = sum(ledger[k] for k in ("doubled", "out_of_order", "misdelivered", "stranded"))
    cores = report["cpu_us_per_message"] * report["rate"] / 1e6
    milliseconds = " / ".join(f"{latency[k] / 1000:.1f}" for k in ("p50_us", "p99_us", "max_us"))
    return (f"| {shape.name} | {shape.proxies} × {shape.clients() // shape.proxies:,} | {ledger['expected']:,} | {ledger['missing']:,} | "
            f"{wrong} | {report['rate']:,.0f} | {milliseconds} | {100 * cores:.1f} % |")


def write_document(lines):
    document = ROOT / "docs/benchmarks.md"
    begin, end = "<!-- begin: tests/bench/published_runs.py -->", "<!-- end: tests/bench/published_runs.py -->"
    before, _, rest = document.read_text().partition(begin)
    text = "\n".join(lines)
    document.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bin", type=pathlib.Path, help="directory of the programs; without it build/release is built")
parser.add_argument("--seconds", type=float, default=PUBLISHED_SECONDS)
parser.add_argument("--smoke", action="store_true", help="a moment of everything")
parser.add_argument("--only", default="", help="those with this in their name; writes nothing")
options = parser.parse_args()
if not options.bin:
    programs = ["trunkline", "trunkline-load", "trunkline-load-app"]
    subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", *programs], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
os.environ["TRUNKLINE_BIN"] = str(options.bin or ROOT / "build/release/bin")
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.dont_write_bytecode = True
from support.environment import BIN  # noqa: E402
from support.servers import AppServer, Proxy  # noqa: E402

SECONDS = 1 if options.smoke else options.seconds
commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
table = [
    f"{datetime.date.today()}, commit {commit}, Linux {platform.release()}, {os.cpu_count()} cores, {SECONDS:g} s each.", "",
    "| run | proxies × clients | deliveries expected | missing | doubled, out of order, misdelivered, stranded | per second | "
    "latency p50 / p99 / max, ms | CPU of proxies and app server, of one core |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |"]
commands, complaints = [], []
for shape_ in SMOKE if options.smoke else RUNS:
    if options.only not in shape_.name:
        continue
    with tempfile.TemporaryDirectory(prefix="trunkline-published-") as directory_:
        report_, command_ = run(shape_, SECONDS, pathlib.Path(directory_))
    table.append(row(shape_, report_))
    commands.append(f"{command_} ws://PROXY/ …")
    complaints += [f"{shape_.name}: {complaint}" for complaint in report_["complaints"]]
table += ["", "```sh", *commands, "```"]
print("\n".join(table))
if complaints:
    sys.exit("\n".join(complaints))
if not options.smoke and not options.only and SECONDS == PUBLISHED_SECONDS:
    write_document(table)
