"""How long each driver has been silent, counting only time in which it could be heard."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.records import StudyRecord

_MOST_AT_ONCE = 2.0
"""Seconds that one look can add: a dispatcher that slept longer heard nobody meanwhile."""

_Heard = tuple[int, datetime | None]
"""The attempt, and when it was last heard of."""


@dataclass(slots=True)
class Silence:
    """Counts silence; a dispatcher that has just started knows of none."""

    _heard: dict[str, _Heard] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    def observe(self, studies: Sequence[StudyRecord], *, elapsed: float) -> None:
        """Take in the rows as they are now.

        Args:
            studies: The live studies; others are forgotten.
            elapsed: Seconds since the last look in which drivers could be heard.
        """
        seconds: dict[str, float] = {}
        for study in studies:
            heard = (study.attempt, study.last_heartbeat)
            silent = self._heard.get(study.id) == heard
            before = self._seconds.get(study.id, 0.0)
            seconds[study.id] = before + min(elapsed, _MOST_AT_ONCE) if silent else 0.0
            self._heard[study.id] = heard
        self._heard = {study.id: self._heard[study.id] for study in studies}
        self._seconds = seconds

    def seconds(self, study: StudyRecord) -> float:
        """For how long a study has been silent."""
        return self._seconds.get(study.id, 0.0)
