"""What drivers and trials print: taken in numbered chunks, bounded, shown in pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.contracts.logs import STUDY_CHARACTERS, LogBatch, LogChunk, LogPage, LogReceipt
from service.domain.errors import NotFound, StaleAttempt
from service.domain.ports import UnitOfWork, Units
from service.domain.records import StudyRecord

FULL = "\n[this study's log is full: what follows was dropped]\n"


@dataclass(frozen=True, slots=True)
class Logs:
    """What may be done with logs."""

    units: Units
    most_characters: int = STUDY_CHARACTERS
    """Of one study, over all its attempts."""

    def record(self, study_id: str, batch: LogBatch) -> LogReceipt:
        """Take chunks of the current attempt, ended or not; repeats change nothing.

        Raises:
            NotFound: Where the study has no such trial.
            StaleAttempt: Where the attempt is not the current one, or the study gone.
        """
        with self.units.write() as unit:
            study = unit.studies.get(study_id)
            if study is not None:
                unit.comparisons.lock(study.comparison_id)
                study = unit.studies.get(study_id)
            if study is None:
                raise StaleAttempt(f"there is no study {study_id} any more: it was deleted")
            if study.attempt != batch.attempt:
                raise StaleAttempt(
                    f"attempt {batch.attempt} of study {study_id} is over: "
                    f"its attempt is {study.attempt}"
                )
            _check_trials(unit, study, batch.chunks)
            numbers = [chunk.number for chunk in batch.chunks]
            known = unit.logs.known(study, numbers)
            fresh = [chunk for chunk in batch.chunks if chunk.number not in known]
            fitting = self._fitting(fresh, unit.logs.characters(study_id))
            unit.logs.add(study, fitting)
        return LogReceipt(stored=len(known) + len(fitting))

    def page(
        self,
        comparison_id: str,
        *,
        study_id: str | None = None,
        trial_id: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> LogPage:
        """Entries of a comparison's log with a number above ``after``, in order.

        Raises:
            NotFound: Where there is no such comparison.
        """
        with self.units.read() as unit:
            if unit.comparisons.get(comparison_id) is None:
                raise NotFound(f"there is no comparison {comparison_id}")
            items = unit.logs.page(
                comparison_id, study_id=study_id, trial_id=trial_id, after=after, limit=limit
            )
        return LogPage(items=items, last=items[-1].number if items else after)

    def _fitting(self, chunks: Sequence[LogChunk], before: int) -> list[LogChunk]:
        """The chunks for which there is room; the last one says that there is no more."""
        room = self.most_characters - before
        fitting: list[LogChunk] = []
        for chunk in chunks:
            if room <= 0:
                break
            whole = len(chunk.text) < room
            text = chunk.text if whole else chunk.text[:room] + FULL
            fitting.append(chunk.model_copy(update={"text": text}))
            room -= len(text)
        return fitting


def _check_trials(unit: UnitOfWork, study: StudyRecord, chunks: Sequence[LogChunk]) -> None:
    named = {chunk.trial_id for chunk in chunks if chunk.trial_id is not None}
    if unknown := sorted(named - unit.trials.named(study.id, named).keys()):
        raise NotFound(f"study {study.id} has no trial {unknown[0]}")
