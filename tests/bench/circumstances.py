"""When, with what and where figures were measured."""
import datetime
import os
import platform
import subprocess

from support.environment import ROOT
from fronts import version


def circumstances(rounds, seconds, fronts):
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {"date": str(datetime.date.today()), "commit": git.stdout.strip() or "unknown", "kernel": platform.release(),
            "cores": os.cpu_count(), "rounds": rounds, "seconds": seconds,
            "versions": [version(front) for front in fronts]}


def line_of(c):
    return (f"{c['date']}, commit {c['commit']}, Linux {c['kernel']}, {c['cores']} cores, {', '.join(c['versions'])}; "
            f"{c['rounds']} rounds of {c['seconds']:g} s for each figure, 64-byte messages: median (least–most).")
