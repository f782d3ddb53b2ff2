"""Comparisons and reports as tables for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.contracts import numbers
from service.contracts.profiles import Profiles
from service.contracts.report import ContenderReport, ProblemReport, Report, TimeTo
from service.contracts.spec import Outcome
from service.contracts.text import harmless
from service.contracts.views import ComparisonView, StudyView

WIDTH_WITHOUT_TERMINAL = 10_000


class _Harmless(Console):
    """Prints words as words: those of a stranger must not steer the terminal."""

    def render_str(self, text: str, **how: Any) -> Text:
        """The text that a string becomes, by itself or in a table."""
        return super().render_str(harmless(text), **how)


def console(*, to_stderr: bool = False) -> Console:
    """A console that guesses no markup; where there is no terminal, it cuts no table."""
    made = _Harmless(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = WIDTH_WITHOUT_TERMINAL
    return made


def print_report(console: Console, report: Report) -> None:
    """The verdict's sentence, the table and the warnings of every problem."""
    for problem in report.problems:
        interim = " (interim)" if report.status == "interim" else ""
        console.print(f"{problem.title}{interim}", style="dim", soft_wrap=True)
        console.print(problem.sentence, style="bold", soft_wrap=True)
        console.print(_contenders(problem))
        if problem.beside:
            console.print(_beside(problem))
        if any(entry.sensitivity for entry in problem.contenders):
            console.print(_sensitivity(problem))
        if problem.phases:
            console.print(_cost(problem))
        for warning in problem.warnings:
            console.print(f"warning: {warning}", soft_wrap=True)
    if report.profiles is not None:
        console.print("Over all problems", style="dim", soft_wrap=True)
        if report.profiles.contenders:
            console.print(_profiles(report.profiles))
        for note in report.profiles.notes:
            console.print(f"note: {note}", soft_wrap=True)
    for note in report.notes:
        console.print(note, soft_wrap=True)
    for warning in report.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)


def _contenders(problem: ProblemReport) -> Table:
    target = problem.target.value
    goal = "the target" if target is None else numbers.loss(target)
    table = plain_table(
        "contender",
        "best settings",
        f"final {problem.metric.words} (95 %)",
        f"{_unit(problem.outcome)} to {goal} (95 %)",
        "reached",
        "tuning cost",
    )
    for contender in problem.contenders:
        table.add_row(*_contender(contender, problem))
    return table


def _beside(problem: ProblemReport) -> Table:
    """What else was measured at the end of the finals."""
    table = plain_table("contender", *(f"{metric.heading} (95 %)" for metric in problem.beside))
    for contender in problem.contenders:
        table.add_row(contender.name, *map(contender.written, problem.beside))
    return table


def _sensitivity(problem: ProblemReport) -> Table:
    """How many of the points that a search tried came near the best of them."""
    table = plain_table("contender", "within 10 % of its best loss")
    for entry in problem.contenders:
        if entry.sensitivity is not None:
            table.add_row(entry.name, entry.sensitivity.written)
    return table


def _profiles(profiles: Profiles) -> Table:
    """The scores of the performance profiles, and each problem's ratios to the best."""
    table = plain_table("contender", "score (95 %)", "best on", "reached on", *profiles.problems)
    count = len(profiles.problems)
    for one in profiles.contenders:
        table.add_row(
            one.name,
            one.written,
            f"{one.best} of {count}",
            f"{one.solved} of {count}",
            *map(one.written_ratio, profiles.problems),
        )
    return table


def _cost(problem: ProblemReport) -> Table:
    """Where the training seconds of the finals went, what a step sent, and the most memory."""
    phases = problem.phases
    table = plain_table(
        "contender", *(phase.words for phase in phases), "sent a step", "memory", "GPU memory"
    )
    for entry in problem.contenders:
        if (cost := entry.cost) is not None:
            table.add_row(
                entry.name,
                *map(cost.written_share, phases),
                cost.written_bytes,
                numbers.size(cost.peak_memory_bytes),
                numbers.size(cost.peak_device_memory_bytes),
            )
    return table


