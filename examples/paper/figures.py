"""A figure for each comparison: training loss against epochs and against training seconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.paper.outcomes import Outcome, Run
from examples.paper.published import TRAIN_LOSS
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.exports.curves import Curve, band, draw_band, few_ticks
from service.exports.palette import contender_colours

INCHES = (10.0, 4.2)
PNG_DPI = 150


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
        well = [run for run in runs if run.state is not TrialState.DIVERGED]
        style = "--" if any(run.kind is StudyKind.TUNING for run in runs) else "-"
        epochs = band([Curve(run.epochs, run.epochs, run.losses) for run in well], above_zero=False)
        draw_band(by_epoch, epochs, colour, style=style, label=_label(name, runs))
        seconds = [Curve(run.epochs, run.seconds, run.losses) for run in well]
        draw_band(by_second, band(seconds, above_zero=True), colour, style=style)
    for problem in spec.problems:
        _draw_published(by_epoch, spec, colours, TRAIN_LOSS.get(problem, {}))
    _dress(by_epoch, by_second)
    figure.suptitle(spec.name, fontsize=11)
    return figure


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
    few_ticks(by_epoch.yaxis)
    few_ticks(by_second.xaxis)
    for axes in (by_epoch, by_second):
        axes.grid(visible=True, which="major", alpha=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    by_epoch.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    by_epoch.legend(frameon=False, fontsize=9)
