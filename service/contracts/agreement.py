"""Two reports of the same question held against each other: did the result hold?"""

from collections.abc import Hashable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

from service.contracts.base import Contract
from service.contracts.report import Interval, Report
from service.contracts.spec import MOST, Outcome


class Agreement(StrEnum):
    """What the later report says of what the earlier one claims."""

    HELD = "held"
    """Both claim the same."""
    NOT_CONTRADICTED = "not contradicted"
    """They claim different things, and the later one does not rule out the earlier claim."""
    CONTRADICTED = "contradicted"
    """The later one rules out what the earlier one claims."""
    INCOMPARABLE = "cannot be compared"
    """They answer different questions, or one of them answers none."""


def _as_a_spec_has_them(report: Report) -> Report:
    """The report itself: anyone may send one, and an answer must not outgrow what was asked.

    Raises:
        ValueError: Where it has more problems, contenders or pairs than a comparison may have, or
            one of them twice.
    """
    _each_once("problems", [problem.problem for problem in report.problems], MOST)
    for problem in report.problems:
        _each_once("contenders", [contender.name for contender in problem.contenders], MOST)
        pairs = [frozenset((pair.first, pair.second)) for pair in problem.pairs]
        _each_once("pairs", pairs, MOST * (MOST - 1) // 2)
    return report


def _each_once(what: str, names: Sequence[Hashable], most: int) -> None:
    if len(names) > most:
        raise ValueError(f"must have at most {most} {what}, got {len(names)}")
    if len(set(names)) < len(names):
        raise ValueError(f"must have each of its {what} once")


_Told = Annotated[
    Report,
    AfterValidator(_as_a_spec_has_them),
    WithJsonSchema(
        {
            "type": "object",
            "description": "A report, as `GET /v1/comparisons/{comparison_id}/report` answers it.",
        }
    ),
]
"""Described in short: whoever asks has it from there."""


class TwoReports(Contract):
    """What is to be compared."""

    then: _Told
    """The earlier one, whose claims are held against the other."""
    now: _Told


class PairAgreement(Contract):
    """One pair of contenders in both reports."""

    first: str
    second: str
    then: Interval
    """The ratio of the first's outcome to the second's."""
    now: Interval
    change: Interval
    """The ratio now over the ratio then; an interval without 1 is more than chance explains."""
    better_then: str | None
    better_now: str | None
    agreement: Agreement
    sentence: str


class ProblemAgreement(Contract):
    """One problem in both reports."""

    problem: str
    title: str
    outcome: Outcome
    target_then: float | None
    target_now: float | None
    winner_then: str | None
    winner_now: str | None
    agreement: Agreement
    sentence: str
    pairs: tuple[PairAgreement, ...]
    notes: tuple[str, ...] = ()
    """What was not the same, and need not matter."""


class ReportName(Contract):
    """Which report it is."""

    comparison_id: str
    name: str
    generated_at: datetime
    seeds: int


class ReportAgreement(Contract):
    """Whether what an earlier report claims held in a later one."""

    schema_version: Literal[1] = 1
    then: ReportName
    now: ReportName
    agreement: Agreement
    """Of all problems that can be compared, the worst."""
    sentence: str
    problems: tuple[ProblemAgreement, ...]
