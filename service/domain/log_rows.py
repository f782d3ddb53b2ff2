"""The stored log as the use cases ask for it; the database implements this port."""

from collections.abc import Sequence
from typing import Protocol

from service.contracts.logs import LogChunk, LogEntry
from service.domain.records import StudyRecord


class LogRows(Protocol):
    """What drivers and trials printed."""

    def add(self, study: StudyRecord, chunks: Sequence[LogChunk]) -> None:
        """Store chunks of the study's attempt that are not there yet, and count their length."""
        ...

    def known(self, study: StudyRecord, numbers: Sequence[int]) -> frozenset[int]:
        """Those of the numbers that the study's attempt has sent before."""
        ...

    def characters(self, study_id: str) -> int:
        """How much a study has printed so far, over all attempts."""
        ...

    def page(
        self,
        comparison_id: str,
        *,
        study_id: str | None,
        trial_id: str | None,
        after: int,
        limit: int,
    ) -> tuple[LogEntry, ...]:
        """Entries of a comparison with higher numbers, in order."""
        ...
