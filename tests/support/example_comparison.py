"""Comparisons as the service shows them, computed from made-up curves: for tests of the pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from service.contracts.plan import Point
from service.contracts.report import (
    ContenderReport,
    Interval,
    PairReport,
    ProblemReport,
    Report,
    Target,
    TimeTo,
    TuningCost,
)
from service.contracts.space import LogRange
from service.contracts.spec import BudgetSpec, ComparisonSpec, ContenderSpec, Outcome
from service.contracts.states import ComparisonState, StudyKind, StudyState, TrialState
from service.contracts.tuning import TuningSpec
from service.contracts.views import (
    ComparisonView,
    ContenderProgress,
    Series,
    StudyView,
    TrialView,
)
from service.domain.errors import NotFound

PROBLEM = "mnist-5k-autoencoder"
EPOCHS = 10
SEEDS = 8
TUNING = 8
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FLOORS = {"kbfgs": (55.0, 0.55, 0.62), "adam": (58.0, 0.38, 0.21), "rmsprop": (61.0, 0.36, 0.2)}
FLOORS["sgd"] = (74.0, 0.25, 0.17)
"""For each optimizer: loss in the end, rate an epoch, seconds an epoch."""


@dataclass(frozen=True)
class Example:
    """One comparison with all that its page asks for."""

    view: ComparisonView
    studies: tuple[StudyView, ...]
    trials: tuple[TrialView, ...]
    series: tuple[Series, ...]
    report: Report


def example(
    *,
    identifier: str = "kq3vxe7a2m",
    name: str = "K-BFGS against first-order methods, MNIST digits",
    state: ComparisonState = ComparisonState.FINISHED,
    share: float = 1.0,
    now: datetime = START + timedelta(minutes=40),
    heard_seconds_ago: float = 1.0,
) -> Example:
    """A comparison of which that share of the epochs is done."""
    contenders = tuple(FLOORS)
    spec = ComparisonSpec(
        name=name,
        problems=(PROBLEM,),
        contenders=tuple(ContenderSpec(optimizer=one, settings={}) for one in contenders),
        baseline="adam",
        budget=BudgetSpec(epochs=EPOCHS),
        tuning=TuningSpec(trials=TUNING),
        seeds=SEEDS,
    )
    total = len(contenders) * (TUNING + SEEDS) * EPOCHS
    trials, series = _runs(identifier, contenders, done=round(share * total))
    progress = tuple(_progress(one, trials) for one in contenders)
    started = state is not ComparisonState.QUEUED
    ended = state in {ComparisonState.FINISHED, ComparisonState.CANCELLED, ComparisonState.FAILED}
    report = _report(identifier, spec, trials, series, final=state is ComparisonState.FINISHED)
    view = ComparisonView(
        id=identifier,
        name=name,
        state=state,
        reason="",
        created_at=now - timedelta(minutes=9),
        started_at=now - timedelta(minutes=8) if started else None,
        ended_at=now - timedelta(minutes=1) if ended else None,
        problems=(PROBLEM,),
        contenders=progress,
        baseline="adam",
        progress=share,
        seconds_left=None if ended or not started else 400 * (1 - share),
        worker_seconds=sum(one.worker_seconds for one in progress),
        last_heartbeat=now - timedelta(seconds=heard_seconds_ago) if started else None,
        verdict=report.problems[0].sentence if report.status == "final" else None,
        spec=spec,
    )
    return Example(view, _studies(identifier, trials, state), trials, series, report)


def _runs(
    identifier: str, contenders: Sequence[str], *, done: int
) -> tuple[tuple[TrialView, ...], tuple[Series, ...]]:
    trials: list[TrialView] = []
    series: list[Series] = []
    order = [(StudyKind.TUNING, one, n) for one in contenders for n in range(TUNING)]
    order += [(StudyKind.FINALS, one, n) for n in range(SEEDS) for one in contenders]
    for number, (kind, contender, nth) in enumerate(order):
        epochs = max(0, min(EPOCHS, done - number * EPOCHS))
        losses = _curve(contender, nth, kind, epochs)
        diverged = None in losses
        state = TrialState.QUEUED if not epochs else TrialState.RUNNING
        if diverged:
            state = TrialState.DIVERGED
        elif epochs == EPOCHS:
            state = TrialState.FINISHED
        pace = FLOORS[contender][2] * (1 + 0.02 * math.sin(number))
        seconds = tuple(round(pace * epoch, 3) for epoch in range(len(losses)))
        finite = [loss for loss in losses if loss is not None]
        point = _point(contender, nth)
        shared = {
            "kind": kind,
            "problem": PROBLEM,
            "contender": contender,
            "optimizer": contender,
            "seed": 1000 + nth,
            "state": state,
        }
        trials.append(
            TrialView(
                **shared,
                id=f"{identifier}-t{number}",
                study_id=f"{identifier}-s0",
                point=point,
                settings={**point, "weight_decay": 0.0},
                failure=None,
                message="the loss is not finite" if diverged else "",
                attempt=1,
                epochs_done=max(0, len(losses) - 1),
                best_loss=min(finite, default=None),
                final_loss=losses[-1] if state is TrialState.FINISHED else None,
                training_seconds=seconds[-1] if epochs else None,
                worker_seconds=1.3 * seconds[-1] if epochs else None,
                started_at=None,
                ended_at=None,
            )
        )
        series.append(
            Series(
                **shared,
                trial_id=f"{identifier}-t{number}",
                epoch=tuple(range(len(losses))),
                step=tuple(20 * epoch for epoch in range(len(losses))),
                training_seconds=seconds,
                elapsed_seconds=seconds,
                train_loss=tuple(losses),
                test_loss=tuple(None if loss is None else 1.04 * loss for loss in losses),
            )
        )
    return tuple(trials), tuple(series)


def _point(contender: str, nth: int) -> Point:
    point: Point = {"lr": 0.3 * 1.9 ** (nth - 4)}
    if contender != "sgd":
        point["damping" if contender == "kbfgs" else "eps"] = 0.4 * 0.6**nth
    return point


def _curve(contender: str, nth: int, kind: StudyKind, epochs: int) -> list[float | None]:
    if not epochs:
        return []
    floor, rate, _ = FLOORS[contender]
    if kind is StudyKind.TUNING:
        rate *= math.exp(-0.28 * abs(nth - 4))
    spread = 1 + 0.012 * math.sin(5 * nth + len(contender))
    losses: list[float | None] = [
        round(spread * (floor + (543.0 - floor) * math.exp(-rate * epoch**0.75 * 2)), 4)
        for epoch in range(epochs + 1)
    ]
    if kind is StudyKind.TUNING and nth == TUNING - 1 and contender in {"kbfgs", "sgd"}:
        return [*losses[:3], None]
    return losses


def _progress(contender: str, trials: Sequence[TrialView]) -> ContenderProgress:
    own = [trial for trial in trials if trial.contender == contender]
    ended = [trial for trial in own if trial.state in {TrialState.FINISHED, TrialState.DIVERGED}]
    losses = [trial.best_loss for trial in own if trial.best_loss is not None]
    return ContenderProgress(
        name=contender,
        optimizer=contender,
        trials=len(own),
        trials_ended=len(ended),
        epochs=len(own) * EPOCHS,
        epochs_done=sum(EPOCHS if trial in ended else trial.epochs_done for trial in own),
        diverged=sum(trial.state is TrialState.DIVERGED for trial in own),
        failed=0,
        best_loss=min(losses, default=None),
        worker_seconds=sum(trial.worker_seconds or 0.0 for trial in own),
    )


def _studies(
    identifier: str, trials: Sequence[TrialView], state: ComparisonState
) -> tuple[StudyView, ...]:
    groups = [(StudyKind.TUNING, one) for one in FLOORS] + [(StudyKind.FINALS, None)]
    made = []
    for number, (kind, contender) in enumerate(groups):
        own = [one for one in trials if one.kind is kind and contender in {None, one.contender}]
        ended = sum(one.state in {TrialState.FINISHED, TrialState.DIVERGED} for one in own)
        live = state is ComparisonState.RUNNING and 0 < ended < len(own)
        made.append(
            StudyView(
                id=f"{identifier}-s{number}",
                kind=kind,
                problem=PROBLEM,
                contender=contender,
                state=StudyState.RUNNING
                if live
                else StudyState.FINISHED
                if ended == len(own)
                else StudyState.QUEUED,
                reason="",
                attempt=1,
                trials=len(own),
                trials_ended=ended,
                last_heartbeat=None,
                started_at=None,
                ended_at=None,
            )
        )
    tuned = all(study.state is StudyState.FINISHED for study in made[:-1])
    return tuple(made if tuned else made[:-1])


def _report(
    identifier: str,
    spec: ComparisonSpec,
    trials: Sequence[TrialView],
    series: Sequence[Series],
    *,
    final: bool,
) -> Report:
    contenders = tuple(_contender(name, trials, series) for name in FLOORS)
    measured = any(one.runs for one in contenders)
    pairs = [
        PairReport(
            first=first,
            second=second,
            ratio=Interval(median=0.41 + 0.1 * n, low=0.37 + 0.1 * n, high=0.46 + 0.1 * n),
            p_value=0.0078,
            corrected_p=0.023 + 0.03 * (n // 3),
            baseline_corrected_p=None,
            seeds=SEEDS,
            censored=n % 3,
            better=first if n < 3 else None,
        )
        for n, (first, second) in enumerate(
            (a, b) for i, a in enumerate(FLOORS) for b in list(FLOORS)[i + 1 :]
        )
    ]
    sentence = (
        "kbfgs reaches a training loss of 77.1 in 0.41 of adam's time (95 % 0.37 to 0.46, "
        "corrected p = 0.023, 8 seeds); tuning took 8 trials each, 24 and 9 worker-seconds."
    )
    problem = ProblemReport(
        problem=PROBLEM,
        title="Autoencoder 784-200-100-20-100-200-784 on 5,000 MNIST digits",
        outcome=Outcome.TRAINING_SECONDS,
        target=Target(
            value=77.1 if measured else None,
            rule="relative",
            winner_changes=False if final else None,
        ),
        sentence=sentence,
        winner="kbfgs" if final else None,
        beats_baseline=("kbfgs",) if final else (),
        baseline="adam",
        contenders=contenders,
        pairs=tuple(pairs) if measured else (),
        more_seeds=None,
        warnings=("adam: the best eps lies within 5 % of a bound of its range.",),
    )
    return Report(
        comparison_id=identifier,
        name=spec.name,
        status="final" if final else "interim",
        generated_at=START,
        seeds=SEEDS,
        minimum_seeds=8,
        problems=(problem,),
        warnings=(),
    )


def _contender(name: str, trials: Sequence[TrialView], series: Sequence[Series]) -> ContenderReport:
    tuning = [t for t in trials if t.contender == name and t.kind is StudyKind.TUNING]
    finals = [
        s
        for s in series
        if s.contender == name and s.kind is StudyKind.FINALS and s.state is TrialState.FINISHED
    ]
    losses = [s.train_loss[-1] for s in finals if s.train_loss[-1] is not None]
    tuned = all(t.state in {TrialState.FINISHED, TrialState.DIVERGED} for t in tuning)
    reached = len(finals) if name != "sgd" else len(finals) // 3
    to_target = TimeTo(
        median=2.31 if reached > len(finals) / 2 else None,
        low=2.2 if reached > len(finals) / 2 else None,
        high=2.48 if reached > len(finals) / 2 else None,
        reached=reached,
        runs=len(finals),
    )
    loss = Interval(
        median=median(losses) if losses else None,
        low=min(losses) if losses else None,
        high=max(losses) if losses else None,
    )
    return ContenderReport(
        name=name,
        optimizer=name,
        settings=tuning[4].point if tuned else None,
        space={"lr": LogRange(log=(1e-4, 1.0))},
        at_bounds=("eps",) if name == "adam" else (),
        tuning=TuningCost(
            trials=len(tuning),
            diverged=sum(t.state is TrialState.DIVERGED for t in tuning),
            failed=0,
            worker_seconds=sum(t.worker_seconds or 0 for t in tuning),
        ),
        runs=len(finals),
        diverged=0,
        failed=0,
        final_loss=loss,
        best_loss=loss,
        test_loss=loss,
        run_seconds=Interval(median=3.1, low=2.9, high=3.4),
        run_gradients=Interval(median=200, low=200, high=200),
        training_seconds=to_target,
        epochs=to_target,
        steps=to_target,
    )


def lookup(examples: Sequence[Example], identifier: str) -> Example:
    """The example of that id; `NotFound` where there is none."""
    for one in examples:
        if one.view.id == identifier:
            return one
    raise NotFound(f"There is no comparison {identifier!r}.")
