"""trunkline, nginx and HAProxy in front of the same kind of app server, in turn. compare.sh builds what this needs.

The figures are kept in build/bench/results.json and docs/benchmarks.md is written from there, so that a part can be
measured anew: --only."""
import argparse
import json
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from support.environment import ROOT  # noqa: E402
import charts  # noqa: E402
import page  # noqa: E402
from cells import CELLS, SMOKE  # noqa: E402
from circumstances import circumstances  # noqa: E402
from fronts import FRONTS  # noqa: E402
from measuring import measure  # noqa: E402

RESULTS = ROOT / "build/bench/results.json"
DOCUMENT = ROOT / "docs/benchmarks.md"


def run_rounds(cells, rounds, seconds, **options):
    """`{cell: {front: [figures, …]}}`: round by round, cell by cell, front by front, so that what the machine does
    meanwhile happens to all of them. The front that begins changes."""
    results = {cell.name: {front: [] for front in FRONTS} for cell in cells}
    for i in range(rounds):
        order = list(FRONTS)[i % len(FRONTS):] + list(FRONTS)[:i % len(FRONTS)]
        for cell in cells:
            for front in order:
                figures = measure(cell, FRONTS[front], seconds, **options)
                results[cell.name][front].append(figures)
                print(f"{i + 1}/{rounds}  {cell.name:38} {front:10}", page.one_line(figures), flush=True)
    return results


def save(cells, results, arguments):
    """Beside what was measured before: only what was measured now is replaced."""
    saved = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    now = circumstances(arguments.rounds, arguments.seconds, FRONTS.values())
    saved.update({cell.name: {"figures": results[cell.name], "circumstances": now} for cell in cells})
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(saved, indent=1) + "\n")
    return saved


def smoke():
    """Everything once, for a moment: does it still run, is nothing lost, and can the page be drawn?"""
    results = run_rounds(SMOKE, 1, 0.2, at_most=1)
    for cell in SMOKE:
        for front, figures in results[cell.name].items():
            assert not figures[0]["complaints"], (cell.name, front, figures[0]["complaints"])
    now = circumstances(1, 0.2, FRONTS.values())
    saved = {name: {"figures": by_front, "circumstances": now} for name, by_front in results.items()}
    with tempfile.TemporaryDirectory() as directory:
        print(page.text(SMOKE, saved))
        charts.draw(SMOKE, saved, pathlib.Path(directory))


def main():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cells whose name has this in it")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from what was measured")
    parser.add_argument("--smoke", action="store_true", help="a few seconds of everything; writes nothing")
    arguments = parser.parse_args()
    if arguments.smoke:
        return smoke()
    cells = [] if arguments.page else [cell for cell in CELLS if arguments.only in cell.name]
    saved = save(cells, run_rounds(cells, arguments.rounds, arguments.seconds), arguments)
    measured = [cell for cell in CELLS if cell.name in saved]
    charts.draw(measured, saved, DOCUMENT.parent / "benchmarks")
    page.write_into(DOCUMENT, page.text(measured, saved))


main()
