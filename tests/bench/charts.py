"""The charts of docs/benchmarks.md: medians, with the spread of the rounds as bars."""
import statistics

import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from fronts import FRONTS  # noqa: E402

COLOURS = dict(zip(FRONTS, ("#0072b2", "#009e73", "#d55e00")))  # told apart by the colour-blind, too
plt.rcParams.update({"svg.hashsalt": "trunkline", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
                     "axes.grid": True, "grid.color": "#dddddd", "axes.axisbelow": True, "axes.spines.top": False,
                     "axes.spines.right": False})


def draw(cells, saved, directory):
    """Those of which something was measured."""
    directory.mkdir(parents=True, exist_ok=True)
    kinds = {cell.kind for cell in cells}
    charts = {"cpu": ("echo", draw_cpu), "latency": ("rate", draw_latency), "fan-out": ("overload", draw_fan_out),
              "connections": ("hold", draw_connections)}
    for name, (kind, draw_one) in charts.items():
        if kind in kinds:
            draw_one(cells, saved, directory / f"{name}.svg")


def rates_of(cells):
    return sorted({cell.rate for cell in cells if cell.kind == "rate"})


def at_rate(cells, messages):
    return [cell for cell in cells if cell.kind == "rate" and cell.rate == messages]


def panels(count, width=3.6):
    figure, axes = plt.subplots(1, count, figsize=(width * count, 3.2), squeeze=False)
    return figure, axes[0]


def line(axis, cells, saved, front, key, x, style="-", label=None):
    rounds = [[figures[key] for figures in saved[cell.name]["figures"][front]] for cell in cells]
    medians = [statistics.median(values) for values in rounds]
    spread = [[m - min(v) for m, v in zip(medians, rounds)], [max(v) - m for m, v in zip(medians, rounds)]]
    axis.errorbar([x(cell) for cell in cells], medians, spread, color=COLOURS[front], linestyle=style, marker="o",
                  markersize=4, capsize=3, label=label or front)


def categories(axis, cells, x, label):
    """A logarithmic axis that says just what was measured."""
    axis.set_xscale("log")
    axis.set_xticks([x(cell) for cell in cells], [f"{x(cell):,}" for cell in cells])
    axis.minorticks_off()
    axis.set_xlabel(label)


def clients(cell):
    return cell.clients


def rate(cell):
    return cell.rate


def finish(figure, path):
    """One legend for all panels, above them; bars that carry their names have none."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="upper center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.92 if handles else 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_cpu(cells, saved, path):
    groups = [("closed loop", [cell for cell in cells if cell.kind == "echo"])]
    groups += [(f"{r:,} messages/s", at_rate(cells, r)) for r in rates_of(cells)]
    figure, axes = panels(len(groups))
    for axis, (title, group) in zip(axes, groups):
        for front in FRONTS:
            line(axis, group, saved, front, "cpu_us", clients)
        axis.set_title(title)
        categories(axis, group, clients, "clients")
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("µs of CPU per message")
    finish(figure, path)


def draw_latency(cells, saved, path):
    figure, axes = panels(len(rates_of(cells)), 5)
    for axis, r in zip(axes, rates_of(cells)):
        group = at_rate(cells, r)
        for front in FRONTS:
            line(axis, group, saved, front, "p50", clients, ":", f"{front} p50")
            line(axis, group, saved, front, "p99", clients, "-", f"{front} p99")
        axis.set_title(f"{r:,} messages/s")
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        categories(axis, group, clients, "clients")
    axes[0].set_ylabel("ms")
    finish(figure, path)


def draw_fan_out(cells, saved, path):
    group = [cell for cell in cells if cell.kind == "overload"]
    figure, (shares, lateness) = panels(2, 5)
    for front in FRONTS:
        line(shares, group, saved, front, "share", rate)
        line(lateness, group, saved, front, "p99", rate)
    for axis in (shares, lateness):
        categories(axis, group, rate, "broadcasts offered per second")
    shares.set_ylabel("% delivered")
    shares.set_ylim(0, 105)
    lateness.set_ylabel("p99, ms")
    lateness.set_yscale("log")
    lateness.yaxis.set_major_formatter("{x:g}")
    finish(figure, path)


def draw_connections(cells, saved, path):
    held = next(cell for cell in cells if cell.kind == "hold")
    figures = [("connect_us", "µs of CPU per connect", 1), ("proxy_bytes", "proxy: KB per idle client", 1000),
               ("app_bytes", "app server: KB per idle client", 1000)]
    figure, axes = panels(len(figures))
    for axis, (key, title, unit) in zip(axes, figures):
        rounds = saved[held.name]["figures"]
        medians = {front: statistics.median(figures[key] / unit for figures in rounds[front]) for front in FRONTS}
        bars = axis.bar(medians.keys(), medians.values(), color=COLOURS.values(), width=0.6)
        axis.bar_label(bars, [f"{value:.3g}" for value in medians.values()])
        axis.set_title(title)
        axis.grid(axis="x", visible=False)
        axis.margins(y=0.15)
    finish(figure, path)
