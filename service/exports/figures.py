"""The curves of a comparison: as SVG text inside a page, as SVG and PDF files for a paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from service.contracts import numbers
from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.report import ProblemReport, Report
from service.contracts.spec import Outcome
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring.targets import position
from service.exports.canvas import PAGES_INK, PAPERS_INK, FigureForm, inline, saved, style
from service.exports.curves import Band, Curve, band, draw_band, few_ticks, thinned
from service.exports.palette import contender_colours
from service.exports.profile_figure import profile_panel

_LABELS = {
    Outcome.EPOCHS: "epochs",
    Outcome.STEPS: "optimizer steps",
    Outcome.TRAINING_SECONDS: "training seconds",
}
_PANELS = (Outcome.EPOCHS, Outcome.TRAINING_SECONDS)
"""What a file shows the loss against, from left to right."""
_ROW_INCHES = (10.0, 4.2)


@dataclass(frozen=True)
class _Axes:
    """What is drawn against what."""

    x: Outcome
    y: Metric

    @property
    def logarithmic(self) -> bool:
        """Whether x has a log axis, on which 0 has no place."""
        return self.x is not Outcome.EPOCHS

    def curve(self, points: Sequence[MetricPoint]) -> Curve:
        """A run on these axes."""
        return Curve(
            epochs=[point.epoch for point in points],
            at=[position(point, self.x) for point in points],
            losses=[point.value(self.y) for point in points],
        )


@dataclass(frozen=True)
class _Line:
    """One contender's runs on one pair of axes."""

    label: str
    colour: str
    band: Band
    diverged: tuple[Sequence[tuple[float, ...]], ...]
    """Of each run that diverged where it was, and its loss there."""


@dataclass(frozen=True)
class _Panel:
    """What one pair of axes shows, made before it is drawn: others wait for who draws."""

    axes: _Axes
    lines: tuple[_Line, ...]
    target: float | None
    positive: bool
    """Whether all losses are above 0, so that they may have a log axis."""


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
    finals = _finals(results, problem)
    if not finals:
        return None
    panel = _panel(finals, _Axes(axis, metric), colours=colours, target=target)
    with style(salt=f"{problem} {axis}", ink=PAGES_INK):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        _draw(figure.subplots(), panel)
        return inline(figure)


def figure_file(report: Report, results: ComparisonResults, form: FigureForm) -> bytes:
    """The loss against epochs and against training seconds, a row for each problem, as a file.

    Below them the performance profiles, where there are any. The same report gives the same bytes.

    Args:
        report: The report.
        results: The trials that it was made from.
        form: The format of the file.
    """
    colours = contender_colours({one.label: one.optimizer for one in results.spec.contenders})
    rows = [
        (problem, _row(problem, finals, colours))
        for problem in report.problems
        if (finals := _finals(results, problem.problem))
    ]
    profiles = report.profiles if report.profiles and report.profiles.contenders else None
    with style(salt=report.comparison_id, ink=PAPERS_INK):
        width, height = _ROW_INCHES
        bands = max(len(rows), 1) + (profiles is not None)
        figure = Figure(figsize=(width, height * bands), layout="constrained")
        if not rows:
            figure.text(0.5, 0.5, "no run of the finals has a curve yet", ha="center")
        parts = figure.subfigures(bands, 1, squeeze=False)[:, 0]
        if profiles is not None:
            profile_panel(parts[-1].subplots(), profiles, colours=colours)
            parts[-1].suptitle("Performance profiles", fontsize=11)
        for part, (problem, panels) in zip(parts, rows, strict=False):
            left, right = part.subplots(1, 2, sharey=True)
            for plot, panel in zip((left, right), panels, strict=True):
                _draw(plot, panel)
            right.set_ylabel("")
            if legend := right.get_legend():
                legend.remove()
            part.suptitle(_title(report, problem), fontsize=11, parse_math=False)
        return saved(figure, form)


def _title(report: Report, problem: ProblemReport) -> str:
    title = problem.title if len(report.problems) > 1 else report.name
    return f"{title} (interim)" if report.status == "interim" else title


def _finals(results: ComparisonResults, problem: str) -> list[TrialResult]:
    """The runs of the finals that have a curve."""
    return [
        trial
        for trial in results.trials
        if trial.kind is StudyKind.FINALS and trial.problem == problem and trial.points
    ]


def _row(
    problem: ProblemReport, finals: Sequence[TrialResult], colours: Mapping[str, str]
) -> tuple[_Panel, ...]:
    """What a file shows of a problem, from left to right."""
    return tuple(
        _panel(finals, _Axes(axis, problem.metric), colours=colours, target=problem.target.value)
        for axis in _PANELS
    )


def _panel(
    finals: Sequence[TrialResult],
    axes: _Axes,
    *,
    colours: Mapping[str, str],
    target: float | None,
) -> _Panel:
    """Every contender's runs on one pair of axes."""
    losses = [point.value(axes.y) for trial in finals for point in trial.points]
    return _Panel(
        axes,
        lines=tuple(
            _line(name, colour, [trial for trial in finals if trial.contender == name], axes)
            for name, colour in colours.items()
        ),
        target=target,
        positive=all(loss is None or loss > 0 for loss in losses),
    )


def _line(name: str, colour: str, trials: Sequence[TrialResult], axes: _Axes) -> _Line:
    finished = [trial for trial in trials if trial.state is not TrialState.DIVERGED]
    return _Line(
        label=f"{name} ({len(finished)})",
        colour=colour,
        band=band([axes.curve(trial.points) for trial in finished], above_zero=axes.logarithmic),
        diverged=tuple(
            _measured(axes.curve(trial.points), axes)
            for trial in trials
            if trial.state is TrialState.DIVERGED
        ),
    )


def _measured(curve: Curve, axes: _Axes) -> list[tuple[float, ...]]:
    """Where the run was and its loss there, as far as both can be shown."""
    shown = [
        (at, loss)
        for at, loss in zip(curve.at, curve.losses, strict=True)
        if loss is not None and (at > 0 or not axes.logarithmic)
    ]
    return thinned(shown, logarithmic=axes.logarithmic)


def _draw(plot: Axes, panel: _Panel) -> None:
    """The bands, and each run that diverged as a dotted line that ends in a cross."""
    for line in panel.lines:
        draw_band(plot, line.band, line.colour, label=line.label)
        for run in filter(None, line.diverged):
            at, losses = zip(*run, strict=True)
            plot.plot(at, losses, ":x", color=line.colour, markevery=[-1], linewidth=1)
    _dress(plot, panel)


def _dress(plot: Axes, panel: _Panel) -> None:
    axes, target = panel.axes, panel.target
    if panel.positive:
        plot.set_yscale("log")
        few_ticks(plot.yaxis)
    if axes.logarithmic:
        plot.set_xscale("log")
        few_ticks(plot.xaxis)
    elif axes.x is Outcome.EPOCHS:
        plot.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    if target is not None:
        ink = plot.xaxis.label.get_color()
        plot.axhline(target, color=ink, linewidth=1, linestyle="--", alpha=0.6)
        plot.annotate(
            f"target {numbers.loss(target)}",
            (1, target),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=9,
        )
    plot.set_xlabel(_LABELS[axes.x])
    plot.set_ylabel(axes.y.words)
    plot.grid(visible=True, which="major", color=plot.xaxis.label.get_color(), alpha=0.12)
    if plot.get_legend_handles_labels()[0]:
        plot.legend(frameon=False)
