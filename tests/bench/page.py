"""The generated part of docs/benchmarks.md: tables, and what they say in words."""
import statistics
import typing

from cells import Cell
from circumstances import line_of
from fronts import FRONTS
from measuring import QUIET_CORES
from verdict import Metric, ratio, standing

BEGIN, END = "<!-- begin: tests/bench/compare.sh -->", "<!-- end: tests/bench/compare.sh -->"
OURS, *RIVALS = FRONTS

CPU = Metric("cpu_us", "CPU per message", " µs", 1)
APP_CPU = Metric("app_us", "the app server's CPU per message", " µs", 1)
RATE = Metric("rate", "messages a second", "/s", 0, more_is_better=True)
DELIVERY_CPU = CPU._replace(what="CPU per delivery")
SHARE = Metric("share", "delivered", " %", 1, more_is_better=True)
P50, P99, P999 = (Metric(key, name, " ms", 2) for key, name in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")))
CONNECT_CPU = Metric("connect_us", "CPU per connect", " µs", 0)
CONNECT_RATE = Metric("connect_rate", "connects a second", "/s", 0, more_is_better=True)
PROXY_BYTES = Metric("proxy_bytes", "proxy's memory per idle client", " B", 0)
APP_BYTES = Metric("app_bytes", "app server's memory per idle client", " B", 0)


class Row(typing.NamedTuple):
    cell: Cell
    metric: Metric

    @property
    def label(self):
        return f"{self.cell.name}: {self.metric.what}"


class Table(typing.NamedTuple):
    title: str
    intro: str
    kinds: tuple  # of cells
    metrics: tuple
    chart: str = ""

    def rows(self, cells):
        of_kind = [cell for kind in self.kinds for cell in cells if cell.kind == kind]
        return [Row(cell, metric) for cell in of_kind for metric in self.metrics]


TABLES = [
    Table("CPU per message",
          "Proxy and app server together. In a closed loop each client has one message under way, and the machine is "
          "full.",
          ("echo", "rate"), (CPU,), "cpu.svg"),
    Table("The app server's share of it", "", ("echo", "rate"), (APP_CPU,)),
    Table("Messages a second, closed loop", "What the machine gives to proxy, app server and load tester together.",
          ("echo",), (RATE,)),
    Table("Latency at fixed rates", "From the time at which a message was due until its echo.",
          ("rate",), (P50, P99, P999), "latency.svg"),
    Table("Broadcast",
          "One message of the app server to all clients. Latency counts from the time for which its timer was set.",
          ("broadcast",), (DELIVERY_CPU, P50, P99)),
    Table("Fan-out under overload",
          "What share of the offered deliveries came, two seconds after the last offer at the latest, and how late they "
          "were.", ("overload",), (SHARE, P50, P99), "fan-out.svg"),
    Table("Connections",
          "128 handshakes under way at a time; CPU is that of proxy and app server. Memory is what is resident: the "
          "kernel's for sockets is not in it, of which a 1:1 proxy needs three for each client, counting the app "
          "server's, and trunkline one.",
          ("hold",), (CONNECT_RATE, CONNECT_CPU, PROXY_BYTES, APP_BYTES), "connections.svg"),
]


class Goal(typing.NamedTuple):
    row: Row
    against: typing.Optional[str]  # a ratio to this front, else the figure itself
    limit: float

    def line(self, saved):
        ours = values(saved, self.row, OURS)
        if self.against:
            reached = ratio(ours, values(saved, self.row, self.against))
            shown, limit = f"{reached:.2f} of {self.against}'s", f"≤ {self.limit:.2f}"
        else:
            reached = statistics.median(ours)
            shown, limit = self.row.metric.show(reached), f"≤ {self.row.metric.show(self.limit)}"
        is_met = reached <= self.limit
        if self.row.metric.more_is_better:
            limit, is_met = limit.replace("≤", "≥"), round(reached, self.row.metric.digits) >= self.limit
        return f"| {self.row.label} | {limit} | {shown} | {'yes' if is_met else '**no**'} |"


GOALS = [
    Goal(Row(Cell("echo", 100), CPU), "nginx", 0.50), Goal(Row(Cell("echo", 4000), CPU), "nginx", 0.40),
    Goal(Row(Cell("broadcast", 1000, 50), DELIVERY_CPU), "nginx", 0.45),
    Goal(Row(Cell("overload", 1000, 400), SHARE), None, 100),
    Goal(Row(Cell("hold", 9000), CONNECT_CPU), None, 40), Goal(Row(Cell("hold", 9000), PROXY_BYTES), None, 512),
]


def values(saved, row, front):
    return [figures[row.metric.key] for figures in saved[row.cell.name]["figures"][front]]


def is_disturbed(figures):
    return figures["others_cores"] > QUIET_CORES


def one_line(figures):
    shown = "  ".join(f"{key} {value:,.1f}" for key, value in figures.items()
                      if isinstance(value, (int, float)) and key not in ("others_cores", "attempts"))
    return f"{shown}  others {figures['others_cores']:.2f}{' DISTURBED' if is_disturbed(figures) else ''}"


def text(cells, saved):
    """All of it, of the cells that were measured."""
    parts = [header(saved)]
    goals = [goal.line(saved) for goal in GOALS if goal.row.cell in cells]
    if goals:
        parts += ["### Goals", "\n".join(["| what | goal | measured | met |", "| --- | --- | --- | --- |", *goals])]
    every_row = [row for table in TABLES for row in table.rows(cells)]
    parts += ["### Where trunkline is not clearly ahead", not_ahead(every_row, saved)]
    for table in TABLES:
        if rows := table.rows(cells):
            picture = f"![{table.title}](benchmarks/{table.chart})" if table.chart else ""
            parts += [f"### {table.title}", *filter(None, [table.intro, picture]), lines_of(rows, saved)]
    parts += ["### What was wrong with these runs", "\n".join(flaws(cells, saved)) or "Nothing."]
    return "\n\n".join(parts)


def header(saved):
    """What differs between parts that were measured at different times is said as often as it differs."""
    lines = [line_of(cell["circumstances"]) for cell in saved.values()]
    return "\n\n".join(dict.fromkeys(lines))


def lines_of(rows, saved):
    titles = ["what", *FRONTS, *(f"{OURS} : {rival}" for rival in RIVALS)]
    lines = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    for row in rows:
        rounds = saved[row.cell.name]["figures"]
        shown = [row.metric.spread(values(saved, row, front)) + "*" * any(map(is_disturbed, rounds[front]))
                 for front in FRONTS]
        ratios = [ratio(values(saved, row, OURS), values(saved, row, rival)) for rival in RIVALS]
        lines.append(f"| {' | '.join([row.label, *shown, *('–' if r is None else f'{r:.2f}' for r in ratios)])} |")
    return "\n".join(lines)


def not_ahead(rows, saved):
    """Each figure that is not clearly better, under the rival's name; the tables below have the spreads."""
    parts = []
    for rival in RIVALS:
        found = {"behind": [], "not clearly ahead": []}
        for row in rows:
            ours, theirs = values(saved, row, OURS), values(saved, row, rival)
            medians = [row.metric.show(statistics.median(rounds)) for rounds in (ours, theirs)]
            found.get(standing(row.metric, ours, theirs), []).append(f"- {row.label}: {medians[0]} against {medians[1]}")
        titles = {"behind": f"Behind {rival}:", "not clearly ahead": f"Not clearly ahead of {rival}, the spreads overlap:"}
        parts += ["\n".join([titles[where], "", *lines]) for where, lines in found.items() if lines]
    return "\n\n".join(parts) or "In none of these tables: no round of it was as bad as the best of the others."


def flaws(cells, saved):
    """What a reader has to know of single runs."""
    lines, remarks = [], {}
    for cell in cells:
        for front, rounds in saved[cell.name]["figures"].items():
            disturbed = [figures for figures in rounds if is_disturbed(figures)]
            if disturbed:
                worst = max(figures["others_cores"] for figures in disturbed)
                lines.append(f"- \\* {cell.name}, {front}: {len(disturbed)} of {len(rounds)} rounds stayed disturbed, "
                             f"by up to {worst:.2f} cores of others")
            for complaint in dict.fromkeys(c for figures in rounds for c in figures["complaints"]):
                lines.append(f"- {cell.name}, {front}: {complaint}")
            held = min((figures["rate"] for figures in rounds), default=0) if cell.kind == "rate" else cell.rate
            if held < 0.99 * cell.rate:
                lines.append(f"- {cell.name}, {front}: only {held:,.0f}/s were answered in a round")
            for remark in dict.fromkeys(without_figures(r) for figures in rounds for r in figures["remarks"]):
                remarks.setdefault(remark, {}).setdefault(cell.name, []).append(front)
    for remark, cells_of_it in remarks.items():
        where = "; ".join(f"{name} ({', '.join(fronts)})" for name, fronts in cells_of_it.items())
        lines.append(f"- {remark}, so what it says is partly its own: {where}")
    return lines


def without_figures(remark):
    return remark.partition("(")[0].partition(",")[0].strip()


def write_into(document, generated, begin=BEGIN, end=END):
    before, _, rest = document.read_text().partition(begin)
    document.write_text(f"{before}{begin}\n{generated}\n{end}{rest.partition(end)[2]}")
