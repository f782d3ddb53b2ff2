"""How curves are drawn, whoever draws them: median and band over seeds, log axes, few ticks."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis

MOST_ROWS = 1_000
"""Of a curve, about: more make a file larger, and no picture better."""


@dataclass(frozen=True)
class Curve:
    """One run: an entry for each evaluation."""

    epochs: Sequence[int]
    at: Sequence[float]
    """Where each evaluation lies on the horizontal axis."""
    losses: Sequence[float | None]
    """None where the loss was not finite or not measured."""


@dataclass(frozen=True)
class Band:
    """Several runs together, an entry for each epoch."""

    at: tuple[float, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


def band(curves: Sequence[Curve], *, above_zero: bool) -> Band:
    """Over the runs, at each epoch: median position, lowest, median and highest loss.

    Args:
        curves: The runs; long ones are thinned out.
        above_zero: Whether positions of 0 are left out, as a log axis has no place for them.
    """
    rows = [row for row in _rows(curves) if row[0] > 0 or not above_zero]
    columns = tuple(zip(*thinned(rows, logarithmic=above_zero), strict=True)) or ((), (), (), ())
    return Band(*columns)


def _rows(curves: Sequence[Curve]) -> Iterator[tuple[float, float, float, float]]:
    places: dict[int, list[tuple[float, float | None]]] = defaultdict(list)
    for curve in curves:
        for epoch, at, loss in zip(curve.epochs, curve.at, curve.losses, strict=True):
            places[epoch].append((at, loss))
    for _, here in sorted(places.items()):
        losses = [loss for _, loss in here if loss is not None]
        if losses:
            at = statistics.median(at for at, _ in here)
            yield at, min(losses), statistics.median(losses), max(losses)


def thinned(rows: Sequence[tuple[float, ...]], *, logarithmic: bool) -> list[tuple[float, ...]]:
    """At most about a thousand rows: the ends, and the extremes of each stretch of the axis.

    Args:
        rows: A position first, then one height or several.
        logarithmic: Whether the stretches are equally wide on a log axis; positions are then
            above 0.
    """
    if len(rows) <= MOST_ROWS:
        return list(rows)
    at, *heights = zip(*rows, strict=True)
    places = [math.log(place) for place in at] if logarithmic else at
    first, stretches = min(places), MOST_ROWS // (2 * len(heights))
    width = (max(places) - first) / stretches or 1.0
    together: dict[int, list[int]] = defaultdict(list)
    for index, place in enumerate(places):
        together[int((place - first) / width)].append(index)
    kept = {0, len(rows) - 1}
    for own, height in product(together.values(), heights):
        kept |= {min(own, key=height.__getitem__), max(own, key=height.__getitem__)}
    return [rows[index] for index in sorted(kept)]


def draw_band(plot: Axes, shown: Band, colour: str, *, style: str = "-", label: str = "") -> None:
    """The line of the medians, and around it from the lowest to the highest loss."""
    if shown.at:
        plot.fill_between(shown.at, shown.low, shown.high, color=colour, alpha=0.2, linewidth=0)
        plot.plot(shown.at, shown.median, style, color=colour, linewidth=2, label=label or None)


def few_ticks(axis: Axis) -> None:
    """At most about seven labels on a log axis, in plain figures."""
    axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 3, 5), numticks=8))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
