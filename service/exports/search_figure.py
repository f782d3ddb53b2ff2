"""The map of a search: its points by two of their settings, or by one and the final loss."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from service.contracts import numbers
from service.contracts.report import ContenderReport, ProblemReport
from service.contracts.space import Dimension, Space, scale_of
from service.contracts.states import StudyKind
from service.domain.results import ComparisonResults, trials_of
from service.domain.selection import TriedPoint, tried_points
from service.exports.canvas import PAGES_INK, inline, style
from service.exports.curves import few_ticks

_BLUE_IS_LOWEST = LinearSegmentedColormap.from_list(
    "losses", ("#1467b3", "#35a0a8", "#a3c05a", "#f0cf65"), N=24
)
"""As heat.js of the pages has it; few colours, for each is an element of the key."""
_ROOM = 0.04
"""Of a setting's range, beside it."""
_KEYS = 4
_TOP = 0.97
"""How far up a map crosses stand whose points have no loss, where the loss is drawn upwards."""
_BELOW_TOP = 0.12
"""The room that losses leave for them."""


def search_figure(
    results: ComparisonResults, problem: ProblemReport, entry: ContenderReport
) -> str | None:
    """What one contender's search tried on one problem, as an ``<svg>`` element.

    Args:
        results: The comparison's trials.
        problem: The report on the problem.
        entry: The contender.

    Returns:
        None where it searches no setting that is a number, or fewer than two points are known.
    """
    trials = trials_of(results, problem.problem, StudyKind.TUNING, entry.name)
    points = tried_points(trials, problem.metric)
    axes = _axes(entry.space)
    if not axes or len(points) < 2:
        return None
    across, *up = axes
    salt = f"{problem.problem} search {entry.name}"
    with style(salt=salt, ink=PAGES_INK):
        figure = Figure(figsize=(4.0, 3.1), layout="constrained")
        plot = figure.subplots()
        _draw(plot, points, entry, (across, up[0] if up else None))
        figure.supxlabel(_not_shown(points, axes[:2]), fontsize=8, parse_math=False)
        plot.set_title(entry.name, fontsize=11, parse_math=False)
        plot.set_xlabel(across, parse_math=False)
        plot.set_ylabel(up[0] if up else f"final {problem.metric.words}", parse_math=False)
        plot.grid(visible=True, which="major", color=plot.xaxis.label.get_color(), alpha=0.12)
        return inline(figure)


def _axes(space: Space) -> list[str]:
    """The settings that are numbers: those that every point has first, the learning rate ahead."""
    named = [name for name, dimension in space.items() if scale_of(dimension) is not None]
    return sorted(named, key=lambda name: (bool(space[name].when), name != "lr"))


def _not_shown(points: Sequence[TriedPoint], axes: Sequence[str]) -> str:
    """Says how many points have no place, for they lack a setting; empty where all have one."""
    lacking = [name for name in axes if any(name not in one.point for one in points)]
    hidden = sum(any(name not in one.point for name in lacking) for one in points)
    if not hidden:
        return ""
    have, are = ("has", "is") if hidden == 1 else ("have", "are")
    names = numbers.listed(lacking, last="or")
    return f"{hidden} of {len(points)} points {have} no {names} and {are} not shown"


def _draw(
    plot: Axes, points: Sequence[TriedPoint], entry: ContenderReport, axes: tuple[str, str | None]
) -> None:
    """The marks, the key to their colours, and the scales."""
    across, up = axes
    shown = [one for one in points if across in one.point and (up is None or up in one.point)]
    came = [one for one in shown if math.isfinite(one.loss)]
    ink = plot.xaxis.label.get_color()
    if losses := [one.loss for one in points if math.isfinite(one.loss)]:
        norm = (LogNorm if min(losses) > 0 else Normalize)(min(losses), max(losses))
        for stopped, marker in ((False, "o"), (True, "v")):
            places = _places([one for one in came if one.stopped is stopped], axes)
            marks = plot.scatter(
                *places[:2], c=places[2], cmap=_BLUE_IS_LOWEST, norm=norm, marker=marker, s=45
            )
        _key(plot, marks, norm)
        if up is None and isinstance(norm, LogNorm):
            plot.set_yscale("log")
            few_ticks(plot.yaxis)
            plot.yaxis.set_minor_locator(NullLocator())
    elif up is None:
        plot.set_yticks([])  # no loss has a height
    x, y, _ = _places([one for one in came if one.point == entry.settings], axes)
    plot.scatter(x, y, s=190, facecolors="none", edgecolors=ink, linewidths=1.6)
    _cross_out(plot, [one for one in shown if not math.isfinite(one.loss)], axes)
    if up is not None:
        _scale(plot, "y", entry.space[up])
    _scale(plot, "x", entry.space[across])


def _cross_out(plot: Axes, lost: Sequence[TriedPoint], axes: tuple[str, str | None]) -> None:
    """Crosses for what has no loss; along the top where the loss is drawn upwards."""
    x, y, _ = _places(lost, axes)
    place = plot.transData
    if axes[1] is None and lost:
        y, place = [_TOP] * len(lost), plot.get_xaxis_transform()
        plot.margins(y=_BELOW_TOP)
    ink = plot.xaxis.label.get_color()
    plot.scatter(x, y, marker="x", color=ink, s=36, linewidths=1.4, transform=place)


def _places(
    points: Sequence[TriedPoint], axes: tuple[str, str | None]
) -> tuple[list[float], list[float], list[float]]:
    """Where points lie across and up, and their losses."""
    across, up = axes
    losses = [one.loss for one in points]
    heights = losses if up is None else [_number(one, up) for one in points]
    return [_number(one, across) for one in points], heights, losses


def _number(tried: TriedPoint, name: str) -> float:
    value = tried.point[name]
    assert isinstance(value, int | float), "an axis has a setting that is a number"
    return value


def _key(plot: Axes, marks: PathCollection, norm: Normalize) -> None:
    """The key to the colours, where there is more than one."""
    if norm.vmin == norm.vmax or plot.figure is None:
        return
    bar = plot.figure.colorbar(marks, ax=plot)
    ticks = np.asarray(norm.inverse(np.linspace(0, 1, _KEYS)))
    bar.set_ticks(ticks.tolist(), labels=[numbers.loss(float(tick)) for tick in ticks])
    bar.minorticks_off()
    assert bar.solids is not None, "a key to marks is filled"
    bar.solids.set_edgecolor("face")  # or seams would show between its cells
    bar.outline.set_visible(False)


def _scale(plot: Axes, axis: Literal["x", "y"], dimension: Dimension) -> None:
    """The whole of what is searched of a setting, on its scale."""
    assert dimension.bounds is not None, "an axis has a setting that is a number"
    low, high = dimension.bounds
    if scale_of(dimension) == "log":
        room = (high / low) ** _ROOM
        plot.set(**{f"{axis}scale": "log", f"{axis}lim": (low / room, high * room)})
        _ticks(plot.xaxis if axis == "x" else plot.yaxis, magnitudes=math.log10(high / low))
    else:
        room = _ROOM * (high - low)
        plot.set(**{f"{axis}lim": (low - room, high + room)})


def _ticks(axis: Axis, *, magnitudes: float) -> None:
    """Of a small log axis: powers of ten, and what is halfway between where these are few."""
    axis.set_major_locator(LogLocator(subs=(1,) if magnitudes > 2 else (1, 3), numticks=6))
    axis.set_major_formatter(lambda value, _: numbers.setting(float(f"{value:.3g}")))
    axis.set_minor_locator(NullLocator())
