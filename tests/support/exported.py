"""A comparison for exports to read, with everything in it that formats stumble over."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from service.contracts.events import Environment, MetricPoint
from service.contracts.plan import Seeds
from service.contracts.states import ComparisonState, FailureKind, StudyKind, TrialState
from service.contracts.usage import Phase, Usage
from service.domain.records import ComparisonRecord, TrialRecord
from service.exports.data.source import Curves
from tests.support.comparisons import PROBLEM, a_spec, curve

START = datetime(2026, 3, 2, 9, 30, 1, 250_000, tzinfo=UTC)
THIRD = 1 / 3
HOSTILE = '=HYPERLINK("http://x","y"), "quoted"\nnext'
"""A failure's words that a spreadsheet would compute."""

COMPARISON = ComparisonRecord(
    id="kq3vxe7a2m",
    name="=1+1, ünd",
    state=ComparisonState.FINISHED,
    reason="",
    owner="ada",
    owner_key="k",
    created_at=START,
    started_at=START,
    ended_at=START + timedelta(hours=1),
    last_change=9,
    verdict="a sentence",
    spec=a_spec(),
    seeds=Seeds(tuning=1, finals=(2, 3)),
)
FIRST = TrialRecord(
    key=1,
    id="kq3vxe7a2m-t0",
    comparison_id=COMPARISON.id,
    study_id="kq3vxe7a2m-s0",
    number=0,
    kind=StudyKind.FINALS,
    problem=PROBLEM,
    contender="kbfgs",
    optimizer="kbfgs",
    point={"lr": 0.1, "damping": THIRD},
    settings={"lr": 0.1, "damping": THIRD, "memory": 100, "warm_start": True, "schedule": "cosine"},
    seed=7,
    state=TrialState.FINISHED,
    failure=None,
    message="",
    attempt=1,
    last_step=40,
    highest_step=40,
    epochs_done=2,
    best_loss=THIRD,
    final_loss=THIRD,
    training_seconds=2.2,
    worker_seconds=4.4,
    environment=Environment(hostname="a", device="cpu", python="3.11", torch="2.13", threads=2),
    started_at=START,
    ended_at=START + timedelta(seconds=5),
    usage=Usage(phases={Phase.FIRST_PASS: 1.5}, gradient_bytes=2**40, peak_memory_bytes=412),
)
DIVERGED = replace(
    FIRST,
    key=2,
    id="kq3vxe7a2m-t1",
    number=1,
    contender="adam",
    optimizer="adam",
    point={"lr": 3.0},
    settings={"lr": 3, "betas": (0.9, 0.999)},
    state=TrialState.DIVERGED,
    message="+1 = the loss is not finite",
    usage=None,
)
FAILED = replace(
    FIRST,
    key=3,
    id="kq3vxe7a2m-t2",
    number=2,
    kind=StudyKind.TUNING,
    state=TrialState.FAILED,
    failure=FailureKind.OUT_OF_MEMORY,
    message=HOSTILE,
    best_loss=None,
    final_loss=None,
    training_seconds=None,
    environment=None,
    started_at=None,
    ended_at=None,
)
Trials = tuple[tuple[TrialRecord, tuple[MetricPoint, ...]], ...]
EVERY: Trials = (
    (FIRST, curve([100.0, 1e-300, THIRD], 1.1)),
    (DIVERGED, curve([100.0, 1e60, None])),
    (FAILED, ()),
)


@dataclass
class Held:
    """A source that counts what it was asked for."""

    comparison: ComparisonRecord = COMPARISON
    every: Trials = EVERY
    read: list[str] = field(default_factory=list)

    def trials(self) -> Iterator[TrialRecord]:
        """Every trial."""
        return (trial for trial, _ in self.every)

    def curves(self) -> Curves:
        """Every trial with its points."""
        for trial, points in self.every:
            self.read.append(trial.id)
            names = MetricPoint.model_fields if points else ()
            yield trial, {name: tuple(getattr(point, name) for point in points) for name in names}
