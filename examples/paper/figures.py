"""A figure for each comparison: training loss against epochs and against training seconds."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.paper.outcomes import Outcome, Run
from examples.paper.published import TRAIN_LOSS
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.exports.palette import contender_colours

INCHES = (10.0, 4.2)
PNG_DPI = 150
Band = tuple[float, float, float, float, float]
"""Epoch, median seconds, lowest, median and highest loss."""


def draw(outcome: Outcome, folder: Path) -> tuple[Path, ...]:
    """Write ``NAME.svg`` and ``NAME.png``; nothing where no run has a curve.

    Each method has its median over the seeds and a band from the lowest to the highest loss.
    A method without finals shows the best run of its search, dashed.
    """
    spec = outcome.spec
    if spec is None or not any(outcome.shown(one.label) for one in spec.contenders):
        return ()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": outcome.name}):
        figure = _figure(outcome, spec)
        paths = tuple(folder / f"{outcome.name}.{kind}" for kind in ("svg", "png"))
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(path, dpi=PNG_DPI, metadata=metadata)
    return paths


def _figure(outcome: Outcome, spec: ComparisonSpec) -> Figure:
    figure = Figure(figsize=INCHES, layout="constrained", facecolor="white")
    by_epoch, by_second = figure.subplots(1, 2, sharey=True)
    colours = contender_colours({one.label: one.optimizer for one in spec.contenders})
    for name, colour in colours.items():
        runs = outcome.shown(name)
        band = list(_band([run for run in runs if run.state is not TrialState.DIVERGED]))
        style = "--" if any(run.kind is StudyKind.TUNING for run in runs) else "-"
        _draw_band(by_epoch, [(row[0], *row[2:]) for row in band], colour, style)
        _draw_band(by_second, [row[1:] for row in band if row[1] > 0], colour, style)
        if band:
            by_epoch.plot([], [], style, color=colour, linewidth=2, label=_label(name, runs))
    for problem in spec.problems:
        _draw_published(by_epoch, spec, colours, TRAIN_LOSS.get(problem, {}))
    _dress(by_epoch, by_second)
    figure.suptitle(spec.name, fontsize=11)
    return figure


def _band(runs: Sequence[Run]) -> Iterator[Band]:
    for epoch in sorted({epoch for run in runs for epoch in run.epochs}):
        there = [(run, run.epochs.index(epoch)) for run in runs if epoch in run.epochs]
        losses = [loss for run, at in there if (loss := run.losses[at]) is not None]
        if losses:
            seconds = statistics.median(run.seconds[at] for run, at in there)
            yield epoch, seconds, min(losses), statistics.median(losses), max(losses)


def _draw_band(
    axes: Axes, rows: Sequence[tuple[float, float, float, float]], colour: str, style: str
) -> None:
    if rows:
        at, low, median, high = zip(*rows, strict=True)
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(at, median, style, color=colour, linewidth=2)


def _label(name: str, runs: Sequence[Run]) -> str:
    if any(run.kind is StudyKind.TUNING for run in runs):
        return f"{name} (search)"
    return f"{name} ({len(runs)})"


def _draw_published(
    axes: Axes,
    spec: ComparisonSpec,
    colours: Mapping[str, str],
    published: Mapping[str, Mapping[int, float]],
) -> None:
    """The authors' figures as crosses, with the weight decay that is in them."""
    for contender in spec.contenders:
        figures = published.get(contender.optimizer)
        if figures:
            axes.plot(
                list(figures),
                list(figures.values()),
                "x",
                color=colours[contender.label],
                label=f"{contender.label}, published",
            )


def _dress(by_epoch: Axes, by_second: Axes) -> None:
    by_epoch.set_ylabel("training loss")
    by_epoch.set_xlabel("epochs")
    by_second.set_xlabel("training seconds")
    by_second.set_xscale("log")
    by_epoch.set_yscale("log")
    for axis in (by_epoch.yaxis, by_second.xaxis):
        axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 3, 5), numticks=8))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    for axes in (by_epoch, by_second):
        axes.grid(visible=True, which="major", alpha=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    by_epoch.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    by_epoch.legend(frameon=False, fontsize=9)
