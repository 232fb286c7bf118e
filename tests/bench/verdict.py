"""What the figures of several rounds say, without a person between them and the words."""
import statistics
import typing


class Metric(typing.NamedTuple):
    key: str       # of a measurement's figures
    what: str
    unit: str
    digits: int
    more_is_better: bool = False

    def show(self, value):
        return f"{value:,.{self.digits}f}{self.unit}"

    def spread(self, values):
        """Median (least–most)."""
        least, most = (f"{value:,.{self.digits}f}" for value in (min(values), max(values)))
        return f"{self.show(statistics.median(values))} ({least}–{most})"


def ratio(ours, theirs):
    """Round by round, for what the machine does happens to both; nothing where the clock of CPU time did not move."""
    ratios = [a / b for a, b in zip(ours, theirs) if b > 0]
    return statistics.median(ratios) if ratios else None


def standing(metric, ours, theirs):
    """`ahead` and `behind` are clear: no round of the one was as good as any of the other."""
    if metric.more_is_better:
        ours, theirs = [-value for value in ours], [-value for value in theirs]
    if max(ours) < min(theirs):
        return "ahead"
    return "behind" if min(ours) > max(theirs) else "not clearly ahead"
