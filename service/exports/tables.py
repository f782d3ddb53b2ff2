"""The tables of a report as rows of text, the same in every form that a report has."""

from dataclasses import dataclass

from service.contracts import numbers
from service.contracts.profiles import Profiles
from service.contracts.report import ContenderReport, PairReport, ProblemReport, Report, TimeTo
from service.contracts.spec import Outcome


@dataclass(frozen=True)
class Table:
    """A header and its rows, every cell as it is shown."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TitledTable:
    """A table of a report under its title."""

    key: str
    """A word for it: of a label, a file's name."""
    title: str
    table: Table
    note: str = ""
    """What a reader must know of its figures."""


def tables_of(problem: ProblemReport) -> tuple[TitledTable, ...]:
    """Every table of a problem that says something, in the order in which they are read."""
    every = [TitledTable("contenders", "Contenders", contenders_table(problem))]
    if problem.beside:
        title = "Also measured at the end of the finals"
        every.append(TitledTable("beside", title, beside_table(problem)))
    every.append(TitledTable("pairs", "Pairs", pairs_table(problem)))
    near = sensitivity_table(problem)
    every.append(TitledTable("sensitivity", "Sensitivity to the settings", near, _NEAR_NOTE))
    if problem.phases:
        cost = cost_table(problem)
        every.append(TitledTable("cost", "Cost of the finals", cost, _COST_NOTE))
    return tuple(entry for entry in every if entry.table.rows)


def tables_over_problems(report: Report) -> tuple[TitledTable, ...]:
    """Scores and ratios of the performance profiles; none where there are no profiles."""
    profiles = report.profiles
    if profiles is None or not profiles.contenders:
        return ()
    return (
        TitledTable("profiles", "Performance profiles", scores_table(profiles), _SCORE_NOTE),
        TitledTable("ratios", "Median outcomes over the best", ratios_table(profiles)),
    )


def scores_table(profiles: Profiles) -> Table:
    """Each contender: the score of its profile, on how many problems it is best, and has any."""
    count = len(profiles.problems)
    return Table(
        header=("contender", "score (95 %)", "best on", "reached on"),
        rows=tuple(
            (one.name, one.written, f"{one.best} of {count}", f"{one.solved} of {count}")
            for one in profiles.contenders
        ),
    )


def ratios_table(profiles: Profiles) -> Table:
    """Each problem: every contender's median outcome over the best one."""
    return Table(
        header=("problem", *(one.name for one in profiles.contenders)),
        rows=tuple(
            (problem, *(one.written_ratio(problem) for one in profiles.contenders))
            for problem in profiles.problems
        ),
    )


def sensitivity_table(problem: ProblemReport) -> Table:
    """Each contender whose search says something: how much of it is nearly as good as the best."""
    return Table(
        header=("contender", "within 10 % of its best loss"),
        rows=tuple(
            (entry.name, entry.sensitivity.written)
            for entry in problem.contenders
            if entry.sensitivity is not None
        ),
    )


def contenders_table(problem: ProblemReport) -> Table:
    """Each contender: best settings, final loss, time to the target, what its search cost."""
    return Table(
        header=(
            "contender",
            "best settings",
            f"final {problem.metric.words} (95 %)",
            f"{_time_name(problem.outcome)} to {numbers.loss(problem.target.value)} (95 %)",
            "reached",
            "whole run",
            "tuning",
        ),
        rows=tuple(_contender_row(entry, problem) for entry in problem.contenders),
    )


def beside_table(problem: ProblemReport) -> Table:
    """Each contender: what else was measured at the end of its finals."""
    return Table(
        header=("contender", *(f"{metric.heading} (95 %)" for metric in problem.beside)),
        rows=tuple(
            (entry.name, *map(entry.written, problem.beside)) for entry in problem.contenders
        ),
    )