def _contender(contender: ContenderReport, problem: ProblemReport) -> tuple[str, ...]:
    marks = {problem.baseline: " (baseline)", problem.winner: " (winner)"}
    loss, time = contender.final_loss, _time(contender, problem.outcome)
    trials = numbers.counted(contender.tuning.trials, "trial")
    remarks = f" ({contender.tuning.remarks})" if contender.tuning.remarks else ""
    return (
        contender.name + marks.get(contender.name, ""),
        numbers.settings(contender.settings),
        numbers.with_span(loss.median, loss.low, loss.high, write=numbers.loss),
        numbers.with_span(time.median, time.low, time.high),
        f"{time.reached} of {time.runs}",
        f"{trials}{remarks}, {numbers.number(contender.tuning.worker_seconds)} worker-s",
    )


def _unit(outcome: Outcome) -> str:
    match outcome:
        case Outcome.EPOCHS | Outcome.STEPS:
            return outcome.value
        case Outcome.TRAINING_SECONDS | Outcome.FINAL_LOSS:
            return "seconds"


def _time(contender: ContenderReport, outcome: Outcome) -> TimeTo:
    match outcome:
        case Outcome.EPOCHS:
            return contender.epochs
        case Outcome.STEPS:
            return contender.steps
        case Outcome.TRAINING_SECONDS | Outcome.FINAL_LOSS:
            return contender.training_seconds


def print_list(console: Console, views: Sequence[ComparisonView]) -> None:
    """Comparisons, one a line."""
    if not views:
        console.print("no comparisons yet: `python -m api.client submit FILE` starts one")
        return
    table = plain_table(
        "id", "state", "name", "contenders", "done", "priority", "tags", "owner", "age"
    )
    now = datetime.now(UTC)
    for view in views:
        table.add_row(
            view.id,
            view.state,
            view.name,
            ", ".join(contender.name for contender in view.contenders),
            f"{view.progress:.0%}",
            str(view.priority),
            " ".join(view.tags),
            view.owner,
            numbers.age((now - aware(view.created_at)).total_seconds()),
        )
    console.print(table)


def print_comparison(console: Console, view: ComparisonView, studies: Sequence[StudyView]) -> None:
    """One comparison: where it stands, its contenders and its studies."""
    left = view.seconds_left
    remaining = "" if left is None else f", about {numbers.duration(left)} left"
    console.print(f"{view.id}  {view.name}", soft_wrap=True)
    console.print(f"{view.state}, {view.progress:.0%} done{remaining}", soft_wrap=True)
    if view.priority or view.tags:
        tags = f", tags {' '.join(view.tags)}" if view.tags else ""
        console.print(f"priority {view.priority}{tags}", soft_wrap=True)
    if view.reason:
        console.print(view.reason, soft_wrap=True)
    if view.verdict:
        console.print(view.verdict, style="bold", soft_wrap=True)
    contenders = plain_table(
        "contender", "epochs", "trials", "diverged", "failed", "best loss", "cost"
    )
    for entry in view.contenders:
        contenders.add_row(
            entry.name + (" (cancelled)" if entry.cancelled else ""),
            f"{entry.epochs_done}/{entry.epochs}",
            f"{entry.trials_ended}/{entry.trials}",
            str(entry.diverged),
            str(entry.failed),
            numbers.loss(entry.best_loss),
            f"{numbers.number(entry.worker_seconds)} worker-s",
        )
    console.print(contenders)
    console.print(studies_table(studies))


def studies_table(studies: Sequence[StudyView]) -> Table:
    """Studies, one a line."""
    table = plain_table(
        "study", "kind", "problem", "contender", "state", "attempt", "trials", "start", "reason"
    )
    for study in studies:
        table.add_row(
            study.id,
            study.kind,
            study.problem,
            study.contender or "all",
            study.state,
            str(study.attempt),
            f"{study.trials_ended}/{study.trials}",
            numbers.duration(study.start.total_seconds if study.start else None),
            study.reason,
        )
    return table


def plain_table(*columns: str) -> Table:
    """An empty table with these headings; the first column is never broken."""
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=position == 0)
    return table


def aware(moment: datetime) -> datetime:
    """The moment with its zone; one without is in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
