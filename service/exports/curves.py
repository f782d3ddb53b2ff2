"""How curves are drawn, whoever draws them: median and band over seeds, log axes, few ticks."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis


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
        curves: The runs.
        above_zero: Whether positions of 0 are left out, as a log axis has no place for them.
    """
    rows = [row for row in _rows(curves) if row[0] > 0 or not above_zero]
    columns = tuple(zip(*rows, strict=True)) or ((), (), (), ())
    return Band(*columns)


def _rows(curves: Sequence[Curve]) -> Iterator[tuple[float, float, float, float]]:
    for epoch in sorted({epoch for curve in curves for epoch in curve.epochs}):
        places = [
            (at, loss)
            for curve in curves
            for own, at, loss in zip(curve.epochs, curve.at, curve.losses, strict=True)
            if own == epoch
        ]
        losses = [loss for _, loss in places if loss is not None]
        if losses:
            at = statistics.median(at for at, _ in places)
            yield at, min(losses), statistics.median(losses), max(losses)


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
