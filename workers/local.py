"""A whole comparison on this machine, without Ray and without a server."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import ValidationError

from service.contracts.catalogue import Catalogue, check, installed
from service.contracts.errors import SpecRefused, first_error
from service.contracts.event_lines import LOCAL_COMPARISON, LineRefused, parse_events
from service.contracts.events import EventLine, StudyEnded
from service.contracts.plan import Plan, PlannedStudy
from service.contracts.states import ENDED_TRIALS, StudyKind
from service.contracts.workers import most
from service.domain import ids, planning, searching, selection
from service.domain.replay import replay
from service.domain.results import ComparisonResults, TrialResult, trials_of
from workers.agenda import Agenda, Tell
from workers.context import TrialFolder, TrialPlan, plan_trials
from workers.halving import Halving
from workers.optimizers import UnknownOptimizer, optimizer_factory
from workers.plugins import PluginBroken
from workers.problems import DataMissing, UnknownProblem, build_problem
from workers.proposals import Points
from workers.ranks.gang import GangLost
from workers.ranks.local import LocalRanks, RanksRefused, ranks_here
from workers.reporting import JsonlReporter
from workers.spending import Spending
from workers.trial import Trial

ATTEMPT = 1


class RunRefused(ValueError):
    """The plan cannot be run here; the text is one line that names the file and what is wrong."""


def run_local(plan_path: Path, folder: Path) -> None:
    """Run a plan: the searches, the choice of points, the finals on fresh seeds.

    Leaves ``plan.json`` (the plan with its finals) and ``events.jsonl`` in the folder. Run
    again on the same folder it goes on: ended trials stand, others resume from their
    checkpoints.

    Raises:
        RunRefused: If a file cannot be read or written, is not what it should be, the folder
            holds a run of another plan, or a problem's data are missing.
    """
    try:
        _run(plan_path, folder)
    except OSError as error:
        raise RunRefused(f"{error.filename or folder}: {error.strerror or error}") from error


def read_results(folder: Path, catalogue: Catalogue) -> ComparisonResults:
    """What became of every trial of the run in this folder.

    Raises:
        RunRefused: If the folder's files are not those of a run.
    """
    events = (line.event for line in _read_events(folder / "events.jsonl"))
    plan = _read_plan(folder / "plan.json")
    return replay(plan, events, catalogue, comparison_id=LOCAL_COMPARISON)


def _run(plan_path: Path, folder: Path) -> None:
    catalogue = installed()
    plan = _read_plan(plan_path)
    _check(plan, plan_path, catalogue)
    chain = _Chain(plan, folder, catalogue)
    with closing(chain):
        for study in chain.planned:
            chain.run(study)
        for problem in plan.spec.problems:
            chain.run(chain.finals(problem))


class _Chain:
    """A plan on its way, in a folder."""

    def __init__(self, plan: Plan, folder: Path, catalogue: Catalogue) -> None:
        self._folder, self._catalogue = folder, catalogue
        self._ranks = LocalRanks()
        folder.mkdir(parents=True, exist_ok=True)
        self._events = folder / "events.jsonl"
        self._plan = self._continued(plan)

    @property
    def planned(self) -> tuple[PlannedStudy, ...]:
        """The studies of the plan so far."""
        return self._plan.studies

    def run(self, study: PlannedStudy) -> None:
        """Run what has not ended of a study."""
        told = _read_events(self._events)
        own_id = ids.study_id(LOCAL_COMPARISON, study.number)
        if any(line.study_id == own_id and isinstance(line.event, StudyEnded) for line in told):
            return
        tried = trials_of(self._results(), study.problem, study.kind, study.contender)
        study = _with_points(study, tried)
        assignment = planning.study_assignment(
            self._plan.spec,
            self._catalogue,
            study,
            comparison_id=LOCAL_COMPARISON,
            attempt=ATTEMPT,
            ended={trial.number for trial in tried if trial.state in ENDED_TRIALS},
        )
        assignment = searching.informed(
            assignment,
            study,
            spec=self._plan.spec,
            catalogue=self._catalogue,
            tried=tried,
            capsule=self._plan.capsule,
        )
        reporter = JsonlReporter(
            self._events, study_id=assignment.study_id, attempt=assignment.attempt
        )
        agenda = Agenda(
            plan_trials(assignment, self._catalogue),
            tell=reporter.report,
            halt=lambda trial_id: self._trial_folder(trial_id).cancel(),
            spending=Spending(assignment.worker_seconds, assignment.spent),
            points=Points(assignment.proposals),
            halving=Halving(assignment.rungs),
        )
        while not agenda.is_over:
            plan = agenda.begin()
            if plan is None:
                time.sleep(agenda.pause_seconds())
            else:
                self._run_trial(plan, agenda, study.kind)
        reporter.report([StudyEnded(at=datetime.now(UTC), outcome="finished")])
        reporter.close()

    def close(self) -> None:
        """End the processes that trained."""
        self._ranks.close()

    def _run_trial(self, plan: TrialPlan, agenda: Agenda, kind: StudyKind) -> None:
        folder = self._trial_folder(plan.trial.trial_id)
        try:
            if most(plan.workers) == 1:
                run_trial(Trial(plan, folder), agenda.heard)
            else:
                self._ranks.run(plan, folder, agenda.heard)
            agenda.left(plan.trial.trial_id)
        except GangLost as loss:
            agenda.lost(plan.trial.trial_id, str(loss))
        if kind is StudyKind.TUNING and agenda.has_ended(plan.trial.trial_id):
            folder.remove()  # a long search would fill the disk; the weights of finals stay

    def _trial_folder(self, trial_id: str) -> TrialFolder:
        return TrialFolder.of(
            self._folder / "checkpoints", comparison_id=LOCAL_COMPARISON, trial_id=trial_id
        )

    def finals(self, problem: str) -> PlannedStudy:
        """The finals on this problem: those of the plan, or new ones from what was found."""
        for study in self._plan.studies:
            if study.kind is StudyKind.FINALS and study.problem == problem:
                return study
        studies = self._plan.studies
        study = planning.plan_finals(
            self._plan.spec,
            problem,
            selection.select(self._results(), problem, self._catalogue),
            self._plan.seeds,
            study_number=1 + max(study.number for study in studies),
            first_trial_number=1 + max(trial.number for one in studies for trial in one.trials),
            capsule=self._plan.capsule,
        )
        self._plan = self._plan.model_copy(update={"studies": (*studies, study)})
        self._write_plan()
        return study

    def _results(self) -> ComparisonResults:
        return read_results(self._folder, self._catalogue)

    def _continued(self, plan: Plan) -> Plan:
        """The folder's plan, which may have finals already, if it is this one."""
        path = self._folder / "plan.json"
        if not path.exists():
            self._plan = plan
            self._write_plan()
            return plan
        found = _read_plan(path)
        searches = tuple(study for study in found.studies if study.kind is StudyKind.TUNING)
        if found.model_copy(update={"studies": searches}) != plan:
            raise RunRefused(f"{path} is another plan's: give another folder")
        return found

    def _write_plan(self) -> None:
        temporary = self._folder / ".plan.json"
        temporary.write_text(self._plan.model_dump_json(indent=2), encoding="utf-8")
        temporary.replace(self._folder / "plan.json")


