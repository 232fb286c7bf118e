"""What the page says of figures that were made up: words must follow from numbers, also those that do not flatter."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import page  # noqa: E402
from cells import CELLS, Cell  # noqa: E402
from verdict import Metric, ratio, standing  # noqa: E402

LESS = Metric("cpu_us", "CPU", " µs", 1)
MORE = Metric("rate", "rate", "/s", 0, more_is_better=True)
CIRCUMSTANCES = {"date": "2026-01-01", "commit": "abc", "kernel": "6", "cores": 2, "versions": ["trunkline 1"],
                 "rounds": 3, "seconds": 3}
ECHO = Cell("echo", 100)


def rounds(*cpu, others=0.0, complaints=(), remarks=()):
    return [{"cpu_us": one, "app_us": 1.0, "rate": 1000.0, "others_cores": others, "complaints": list(complaints),
             "remarks": list(remarks)} for one in cpu]


def saved(trunkline, nginx, haproxy):
    figures = {"trunkline": trunkline, "nginx": nginx, "HAProxy": haproxy}
    return {ECHO.name: {"figures": figures, "circumstances": CIRCUMSTANCES}}


class Verdict(unittest.TestCase):
    def test_ahead_and_behind_are_clear(self):
        for metric, ours, theirs, expected in (
                (LESS, [1, 2, 3], [4, 5, 6], "ahead"),
                (LESS, [4, 5, 6], [1, 2, 3], "behind"),
                (LESS, [1, 2, 4], [4, 5, 6], "not clearly ahead"),
                (LESS, [3, 3, 5], [4, 4, 4], "not clearly ahead"),
                (MORE, [4, 5, 6], [1, 2, 3], "ahead"),
                (MORE, [1, 2, 3], [4, 5, 6], "behind"),
                (MORE, [100, 100], [100, 100], "not clearly ahead")):
            with self.subTest(metric=metric.key, ours=ours, theirs=theirs):
                self.assertEqual(standing(metric, ours, theirs), expected)

    def test_a_ratio_is_of_rounds_not_of_medians(self):
        self.assertEqual(ratio([1, 20, 3], [2, 40, 3]), 0.5)
        self.assertIsNone(ratio([1], [0]))


class Page(unittest.TestCase):
    def text(self, *fronts):
        return page.text([ECHO], saved(*fronts))

    def section(self, text, title):
        return text.partition(f"### {title}\n")[2].partition("\n###")[0]

    def not_ahead(self, *fronts):
        return self.section(self.text(*fronts), "Where trunkline is not clearly ahead")

    def test_says_where_it_is_not_ahead_and_where_it_is_behind(self):
        said = self.not_ahead(rounds(8, 9, 10), rounds(9.5, 20, 21), rounds(1, 2, 3))
        nginx, _, haproxy = said.partition("Behind HAProxy:")
        self.assertIn("Not clearly ahead of nginx, the spreads overlap:", nginx)
        self.assertIn("- echo, closed loop, 100 clients: CPU per message: 9.0 µs against 20.0 µs", nginx)
        self.assertIn("- echo, closed loop, 100 clients: CPU per message: 9.0 µs against 2.0 µs", haproxy)

    def test_says_nothing_of_it_where_it_is_ahead(self):
        said = self.not_ahead(rounds(8, 9, 10), rounds(19, 20, 21), rounds(19, 20, 21))
        self.assertNotIn("100 clients: CPU per message", said)

    def test_a_goal_is_met_or_not(self):
        self.assertIn("| ≤ 0.50 | 0.45 of nginx's | yes |", self.text(rounds(9), rounds(20), rounds(20)))
        self.assertIn("| ≤ 0.50 | 0.55 of nginx's | **no** |", self.text(rounds(11), rounds(20), rounds(20)))

    def test_marks_what_stayed_disturbed_and_what_was_lost(self):
        text = self.text(rounds(9, others=0.3), rounds(20, complaints=["3 messages are missing"]),
                         rounds(20, remarks=["the load tester itself was busy (97 % of a core): ..."]))
        self.assertIn("| 9.0 µs (9.0–9.0)* | 20.0 µs (20.0–20.0) |", text)
        flaws = self.section(text, "What was wrong with these runs")
        self.assertIn("trunkline: 1 of 1 rounds stayed disturbed, by up to 0.30 cores of others", flaws)
        self.assertIn("nginx: 3 messages are missing", flaws)
        self.assertIn("the load tester itself was busy", flaws)
        self.assertIn("(HAProxy)", flaws)

    def test_only_its_own_part_of_the_document_is_written(self):
        with tempfile.TemporaryDirectory() as directory:
            document = pathlib.Path(directory) / "page.md"
            document.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
            page.write_into(document, "new")
            self.assertEqual(document.read_text(), f"before\n{page.BEGIN}\nnew\n{page.END}\nafter\n")

    def test_every_goal_has_a_cell(self):
        for goal in page.GOALS:
            self.assertIn(goal.row.cell, CELLS)


if __name__ == "__main__":
    unittest.main()
