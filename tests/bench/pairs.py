#!/usr/bin/env python3
"""Two builds of trunkline against each other, in pairs: what did a change cost? The order within a pair changes.

    tests/bench/pairs.py BEFORE AFTER    directories of programs, each with trunkline and trunkline-load-app

The load is TRUNKLINE_BIN's trunkline-load. Prints a line for each pair, and a table for docs/benchmarks.md."""
import argparse
import pathlib
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from support import servers  # noqa: E402
from cells import Cell  # noqa: E402
from fronts import Trunkline  # noqa: E402
from measuring import measure  # noqa: E402

CELLS = [Cell("echo", 100), Cell("echo", 4000), Cell("broadcast", 1000, 50)]


def build_in(directory):
    """A front whose programs are those of this directory."""
    class Build(Trunkline):
        def __init__(self, scratch):
            servers.BIN = directory
            super().__init__(scratch)
    return Build


def spread(values, form="{:.2f}"):
    return f"{form} ({form}–{form})".format(statistics.median(values), min(values), max(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    builds = {"before": build_in(arguments.before.resolve()), "after": build_in(arguments.after.resolve())}
    cpu = {cell.name: {name: [] for name in builds} for cell in CELLS}
    for i in range(arguments.pairs):
        for cell in CELLS:
            for name in list(builds)[::-1 if i % 2 else 1]:
                cpu[cell.name][name].append(measure(cell, builds[name], arguments.seconds)["cpu_us"])
            before, after = (values[-1] for values in cpu[cell.name].values())
            print(f"{i + 1}/{arguments.pairs}  {cell.name:38} {before:6.2f} µs  {after:6.2f} µs  {after / before:.3f}", flush=True)
    print("\n| CPU per message | before, µs | after, µs | after / before |\n| --- | --- | --- | --- |")
    for name, values in cpu.items():
        ratios = [after / before for before, after in zip(values["before"], values["after"])]
        print(f"| {name} | {spread(values['before'])} | {spread(values['after'])} | {spread(ratios)} |")


if __name__ == "__main__":
    main()
