"""The report: who wins, by how much, and how sure that is."""

from datetime import datetime
from typing import Literal

from service.contracts import numbers
from service.contracts.base import Contract, SettingValue
from service.contracts.metrics import Metric
from service.contracts.profiles import Profiles
from service.contracts.sensitivity import Sensitivity
from service.contracts.space import Space
from service.contracts.spec import Outcome
from service.contracts.usage import Phase
from service.contracts.work import Work


class Interval(Contract):
    """A median with its 95 % interval; a bound is None where the runs set none on that side."""

    median: float | None
    low: float | None = None
    high: float | None = None


NOT_MEASURED = Interval(median=None)
"""Stands for a metric that a problem lacks, or that an older report does not hold."""


class TimeTo(Contract):
    """Time, epochs or steps to the target over the seeds; runs that missed it are censored."""

    median: float | None
    """None where half of the runs or more did not reach the target."""
    low: float | None = None
    high: float | None = None
    reached: int
    runs: int


class TuningCost(Contract):
    """What the search of one contender took."""

    trials: int
    """Trials that ended, those that never began left out."""
    diverged: int
    failed: int
    worker_seconds: float
    stopped: int = 0
    """Of the trials those that the search stopped early."""
    saved_seconds: float = 0.0
    """About what these would have cost besides, trained to their end, in worker-seconds."""

    @property
    def remarks(self) -> str:
        """How trials ended that did not finish: ``3 stopped early, 1 diverged``; may be empty."""
        ends = (
            (self.stopped, "stopped early"),
            (self.diverged, "diverged"),
            (self.failed, "failed"),
        )
        return ", ".join(f"{count:,} {words}" for count, words in ends if count)


class RunCost(Contract):
    """What the finished runs of the finals took beside their time, as far as workers told it."""

    runs: int
    phases: dict[Phase, float]
    """Each phase's share of the training seconds of these runs together."""
    gradient_bytes: float
    """What a rank gave into sums of gradients in a step, the median over the runs."""
    curvature_bytes: float
    """The same of the sums for curvature."""
    peak_memory_bytes: float | None
    """The most main memory of a process, the median over the runs."""
    peak_device_memory_bytes: float | None

    def written_share(self, phase: Phase) -> str:
        """A phase's share as people read it: ``61 %``, or a dash."""
        return numbers.share(self.phases.get(phase))

    @property
    def written_bytes(self) -> str:
        """``2.94 MB and 98.2 kB``: gradients and curvature; a dash where nothing was sent."""
        if not self.gradient_bytes and not self.curvature_bytes:
            return numbers.DASH
        return f"{numbers.size(self.gradient_bytes)} and {numbers.size(self.curvature_bytes)}"


class ContenderReport(Contract):
    """One contender on one problem."""

    name: str
    optimizer: str
    settings: dict[str, SettingValue] | None
    """The chosen point; None where no trial of the search ended well."""
    space: Space
    at_bounds: tuple[str, ...]
    """Searched settings whose chosen value lies within 5 % (of the scale) of a bound."""
    tuning: TuningCost
    sensitivity: Sensitivity | None = None
    """How many of the tried points are nearly as good as the best; None where fewer than two were
    tried, and in an older report."""
    runs: int
    """Runs of the finals that ended, diverged ones included."""
    diverged: int
    failed: int
    final_loss: Interval
    """The deciding loss at the end of a run."""
    best_loss: Interval
    """The lowest deciding loss of a run."""
    train_loss: Interval = NOT_MEASURED
    """This and every other metric at the end of a run."""
    validation_loss: Interval = NOT_MEASURED
    test_loss: Interval = NOT_MEASURED
    train_accuracy: Interval = NOT_MEASURED
    validation_accuracy: Interval = NOT_MEASURED
    test_accuracy: Interval = NOT_MEASURED
    run_seconds: Interval
    """Training seconds of a whole run that finished: what its final loss cost."""
    run_gradients: Interval
    """Gradient evaluations of a whole run that finished, in mini-batches."""
    cost: RunCost | None = None
    """What such runs took besides; None where no worker told."""
    training_seconds: TimeTo
    epochs: TimeTo
    steps: TimeTo

    def at_end(self, metric: Metric) -> Interval:
        """A metric at the end of a run."""
        interval: Interval = getattr(self, metric)
        return interval

    def written(self, metric: Metric) -> str:
        """The same as people read it: ``0.312 (0.305–0.320)``, ``98.35 (98.20–98.50)``."""
        figure, write = self.at_end(metric), numbers.write_of(metric)
        return numbers.with_span(figure.median, figure.low, figure.high, write=write)


