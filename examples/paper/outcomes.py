"""What became of a comparison: its runs and its report, from wherever they were trained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.contracts.plan import Point
from service.contracts.report import Report
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_TRIALS, StudyKind, TrialState
from service.contracts.views import Series, TrialView
from service.domain.results import ComparisonResults


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run of a comparison with its curve, epoch 0 (the initial weights) first."""

    contender: str
    kind: StudyKind
    state: TrialState
    point: Point
    epochs: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    """Training seconds at each epoch."""
    losses: tuple[float | None, ...] = ()
    """Training loss at each epoch; None where it was not finite."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED_TRIALS

    @property
    def final_loss(self) -> float | None:
        """Training loss at the end of a run that finished."""
        return self.losses[-1] if self.state is TrialState.FINISHED and self.losses else None

    def loss_at(self, epoch: int) -> float | None:
        """Training loss after so many epochs, if the run came that far."""
        return dict(zip(self.epochs, self.losses, strict=True)).get(epoch)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A comparison as far as it ran."""

    name: str
    spec: ComparisonSpec | None
    """None where it could not even be planned."""
    runs: tuple[Run, ...]
    """All that are planned so far: finals are, once their searches ended."""
    report: Report | None
    missing: str
    """Why it did not run to its end; empty where it did."""
    machines: tuple[str, ...] = ()
    """Where the runs were made, as far as that is known."""
    weight_terms: tuple[tuple[str, float], ...] = ()
    """Contenders with tau/2 |W|^2 at the end of a run, where that could be computed."""

    def of(self, contender: str, kind: StudyKind) -> tuple[Run, ...]:
        """The runs of one contender in its search or in the finals."""
        return tuple(run for run in self.runs if (run.contender, run.kind) == (contender, kind))

    def shown(self, contender: str) -> tuple[Run, ...]:
        """The runs that stand for a contender: finals with a curve, else the best of its search."""
        finals = [run for run in self.of(contender, StudyKind.FINALS) if run.losses]
        if finals:
            return tuple(finals)
        found = (run for run in self.of(contender, StudyKind.TUNING) if run.losses)
        return tuple(sorted(found, key=_rank)[:1])


def _rank(run: Run) -> tuple[bool, int, float]:
    """Runs that go well first, then those that are far, then those with a low loss."""
    loss = run.losses[-1]
    return run.state is TrialState.DIVERGED, -len(run.losses), 0.0 if loss is None else loss


def not_run(name: str, reason: str) -> Outcome:
    """A comparison of which there is nothing."""
    return Outcome(name=name, spec=None, runs=(), report=None, missing=reason)


def runs_of_results(results: ComparisonResults) -> tuple[Run, ...]:
    """The runs of a comparison on this machine."""
    return tuple(
        Run(
            contender=trial.contender,
            kind=trial.kind,
            state=trial.state,
            point=trial.point,
            epochs=tuple(point.epoch for point in trial.points),
            seconds=tuple(point.training_seconds for point in trial.points),
            losses=tuple(point.train_loss for point in trial.points),
        )
        for trial in results.trials
    )


def runs_of_views(trials: Iterable[TrialView], series: Sequence[Series]) -> tuple[Run, ...]:
    """The runs of a comparison as a server shows them."""
    curves = {one.trial_id: one for one in series}
    return tuple(
        Run(
            contender=trial.contender,
            kind=trial.kind,
            state=trial.state,
            point=trial.point,
            epochs=curves[trial.id].epoch if trial.id in curves else (),
            seconds=curves[trial.id].training_seconds if trial.id in curves else (),
            losses=curves[trial.id].train_loss if trial.id in curves else (),
        )
        for trial in trials
    )