def cost_table(problem: ProblemReport) -> Table:
    """Each contender: where the training seconds of its finals went, what it sent and held."""
    on_device = any(c.cost and c.cost.peak_device_memory_bytes for c in problem.contenders)
    return Table(
        header=(
            "contender",
            *(phase.words for phase in problem.phases),
            "sent a step: gradients and curvature",
            "peak memory",
            *(("peak GPU memory",) if on_device else ()),
        ),
        rows=tuple(
            (
                entry.name,
                *map(cost.written_share, problem.phases),
                cost.written_bytes,
                numbers.size(cost.peak_memory_bytes),
                *((numbers.size(cost.peak_device_memory_bytes),) if on_device else ()),
            )
            for entry in problem.contenders
            if (cost := entry.cost) is not None
        ),
    )


def pairs_table(problem: ProblemReport) -> Table:
    """Each pair: the ratio of the outcome, its interval and the tests."""
    return Table(
        header=(
            "pair",
            f"ratio of {_outcome_name(problem)}",
            "95 %",
            "p",
            "corrected p",
            "seeds",
            "missed",
            "better",
        ),
        rows=tuple(_pair_row(pair) for pair in problem.pairs),
    )


def _contender_row(entry: ContenderReport, problem: ProblemReport) -> tuple[str, ...]:
    loss, cost = entry.final_loss, entry.tuning
    time = _time_to(entry, problem.outcome)
    remark = f" ({cost.remarks})" if cost.remarks else ""
    return (
        entry.name + (" (winner)" if entry.name == problem.winner else ""),
        numbers.settings(entry.settings),
        numbers.with_span(loss.median, loss.low, loss.high, write=numbers.loss),
        numbers.with_span(time.median, time.low, time.high),
        f"{time.reached} of {time.runs}",
        _whole_run(entry),
        f"{numbers.counted(cost.trials, 'trial')}{remark}, {numbers.number(cost.worker_seconds)} s",
    )


def _whole_run(entry: ContenderReport) -> str:
    seconds, gradients = entry.run_seconds.median, entry.run_gradients.median
    if seconds is None or gradients is None:
        return numbers.DASH
    return f"{numbers.number(seconds)} s, {numbers.number(gradients)} gradients"


def _pair_row(pair: PairReport) -> tuple[str, ...]:
    ratio = pair.ratio
    return (
        f"{pair.first} / {pair.second}",
        numbers.ratio(ratio.median),
        numbers.span(ratio.low, ratio.high, write=numbers.ratio) or numbers.DASH,
        numbers.p_value(pair.p_value),
        numbers.p_value(pair.corrected_p),
        str(pair.seeds),
        str(pair.censored),
        pair.better or numbers.DASH,
    )


def _time_to(entry: ContenderReport, outcome: Outcome) -> TimeTo:
    match outcome:
        case Outcome.EPOCHS:
            return entry.epochs
        case Outcome.STEPS:
            return entry.steps
        case _:
            return entry.training_seconds


def _time_name(outcome: Outcome) -> str:
    return "seconds" if outcome in _IN_SECONDS else outcome.value


def _outcome_name(problem: ProblemReport) -> str:
    return {
        Outcome.TRAINING_SECONDS: "training seconds",
        Outcome.FINAL_LOSS: f"final {problem.metric.words}es",
    }.get(problem.outcome, problem.outcome.value)


_IN_SECONDS = frozenset({Outcome.TRAINING_SECONDS, Outcome.FINAL_LOSS})
_NEAR_NOTE = (
    "Of the points of its search those whose final loss is at most 10 % above the best one of its "
    "own; points that diverged are not among them."
)
_SCORE_NOTE = (
    "A profile is the share of the problems on which a contender's median outcome is within a "
    "factor of the best one; the score is its mean height over factors from 1 to 4: 1 for the best "
    "on every problem. The interval is one over the seeds; of other problems it says nothing. Each "
    "profile is held against the best, so two others can change places when a contender leaves."
)
_COST_NOTE = (
    "Shares of the training seconds; medians over the runs of what a worker sent in a step and of "
    "the most memory that its process held. Memory includes the rehearsal before the first step "
    "and what trials before it in the same process left: small differences say nothing."
)