class PairReport(Contract):
    """Two contenders over the same seeds: ``ratio`` is the first's outcome over the second's."""

    first: str
    second: str
    ratio: Interval
    p_value: float
    corrected_p: float
    """Holm's correction over all pairs of the problem."""
    baseline_corrected_p: float | None
    """Holm's correction over the pairs with the baseline alone; None for other pairs."""
    seeds: int
    censored: int
    """Seeds of which at least one run missed the target."""
    better: str | None
    """The contender shown to be better by more than 2 % (corrected p < 0.05), if any."""


class Target(Contract):
    """The loss that counts as reached."""

    value: float | None
    rule: Literal["given", "relative"]
    winner_changes: bool | None = None
    """Whether another winner, or none, is found with the target moved by 5 % either way.

    None where no target decides, and while runs are missing."""


class ProblemReport(Contract):
    """The verdict on one problem."""

    problem: str
    title: str
    metric: Metric = Metric.TRAIN_LOSS
    """The loss that decides: points are chosen by it, and target, times and final loss are its."""
    outcome: Outcome
    target: Target
    sentence: str
    """The verdict in words a person reads."""
    winner: str | None
    beats_baseline: tuple[str, ...]
    baseline: str
    contenders: tuple[ContenderReport, ...]
    pairs: tuple[PairReport, ...]
    more_seeds: int | None
    """How many more seeds would probably decide it; None where it is decided or unknown."""
    warnings: tuple[str, ...]

    @property
    def beside(self) -> tuple[Metric, ...]:
        """What was measured at the end of the finals beside the loss that decides."""
        return tuple(
            metric
            for metric in Metric
            if metric is not self.metric
            and any(entry.at_end(metric) != NOT_MEASURED for entry in self.contenders)
        )

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that any contender's finals have."""
        costs = [entry.cost for entry in self.contenders if entry.cost is not None]
        return tuple(phase for phase in Phase if any(cost.phases.get(phase) for cost in costs))


class RerunReport(Contract):
    """How far a comparison that runs a capsule again is what the capsule holds."""

    comparison_id: str
    """The comparison that the capsule was made of."""
    capsule: str
    """The capsule's checksum."""
    made_at: datetime
    differences: tuple[str, ...]
    """Where trials ran otherwise than those that they repeat: ``threads: 1 then, 2 now``."""
    trials: int
    """Trials of the capsule that measured something, without those of cancelled contenders."""
    compared: int
    """Of these those that have ended here too, and measured something."""
    new: int = 0
    """Trials that measured something here and nothing in the capsule: there they failed."""
    same: int
    """Of these those whose losses are the same bit for bit after every epoch."""
    ended_otherwise: int
    """Of the others those that ended in another way, as by divergence."""
    largest_difference: float | None
    """Of the others the largest relative difference between two final losses."""


class Report(Contract):
    """The report of a comparison; interim while runs are missing."""

    schema_version: Literal[1] = 1
    comparison_id: str
    name: str
    status: Literal["interim", "final"]
    generated_at: datetime
    seeds: int
    epochs: int | None = None
    """Of each run, at most; None in an older report."""
    work: Work | None = None
    """What its runs were given; None in an older report."""
    minimum_seeds: int
    """The fewest seeds at which a winner among these contenders is possible."""
    problems: tuple[ProblemReport, ...]
    profiles: Profiles | None = None
    """Over all problems; None where there is one alone, and in an older report."""
    plugins: tuple[str, ...] = ()
    """The plug-ins that problems and optimizers came from, as the workers had them."""
    rerun: RerunReport | None = None
    """Of a comparison that runs a capsule again."""
    notes: tuple[str, ...] = ()
    """What the comparison is besides a first run: a rerun, and what it was extended by."""
    warnings: tuple[str, ...]
