"""Measures what it takes to start a study, phase by phase."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from service.contracts.events import Event, TrialPoint, TrialStarted
from service.contracts.start import StudyStart


class StartWatch:
    """Notes when each phase of a study's start ended.

    Args:
        began_at: When the driver's program began.
        now: The time of day.
    """

    def __init__(
        self, began_at: datetime, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._now = now
        self._began_at = began_at
        self._ended = [began_at]
        self._trial_at: datetime | None = None
        self.measured: StudyStart | None = None
        """All phases, once the first metric is there."""

    def phase_ended(self) -> None:
        """Imports, assignment and connection, in this order: the next of them is over."""
        self._ended.append(self._now())

    def heard(self, events: Sequence[Event]) -> None:
        """Look for the first trial's beginning and the first metric among what is told."""
        if self.measured is not None:
            return
        for event in events:
            if isinstance(event, TrialStarted) and self._trial_at is None:
                self._trial_at = event.at
            elif isinstance(event, TrialPoint) and self._trial_at is not None:
                self.measured = self._phases(self._trial_at)
                return

    def _phases(self, trial_at: datetime) -> StudyStart:
        """The clocks of two machines may differ: no phase is shorter than nothing."""
        imported, assigned, connected = self._ended[1:4]
        return StudyStart(
            began_at=self._began_at,
            imports_seconds=_between(self._began_at, imported),
            assignment_seconds=_between(imported, assigned),
            connection_seconds=_between(assigned, connected),
            actor_seconds=_between(connected, trial_at),
            metric_seconds=_between(trial_at, self._now()),
        )


def _between(first: datetime, second: datetime) -> float:
    return max((second - first).total_seconds(), 0.0)
