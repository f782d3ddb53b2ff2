"""A report as one self-contained page that can be mailed: no script, nothing from outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.contracts import numbers
from service.contracts.report import ProblemReport, Report
from service.contracts.space import Dimension, LinearRange, LogRange, Values
from service.contracts.spec import Outcome
from service.contracts.states import StudyKind
from service.domain.results import ComparisonResults
from service.exports.figures import loss_figure
from service.exports.palette import contender_colours
from service.exports.profile_figure import profile_figure
from service.exports.search_figure import search_figure
from service.exports.tables import TitledTable, tables_of, tables_over_problems

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class _Section:
    """One problem as the page shows it."""

    report: ProblemReport
    contenders: TitledTable
    further: tuple[TitledTable, ...]
    figures: tuple[Markup, ...]
    maps: tuple[Markup, ...]
    notes: tuple[tuple[str, str], ...]


def render_html(report: Report, results: ComparisonResults) -> str:
    """The report as a page: the verdict first, then table, curves, tests and protocol.

    Args:
        report: The report.
        results: The trials that it was made from, for the curves and where they ran.
    """
    colours = contender_colours(
        {contender.label: contender.optimizer for contender in results.spec.contenders}
    )
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        colours=colours,
        sections=[_section(problem, results, colours) for problem in report.problems],
        over_problems=tables_over_problems(report),
        profiles=_marked_up([profile_figure(report, colours=colours)]),
        notes=_notes(report, results),
    )


def _section(
    problem: ProblemReport, results: ComparisonResults, colours: dict[str, str]
) -> _Section:
    drawn = (
        loss_figure(
            results,
            problem.problem,
            axis,
            metric=problem.metric,
            colours=colours,
            target=problem.target.value,
        )
        for axis in (Outcome.EPOCHS, Outcome.TRAINING_SECONDS)
    )
    contenders, *further = tables_of(problem)
    return _Section(
        report=problem,
        contenders=contenders,
        further=tuple(further),
        figures=_marked_up(drawn),
        maps=_marked_up(search_figure(results, problem, entry) for entry in problem.contenders),
        notes=_problem_notes(problem),
    )


def _marked_up(figures: Iterable[str | None]) -> tuple[Markup, ...]:
    """Those figures that there are, as parts of the page."""
    return tuple(Markup(figure) for figure in figures if figure is not None)


def _problem_notes(problem: ProblemReport) -> tuple[tuple[str, str], ...]:
    """How this problem was judged, as terms and their descriptions."""
    rule = {
        "given": "as given in the specification",
        "relative": "the worst median best loss among the contenders, plus 5 %",
    }[problem.target.rule]
    moved = {
        True: "moved by 5 % it names another winner, or none",
        False: "moved by 5 % either way it gives the same verdict",
        None: "",
    }[problem.target.winner_changes]
    target = f"{problem.metric.words} {numbers.loss(problem.target.value)}, {rule}"
    spaces = (
        (
            f"space of {entry.name}",
            "; ".join(
                f"{name} {_described(dimension)}{_condition(dimension)}"
                for name, dimension in sorted(entry.space.items())
            )
            or "nothing searched",
        )
        for entry in problem.contenders
    )
    return (
        ("decided by", problem.outcome.value.replace("_", " ")),
        ("points chosen by", f"the lowest final {problem.metric.words}, never by test data"),
        ("target", "; ".join(filter(None, (target, moved)))),
        ("baseline", problem.baseline),
        *spaces,
    )


def _described(dimension: Dimension) -> str:
    """``one of 0.1, 0.3, 1``, ``from 0.1 to 1 (log-uniform)``, ``5 from 0.1 to 1 (log)``."""
    match dimension:
        case Values():
            listed = (
                f"[{numbers.setting(value)}]"
                if isinstance(value, tuple)
                else numbers.setting(value)
                for value in dimension.values
            )
            return f"one of {', '.join(listed)}"
        case LogRange():
            scale = " (log)" if dimension.points else " (log-uniform)"
        case LinearRange():
            scale = ""
        case _:
            assert_never(dimension)
    low, high = map(numbers.setting, dimension.bounds)
    return f"{dimension.points or ''} from {low} to {high}{scale}".lstrip()


def _condition(dimension: Dimension) -> str:
    """Where the setting is searched, if not everywhere: `` where nesterov is true or 1``."""
    conditions = [
        f"{parent} is {' or '.join(map(numbers.setting, allowed))}"
        for parent, allowed in (dimension.when or {}).items()
    ]
    return f" where {' and '.join(conditions)}" if conditions else ""


def _notes(report: Report, results: ComparisonResults) -> tuple[tuple[str, str], ...]:
    """How the comparison was run, as terms and their descriptions."""
    spec = results.spec
    finals = [trial for trial in results.trials if trial.kind is StudyKind.FINALS]
    seeds = dict.fromkeys(trial.seed for trial in finals)
    places = dict.fromkeys(
        f"{place.hostname}, {place.device}, {numbers.counted(place.threads, 'thread')}, "
        f"Python {place.python}, PyTorch {place.torch}"
        for trial in finals
        if (place := trial.environment) is not None
    )
    return (
        ("comparison", report.comparison_id),
        ("budget", f"{numbers.counted(spec.budget.epochs, 'epoch')} a run"),
        ("search", f"{spec.tuning.described}, {spec.tuning.when_drawn}"),
        (
            "finals",
            f"{numbers.counted(report.seeds, 'fresh seed')}, the same for every contender; a "
            f"winner is possible from {report.minimum_seeds} on",
        ),
        ("seeds of the finals", ", ".join(map(str, seeds)) or "none yet"),
        ("clock", "optimization steps alone; evaluation and checkpoints outside"),
        (
            "intervals",
            "95 % of the median by interpolated order statistics (Hettmansperger and Sheather "
            "1986); runs that missed the target count as infinite",
        ),
        (
            "tests",
            "two-sided sign-flip permutation test of the paired log-ratios, Holm's correction "
            "over all pairs; a winner needs p < 0.05 and an interval beyond 2 %",
        ),
        ("ran on", "; ".join(places) or "not known"),
        *((("plug-ins", "; ".join(report.plugins)),) if report.plugins else ()),
    )
