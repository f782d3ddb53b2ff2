"""What one rank does with a trial, and what becomes of a trial some of whose ranks fail."""

import time
from collections.abc import Callable, Iterable, Sequence

from pydantic import TypeAdapter

from service.contracts.events import Event, TrialEnded
from service.contracts.states import FailureKind
from workers.ranks.base import Ranks
from workers.trial import Trial

TELL_SECONDS = 0.25
"""Epochs are told together until this much time has passed."""
EVENTS = TypeAdapter(tuple[Event, ...])
Tell = Callable[[Sequence[Event]], None]


class RankFailed(Exception):
    """This rank cannot go on, and has to leave the group.

    Args:
        told: What it had not told yet, its failure last, as JSON: exceptions travel as text.
    """

    def __init__(self, told: str) -> None:
        super().__init__(told)
        self.told = told

    @property
    def events(self) -> tuple[Event, ...]:
        """What it had not told yet, the trial's end last."""
        return EVENTS.validate_json(self.told)

    @property
    def lost_another(self) -> bool:
        """Whether it failed only because another rank was gone."""
        return _failure(self.events) is FailureKind.LOST_WORKER


def train(trial: Trial, ranks: Ranks, tell: Tell) -> None:
    """Train a trial on this rank to its end.

    Args:
        trial: This rank's.
        ranks: Who trains it; rank 0 says when it is time to tell.
        tell: Takes events; every rank calls it, as often as the others.

    Raises:
        RankFailed: If the trial failed here.
    """
    events, told_at = trial.start(), time.monotonic()
    while not trial.ended:
        late = time.monotonic() - told_at > TELL_SECONDS
        if ranks.gather((late,))[0][0]:
            tell(events)
            events, told_at = [], time.monotonic()
        events.extend(trial.advance())
    if _failure(events) is not None:
        raise RankFailed(EVENTS.dump_json(tuple(events)).decode())
    tell(events)


def cause(failures: Iterable[RankFailed]) -> RankFailed | None:
    """The failure that the others followed from; None where all ranks just lost another one.

    Args:
        failures: In the order of the ranks.
    """
    return next((failure for failure in failures if not failure.lost_another), None)


def _failure(events: Sequence[Event]) -> FailureKind | None:
    last = events[-1] if events else None
    return last.failure if isinstance(last, TrialEnded) else None
