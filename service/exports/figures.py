"""The curves of a comparison as SVG text that stands inside a page."""

import re
import statistics
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import StringIO

import matplotlib
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring.targets import position

_INK = "#010203"
"""Stands for the page's own text colour, so that figures follow light and dark."""
_LABELS = {
    Outcome.EPOCHS: "epochs",
    Outcome.STEPS: "optimizer steps",
    Outcome.TRAINING_SECONDS: "training seconds",
}
_ONE_AT_A_TIME = threading.Lock()
"""Matplotlib's settings belong to the process; a web server draws from several threads."""


@dataclass(frozen=True)
class _Axes:
    """What is drawn against what."""

    x: Outcome
    y: Metric

    @property
    def logarithmic(self) -> bool:
        """Whether x has a log axis, on which 0 has no place."""
        return self.x is not Outcome.EPOCHS

    def place(self, point: MetricPoint) -> tuple[float, float | None]:
        """Where an evaluation lies; no height where its loss is not finite or not measured."""
        return position(point, self.x), point.value(self.y)


@dataclass(frozen=True)
class _Band:
    """One contender's curve over its seeds, an entry for each epoch."""

    at: tuple[float, ...]
    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


def loss_figure(
    results: ComparisonResults,
    problem: str,
    axis: Outcome,
    *,
    metric: Metric,
    colours: Mapping[str, str],
    target: float | None,
) -> str | None:
    """The loss of the finals on one problem: the median over seeds with min and max.

    Args:
        results: The comparison's trials.
        problem: The problem.
        axis: What the loss is drawn against; seconds and steps on a log axis, where a ratio is a
            distance.
        metric: The loss that decides.
        colours: The contenders' colours, in the order of the legend.
        target: The loss that counts as reached, drawn as a line.

    Returns:
        An ``<svg>`` element, or None where no run of the finals has a curve.
    """
    finals = [
        trial
        for trial in results.trials
        if trial.kind is StudyKind.FINALS and trial.problem == problem and trial.points
    ]
    if not finals:
        return None
    axes = _Axes(axis, metric)
    with _ONE_AT_A_TIME, _style(salt=f"{problem} {axis}"):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        plot = figure.subplots()
        for name, colour in colours.items():
            own = [trial for trial in finals if trial.contender == name]
            _draw(plot, own, axes, (name, colour))
        _dress(plot, axes, finals, target)
        return _inline(figure)


def _style(*, salt: str) -> AbstractContextManager[None]:
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": salt,
            "font.family": "sans-serif",
            "font.size": 11,
            "text.color": _INK,
            "axes.labelcolor": _INK,
            "axes.edgecolor": _INK,
            "xtick.color": _INK,
            "ytick.color": _INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )


def _draw(plot: Axes, trials: Sequence[TrialResult], axes: _Axes, look: tuple[str, str]) -> None:
    name, colour = look
    finished = [trial for trial in trials if trial.state is not TrialState.DIVERGED]
    band = _band([trial.points for trial in finished], axes)
    if band.at:
        plot.fill_between(band.at, band.low, band.high, color=colour, alpha=0.2, linewidth=0)
        label = f"{name} ({len(finished)})"
        plot.plot(band.at, band.median, color=colour, linewidth=2, label=label)
    for trial in trials:
        if trial.state is TrialState.DIVERGED:
            _draw_diverged(plot, trial, axes, colour)


def _draw_diverged(plot: Axes, trial: TrialResult, axes: _Axes, colour: str) -> None:
    """A dotted line that ends in a cross."""
    places = [axes.place(point) for point in trial.points]
    shown = [
        (at, loss) for at, loss in places if loss is not None and (at > 0 or not axes.logarithmic)
    ]
    if shown:
        at, losses = zip(*shown, strict=True)
        plot.plot(at, losses, ":x", color=colour, markevery=[-1], linewidth=1)


def _band(curves: Sequence[Sequence[MetricPoint]], axes: _Axes) -> _Band:
    """Over the seeds, at each epoch: median position, lowest, median and highest loss."""
    rows = [row for row in _rows(curves, axes) if row[0] > 0 or not axes.logarithmic]
    columns = tuple(zip(*rows, strict=True)) or ((), (), (), ())
    return _Band(*columns)


def _rows(
    curves: Sequence[Sequence[MetricPoint]], axes: _Axes
) -> Iterator[tuple[float, float, float, float]]:
    for epoch in sorted({point.epoch for curve in curves for point in curve}):
        places = [axes.place(point) for curve in curves for point in curve if point.epoch == epoch]
        losses = [loss for _, loss in places if loss is not None]
        if losses:
            at = statistics.median(at for at, _ in places)
            yield at, min(losses), statistics.median(losses), max(losses)


def _dress(plot: Axes, axes: _Axes, finals: Sequence[TrialResult], target: float | None) -> None:
    losses = [axes.place(point)[1] for trial in finals for point in trial.points]
    if all(loss is None or loss > 0 for loss in losses):
        plot.set_yscale("log")
        _few_ticks(plot.yaxis)
    if axes.logarithmic:
        plot.set_xscale("log")
        _few_ticks(plot.xaxis)
    if target is not None:
        plot.axhline(target, color=_INK, linewidth=1, linestyle="--", alpha=0.6)
        plot.annotate(
            f"target {target:.4g}",
            (1, target),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=9,
        )
    plot.set_xlabel(_LABELS[axes.x])
    plot.set_ylabel(axes.y.words)
    plot.grid(visible=True, which="major", color=_INK, alpha=0.12)
    if plot.get_legend_handles_labels()[0]:
        plot.legend(frameon=False)


def _few_ticks(axis: Axis) -> None:
    """At most about seven labels on a log axis, in plain figures."""
    axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 3, 5), numticks=8))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def _inline(figure: Figure) -> str:
    """The figure as an element that names nothing outside the page."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.replace(_INK, "currentColor")
