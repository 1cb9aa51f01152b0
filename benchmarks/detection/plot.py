"""Draws docs/detection.png: python plot.py RESULTS OUTPUT, in an environment that has matplotlib."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt  # the line above says how it draws
from summary import CLASSES, LARGE, at_once, detectors_of, false_alarms, sizes_of

COLOURS = ("#1a5fb4", "#99c1f1", "#c64600", "#986a44", "#613583")
INFINITY = float("inf")


def draw(results: dict, output: Path) -> None:
    """Three pictures side by side, with one legend."""
    figure, (silent, large, found) = plt.subplots(1, 3, figsize=(13, 4.2), dpi=110)
    names = detectors_of(results)
    for name, colour in zip(names, COLOURS, strict=False):
        style = {"color": colour, "marker": "o", "label": name, "linewidth": 1.8, "markersize": 4}
        _line(
            silent,
            [
                (n, _thousandths(false_alarms(results["steady"], name, size=n)))
                for n in sizes_of(results["steady"])
            ],
            style,
        )
        sizes = sizes_of(results["shifts"])
        _line(
            large,
            [(n, _percent(at_once(results["shifts"], name, (LARGE, INFINITY), size=n))) for n in sizes],
            style,
        )
        _line(
            found,
            [
                (i, _percent(at_once(results["shifts"], name, psi, size=1000)))
                for i, psi in enumerate(CLASSES)
            ],
            style,
        )
    silent.set(
        title="No shift: false alarms", xlabel="records in a window", ylabel="per 1,000 columns' windows"
    )
    silent.set_yscale("symlog", linthresh=1)
    silent.set_ylim(-0.1, 1000)
    silent.axhline(1, color="#5e5c64", linestyle=":", linewidth=1)
    large.set(title=f"Shifts of PSI {LARGE} and more", xlabel="records in a window", ylabel="% found at once")
    found.set(title="Shifts, windows of 1,000", xlabel="true PSI", ylabel="% found at once")
    found.set_xticks(
        range(len(CLASSES)), [f"{a:g} up" if b == INFINITY else f"{a:g} to {b:g}" for a, b in CLASSES]
    )
    for axes in (silent, large):
        axes.set_xscale("log")
    for axes in (large, found):
        axes.set_ylim(-3, 103)
    for axes in (silent, large, found):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = silent.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(names), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(output, metadata={"Software": None})


def _line(axes: object, points: list, style: dict) -> None:
    there = [(x, y) for x, y in points if y is not None]
    axes.plot([x for x, _ in there], [y for _, y in there], **style)


def _thousandths(rate: object) -> float | None:
    return None if rate.share is None else 1000 * rate.share


def _percent(rate: object) -> float | None:
    return None if rate.share is None else 100 * rate.share


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
