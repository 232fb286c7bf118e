"""One measurement of one cell behind one front, and how much the machine did beside it."""
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time

from support.environment import BIN
from support.processes import cpu_seconds

# Cores that others may use meanwhile before a measurement counts as disturbed: what an idle machine's own chores take.
QUIET_CORES = 0.1
ATTEMPTS = 3
# Threads of the kernel that take over from the processes what is left to do for their packets.
SOFT_INTERRUPTS = [comm.parent.name for comm in pathlib.Path("/proc").glob("[0-9]*/comm")
                   if comm.read_text().startswith("ksoftirqd/")]


def measure(cell, front_kind, seconds, at_most=ATTEMPTS):
    """The figures of the first undisturbed attempt, or of the least disturbed one."""
    attempts = []
    for _ in range(at_most):
        attempts.append(measure_once(cell, front_kind, seconds))
        if attempts[-1]["others_cores"] <= QUIET_CORES:
            break
    return {**min(attempts, key=lambda attempt: attempt["others_cores"]), "attempts": len(attempts)}


def measure_once(cell, front_kind, seconds):
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name:
        directory = pathlib.Path(name)
        front = front_kind(directory)
        try:
            if cell.kind == "hold":  # what the first hundred cost is the program's own: pools, blocks, arenas
                load(front, directory, ["idle", "--clients", 100, "--warm-up", "100ms", "--duration", "100ms"])
            others = Others(front)
            report = load(front, directory, cell.arguments(seconds))
            return {**cell.figures(report), "others_cores": others.cores(), "remarks": report["remarks"],
                    "complaints": cell.complaints(report)}
        finally:
            front.stop()


def load(front, directory, arguments):
    """What trunkline-load reports; that it could not run is an error."""
    path = directory / "report.json"
    pids = ",".join(map(str, front.pids()))
    command = [BIN / "trunkline-load", *arguments, f"ws://127.0.0.1:{front.proxy.port}/", "--pid", pids, "--json", path,
               "--quiet"]
    ended = subprocess.run([str(a) for a in command], capture_output=True, text=True, timeout=120)
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"{front.name}: {' '.join(map(str, command))}\n{ended.stderr}\n{front.proxy.log()}")
    return json.loads(path.read_text())


class Others:
    """How many cores others kept busy since it was made: what the machine was busy with that was neither the front, nor
    the load tester, nor we, nor the kernel's carrying of packets; and what the host took from it (steal)."""

    def __init__(self, front):
        self._front = front
        self._before = self._now()

    def _now(self):
        user, nice, system, _, _, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
        ticks = os.sysconf("SC_CLK_TCK")
        ours = self._front.cpu_seconds() + sum(map(cpu_seconds, SOFT_INTERRUPTS))
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            ours += usage.ru_utime + usage.ru_stime
        return time.monotonic(), (user + nice + system + irq + softirq) / ticks, steal / ticks, ours

    def cores(self):
        seconds, busy, steal, ours = (now - before for now, before in zip(self._now(), self._before))
        return (max(0, busy - ours) + steal) / seconds
