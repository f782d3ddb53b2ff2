"""What a contender's whole runs took beside their time."""

import statistics
from collections.abc import Sequence

from service.contracts.report import RunCost
from service.contracts.states import TrialState
from service.contracts.usage import Phase, Usage
from service.domain.results import TrialResult


def run_cost(finals: Sequence[TrialResult]) -> RunCost | None:
    """What those of the finals took that finished; None where no worker told.

    Args:
        finals: One contender's trials on fresh seeds.
    """
    finished = [
        (trial, trial.usage)
        for trial in finals
        if trial.state is TrialState.FINISHED and trial.usage is not None and trial.points
    ]
    if not finished:
        return None
    usages = [usage for _, usage in finished]
    steps = [max(trial.points[-1].step, 1) for trial, _ in finished]
    return RunCost(
        runs=len(finished),
        phases=_shares(usages, sum(trial.points[-1].training_seconds for trial, _ in finished)),
        gradient_bytes=_median_a_step([usage.gradient_bytes for usage in usages], steps),
        curvature_bytes=_median_a_step([usage.curvature_bytes for usage in usages], steps),
        peak_memory_bytes=_median([usage.peak_memory_bytes for usage in usages]),
        peak_device_memory_bytes=_median([usage.peak_device_memory_bytes for usage in usages]),
    )


def _shares(usages: Sequence[Usage], training_seconds: float) -> dict[Phase, float]:
    """Shares of the seconds of all runs together, which are never more than 1 in sum."""
    totals = {phase: sum(usage.phases.get(phase, 0.0) for usage in usages) for phase in Phase}
    return {phase: total / training_seconds for phase, total in totals.items() if total}


def _median_a_step(totals: Sequence[int], steps: Sequence[int]) -> float:
    return statistics.median(total / count for total, count in zip(totals, steps, strict=True))


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