def _with_points(study: PlannedStudy, tried: Sequence[TrialResult]) -> PlannedStudy:
    """The study with the points that its search has proposed so far."""
    points = {trial.number: trial.point for trial in tried}
    return study.model_copy(
        update={
            "trials": tuple(
                trial.model_copy(update={"point": points[trial.number]}) for trial in study.trials
            )
        }
    )


def run_trial(trial: Trial, tell: Tell) -> None:
    """Run one trial from its start or checkpoint to its end."""
    tell(trial.start())
    while not trial.ended:
        tell(trial.advance())


def _read_plan(path: Path) -> Plan:
    try:
        return Plan.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunRefused(f"{path} is not a plan: {first_error(error)}") from error


def _read_events(path: Path) -> tuple[EventLine, ...]:
    """What was told so far: nothing where the file is not there yet."""
    if not path.exists():
        return ()
    try:
        return parse_events(path.read_bytes())
    except LineRefused as error:
        raise RunRefused(f"{path}:{error}") from error


def _check(plan: Plan, path: Path, catalogue: Catalogue) -> None:
    """Refuse a plan that these workers cannot run, before anything is trained or written."""
    try:
        check(plan.spec, catalogue)
        for contender in plan.spec.contenders:
            optimizer_factory(contender.optimizer)
        for name in plan.spec.problems:
            build_problem(name).load(torch.device("cpu"))
        ranks_here(plan.spec.workers, use_gpu=plan.spec.resources.gpus > 0)
    except SpecRefused as error:
        first = error.errors[0]
        allowed = f" (allowed: {', '.join(first.allowed)})" if first.allowed else ""
        raise RunRefused(f"{path}: {first.field}: {first.message}{allowed}") from error
    except (DataMissing, PluginBroken, RanksRefused, UnknownOptimizer, UnknownProblem) as error:
        raise RunRefused(f"{path}: {error}") from error
    if not any(study.trials for study in plan.studies):
        raise RunRefused(f"{path} plans no trials")
    labels = {contender.label for contender in plan.spec.contenders}
    for study in plan.studies:
        named = {trial.contender for trial in study.trials} - labels
        if study.problem not in plan.spec.problems or named:
            raise RunRefused(f"{path}: study {study.number} is not one of its spec")
