"""What the trials of a search have cost, and whether that is its budget."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class _Cost:
    """What a trial had cost when it was last heard of, and how many ranks have worked since."""

    seconds: float
    at: float = 0.0
    ranks: int = 0


class Spending:
    """Worker-seconds of each trial over all its attempts, those since its last word included.

    Args:
        budget: The worker-seconds of the search; None where they have no limit.
        spent: What trials cost in earlier attempts, by id.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        budget: float | None = None,
        spent: Mapping[str, float] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget, self._clock = budget, clock
        self._costs = {trial_id: _Cost(seconds) for trial_id, seconds in (spent or {}).items()}

    def note(self, trial_id: str, seconds: float, *, ranks: int) -> None:
        """A trial says what it has cost; from now on so many ranks go on working at it.

        One that begins again says less at first, while it tells its history: it costs no less.
        """
        known = self._costs.get(trial_id, _Cost(0.0)).seconds
        self._costs[trial_id] = _Cost(max(known, seconds), self._clock(), ranks)

    def rest(self, trial_id: str) -> None:
        """Nobody works at the trial any more; its cost is what it last said."""
        self._costs[trial_id] = _Cost(self._costs.get(trial_id, _Cost(0.0)).seconds)

    def of(self, trial_id: str) -> float:
        """What a trial has cost by now, in worker-seconds."""
        cost = self._costs.get(trial_id, _Cost(0.0))
        return cost.seconds + (self._clock() - cost.at) * cost.ranks

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent."""
        return self.budget is not None and sum(map(self.of, self._costs)) >= self.budget
