"""Queries on trials."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from service.contracts.base import SettingValue
from service.contracts.events import Environment
from service.contracts.plan import Point
from service.contracts.states import ENDED_TRIALS, FailureKind, StudyKind, TrialState
from service.contracts.usage import Usage
from service.db.models import Trial
from service.domain.records import (
    NewTrial,
    StudyRecord,
    StudyTally,
    TrialFigures,
    TrialRecord,
    TrialTally,
    UnfinishedTrial,
)


@dataclass(frozen=True, slots=True)
class Trials:
    """The stored trials."""

    session: Session

    def add(self, study: StudyRecord, trials: Sequence[NewTrial]) -> None:
        """Store new trials of a study as queued."""
        shared = {
            "comparison_id": study.comparison_id,
            "study_id": study.id,
            "kind": study.kind,
            "problem": study.problem,
            "state": TrialState.QUEUED,
            "message": "",
            "attempt": 0,
            "epochs_done": 0,
        }
        rows = [{**shared, **asdict(trial)} for trial in trials]
        if rows:
            self.session.execute(insert(Trial), rows)

    def named(self, study_id: str, trial_ids: Collection[str]) -> Mapping[str, TrialRecord]:
        """Those of a study's trials that have one of these ids, by id."""
        query = (
            select(Trial)
            .where(Trial.study_id == study_id, Trial.id.in_(trial_ids))
            .execution_options(populate_existing=True)
        )
        return {row.id: _record(row) for row in self.session.scalars(query)}

    def of(
        self,
        comparison_id: str,
        *,
        study_id: str | None = None,
        kind: StudyKind | None = None,
        contender: str | None = None,
        trial_ids: Collection[str] | None = None,
    ) -> tuple[TrialRecord, ...]:
        """A comparison's trials by number."""
        query = select(Trial).where(Trial.comparison_id == comparison_id).order_by(Trial.number)
        if study_id is not None:
            query = query.where(Trial.study_id == study_id)
        if kind is not None:
            query = query.where(Trial.kind == kind)
        if contender is not None:
            query = query.where(Trial.contender == contender)
        if trial_ids is not None:
            query = query.where(Trial.id.in_(trial_ids))
        query = query.execution_options(populate_existing=True)
        return tuple(_record(row) for row in self.session.scalars(query))

    def page(self, comparison_id: str, *, after: int, limit: int) -> tuple[TrialRecord, ...]:
        """So many of a comparison's trials with a number above that one, by number."""
        query = (
            select(Trial)
            .where(Trial.comparison_id == comparison_id, Trial.number > after)
            .order_by(Trial.number)
            .limit(limit)
        )
        return tuple(_record(row) for row in self.session.scalars(query))

    def last_steps(self, comparison_id: str) -> Mapping[str, int]:
        """The last step of every trial that has points, by the trial's id."""
        query = select(Trial.id, Trial.last_step).where(
            Trial.comparison_id == comparison_id, Trial.last_step.is_not(None)
        )
        return {
            identity: step for identity, step in self.session.execute(query) if step is not None
        }

    def in_state(self, study_id: str, state: TrialState) -> tuple[str, ...]:
        """The ids of a study's trials in a state, by number."""
        query = (
            select(Trial.id)
            .where(Trial.study_id == study_id, Trial.state == state)
            .order_by(Trial.number)
        )
        return tuple(self.session.scalars(query))

    def stamp(self, comparison_id: str) -> tuple[int, float, float]:
        """Sums over a comparison's figures that move whenever a trial has a new point."""
        query = select(
            func.sum(Trial.last_step + 1),
            func.sum(Trial.training_seconds),
            func.sum(Trial.worker_seconds),
        ).where(Trial.comparison_id == comparison_id)
        steps, training, worker = self.session.execute(query).one()
        return int(steps or 0), float(training or 0.0), float(worker or 0.0)

    def tallies(self, comparison_ids: Collection[str]) -> tuple[TrialTally, ...]:
        """Counts and sums by comparison, contender, kind and state."""
        query = (
            select(
                Trial.comparison_id,
                Trial.contender,
                Trial.kind,
                Trial.state,
                func.count(),
                func.sum(Trial.epochs_done),
                func.min(Trial.best_loss),
                func.sum(func.coalesce(Trial.worker_seconds, 0.0)),
            )
            .where(Trial.comparison_id.in_(comparison_ids))
            .group_by(Trial.comparison_id, Trial.kind, Trial.contender, Trial.state)
        )
        return tuple(
            TrialTally(
                comparison_id=identity,
                contender=contender,
                kind=StudyKind(kind),
                state=TrialState(state),
                trials=trials,
                epochs_done=int(epochs or 0),
                best_loss=best,
                worker_seconds=float(seconds or 0.0),
            )
            for identity, contender, kind, state, trials, epochs, best, seconds in (
                self.session.execute(query)
            )
        )

    def study_tallies(self, comparison_id: str) -> Mapping[str, StudyTally]:
        """How many trials of each study have ended, by the study's id."""
        ended = func.sum(case((Trial.state.in_(ENDED_TRIALS), 1), else_=0))
        query = (
            select(Trial.study_id, func.count(), ended)
            .where(Trial.comparison_id == comparison_id)
            .group_by(Trial.study_id)
        )
        return {
            study_id: StudyTally(study_id=study_id, trials=trials, ended=int(over or 0))
            for study_id, trials, over in self.session.execute(query)
        }

    def unfinished(self, study_ids: Collection[str]) -> tuple[UnfinishedTrial, ...]:
        """The trials of these studies that have not ended."""
        query = select(
            Trial.study_id, Trial.state, Trial.attempt, Trial.epochs_done, Trial.worker_seconds
        ).where(Trial.study_id.in_(study_ids), Trial.state.not_in(ENDED_TRIALS))
        return tuple(UnfinishedTrial(*row) for row in self.session.execute(query))

    def set_state(
        self,
        trial: TrialRecord,
        state: TrialState,
        *,
        at: datetime,
        failure: FailureKind | None = None,
        message: str = "",
    ) -> None:
        """Write a state that the state table allows, and when it began or ended."""
        values: dict[str, object] = {"state": state, "failure": failure, "message": message}
        if state is TrialState.RUNNING and trial.started_at is None:
            values["started_at"] = at
        values["ended_at"] = at if state in ENDED_TRIALS else None
        self.session.execute(update(Trial).where(Trial.key == trial.key).values(**values))

    def set_point(
        self, trial: TrialRecord, point: Point, settings: Mapping[str, SettingValue]
    ) -> None:
        """Note the point that a search proposed for a trial, and all settings that follow."""
        self.session.execute(
            update(Trial).where(Trial.key == trial.key).values(point=point, settings=dict(settings))
        )

    def set_started(self, trial: TrialRecord, attempt: int, environment: Environment) -> None:
        """Note in which attempt and where a trial runs; what it takes is told at its end."""
        self.session.execute(
            update(Trial)
            .where(Trial.key == trial.key)
            .values(attempt=attempt, environment=environment.model_dump(mode="json"), usage=None)
        )

    def set_usage(self, trial: TrialRecord, usage: Usage | None) -> None:
        """Note what a trial took that has ended."""
        stored = usage.model_dump(mode="json") if usage else None
        self.session.execute(update(Trial).where(Trial.key == trial.key).values(usage=stored))

    def set_figures(self, figures: Mapping[int, TrialFigures]) -> None:
        """Write the figures of trials by key."""
        rows = [{"row": key, **asdict(values)} for key, values in figures.items()]
        if rows:
            columns = TrialFigures.__dataclass_fields__
            statement = (
                update(Trial.__table__)  # type: ignore[arg-type]
                .where(Trial.key == bindparam("row"))
                .values({column: bindparam(column) for column in columns})
            )
            self.session.connection().execute(statement, rows)


def _record(row: Trial) -> TrialRecord:
    return TrialRecord(
        key=row.key,
        id=row.id,
        comparison_id=row.comparison_id,
        study_id=row.study_id,
        number=row.number,
        kind=StudyKind(row.kind),
        problem=row.problem,
        contender=row.contender,
        optimizer=row.optimizer,
        point=_settings(row.point),
        settings=_settings(row.settings),
        seed=row.seed,
        state=TrialState(row.state),
        failure=FailureKind(row.failure) if row.failure else None,
        message=row.message,
        attempt=row.attempt,
        last_step=row.last_step,
        highest_step=row.highest_step,
        epochs_done=row.epochs_done,
        best_loss=row.best_loss,
        final_loss=row.final_loss,
        training_seconds=row.training_seconds,
        worker_seconds=row.worker_seconds,
        usage=Usage.model_validate(row.usage) if row.usage else None,
        environment=Environment.model_validate(row.environment) if row.environment else None,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _settings(stored: dict[str, Any]) -> dict[str, SettingValue]:
    """Settings as they were: JSON makes lists of the tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
