"""What `linger` costs and gives: trunkline with several values of it, on both sides, and nginx, in turn at fixed rates.
compare.sh --linger builds what this needs. Writes its table into docs/benchmarks.md."""
import argparse
import pathlib
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from support.environment import ROOT  # noqa: E402
import page  # noqa: E402
from cells import Cell  # noqa: E402
from circumstances import circumstances, line_of  # noqa: E402
from fronts import Nginx, Trunkline  # noqa: E402
from measuring import measure  # noqa: E402

DOCUMENT = ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- begin: tests/bench/compare.sh --linger -->", "<!-- end: tests/bench/compare.sh --linger -->"
LINGERS_US = [0, 200, 1000, 5000]
CELLS = [Cell("rate", clients, rate) for rate in (5000, 20000) for clients in (1000, 4000)]
SMOKE = [Cell("rate", 20, 500)]


def lingering(microseconds):
    """A front whose proxy and app server both linger for so long."""
    class Lingering(Trunkline):
        name = f"linger {microseconds / 1000:g} ms"
        if microseconds:
            app_arguments = ["--linger-us", microseconds]
            upstream = {"linger": f"{microseconds}us"}
    return Lingering


FRONTS = [*map(lingering, LINGERS_US), Nginx]


def run_rounds(cells, rounds, seconds, **options):
    """`{cell: {front: [figures, …]}}`: the front that begins changes from round to round."""
    results = {cell.name: {front.name: [] for front in FRONTS} for cell in cells}
    for i in range(rounds):
        for cell in cells:
            for front in FRONTS[i % len(FRONTS):] + FRONTS[:i % len(FRONTS)]:
                figures = measure(cell, front, seconds, **options)
                results[cell.name][front.name].append(figures)
                print(f"{i + 1}/{rounds}  {cell.name:38} {front.name:14}", page.one_line(figures), flush=True)
    return results


def spread(values, digits):
    return "{0:.{3}f} ({1:.{3}f}–{2:.{3}f})".format(statistics.median(values), min(values), max(values), digits)


def table(results):
    lines = ["| what | who | CPU per message, µs | to nginx's | the app server's, µs | p50, ms | p99, ms |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for cell, by_front in results.items():
        for front, rounds in by_front.items():
            ratios = [ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in zip(rounds, by_front[Nginx.name])]
            figures = [spread([figures[key] for figures in rounds], digits)
                       for key, digits in (("cpu_us", 1), ("app_us", 1), ("p50", 2), ("p99", 2))]
            lines.append(f"| {cell} | {front} | {figures[0]} | {statistics.median(ratios):.2f} | {' | '.join(figures[1:])} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="compare.sh --linger", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cells whose name has this in it; writes nothing")
    parser.add_argument("--smoke", action="store_true", help="a moment of everything; writes nothing")
    arguments = parser.parse_args()
    if arguments.smoke:
        results = run_rounds(SMOKE, 1, 0.2, at_most=1)
        for by_front in results.values():
            for front, (figures,) in by_front.items():
                assert not figures["complaints"], (front, figures["complaints"])
        return print(table(results))
    cells = [cell for cell in CELLS if arguments.only in cell.name]
    text = table(run_rounds(cells, arguments.rounds, arguments.seconds))
    print(text)
    if not arguments.only:
        now = circumstances(arguments.rounds, arguments.seconds, [Trunkline, Nginx])
        page.write_into(DOCUMENT, f"{line_of(now)}\n\n{text}", BEGIN, END)


main()
