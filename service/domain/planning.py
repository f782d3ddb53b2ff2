"""From a spec to its studies: which trials run, at which points and with which seeds."""

from collections.abc import Collection, Mapping, Sequence

from pydantic import ValidationError

from service.contracts.capsule import Capsule
from service.contracts.catalogue import Catalogue, Contender, check, resolve
from service.contracts.errors import WHOLE, FieldError, SpecRefused, from_validation
from service.contracts.plan import (
    Plan,
    PlannedStudy,
    PlannedTrial,
    Point,
    Seeds,
    StudyAssignment,
    TrialAssignment,
)
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.domain import draws, ids
from service.domain.counterparts import trials_in
from service.domain.errors import InvalidSpec
from service.domain.selection import deciding_metric

SIGNIFICANCE = 0.05
"""A corrected p below this counts."""


def read_spec(document: object, catalogue: Catalogue) -> ComparisonSpec:
    """The comparison that a parsed JSON or YAML document asks for.

    Raises:
        InvalidSpec: With every field that is wrong and what is allowed there.
    """
    if not isinstance(document, Mapping):
        raise InvalidSpec((_not_a_mapping(document),))
    try:
        spec = ComparisonSpec.model_validate(document)
    except ValidationError as error:
        raise InvalidSpec(from_validation(error, document, ComparisonSpec)) from error
    try:
        check(spec, catalogue)
    except SpecRefused as error:
        raise InvalidSpec(error.errors) from error
    return spec


def _not_a_mapping(document: object) -> FieldError:
    """What is wrong with a document that has no fields at all."""
    fields = ComparisonSpec.model_fields.items()
    needed = ", ".join(name for name, field in fields if field.is_required())
    found = "the spec is empty" if document is None else "the spec is no mapping"
    return FieldError(field=WHOLE, message=f"{found}; it must be a mapping with {needed}")


def plan(spec: ComparisonSpec, catalogue: Catalogue) -> Plan:
    """The spec with all of its seeds and its tuning studies, one a problem and contender.

    Points follow from the comparison's seed and the space alone, so contenders with equal
    spaces get equal points. A contender without searched settings gets a tuning study of one
    trial with the empty point: it shows that the settings run before the finals begin. Each point
    is tried on all seeds of the search before the next one begins.
    """
    seeds = draws.seeds(spec.seed, spec.seeds, repeats=spec.tuning.repeats)
    studies: list[PlannedStudy] = []
    first_trial = 0
    for problem in spec.problems:
        for contender in resolve(spec, catalogue):
            study = _tuning_study(
                spec,
                contender,
                problem=problem,
                seeds=seeds.search,
                number=len(studies),
                first_trial=first_trial,
            )
            studies.append(study)
            first_trial += len(study.trials)
    return Plan(spec=spec, seeds=seeds, studies=tuple(studies))


def plan_finals(
    spec: ComparisonSpec,
    problem: str,
    chosen: Mapping[str, Point],
    seeds: Seeds,
    *,
    study_number: int,
    first_trial_number: int,
    capsule: Capsule | None = None,
) -> PlannedStudy:
    """The finals of one problem: seed by seed, the contenders interleaved.

    Every contender runs on every seed. Who goes first moves on by one with each seed, so that
    nobody always has the coolest machine. A contender without a chosen point is left out, and in a
    rerun each seed on which its capsule has nothing to run again.
    """
    before = trials_in(capsule, problem, StudyKind.FINALS) if capsule else ()
    again = {(trial.contender, trial.seed) for trial in before if trial.runs_again}
    labels = [contender.label for contender in spec.contenders if contender.label in chosen]
    trials: list[PlannedTrial] = []
    for turn, seed in enumerate(seeds.finals):
        start = turn % max(len(labels), 1)
        for label in labels[start:] + labels[:start]:
            if capsule is not None and (label, seed) not in again:
                continue
            number = first_trial_number + len(trials)
            trials.append(
                PlannedTrial(number=number, contender=label, point=chosen[label], seed=seed)
            )
    return PlannedStudy(
        number=study_number,
        kind=StudyKind.FINALS,
        problem=problem,
        contender=None,
        trials=tuple(trials),
    )


def study_assignment(
    spec: ComparisonSpec,
    catalogue: Catalogue,
    study: PlannedStudy,
    *,
    comparison_id: str,
    attempt: int,
    ended: Collection[int] = (),
) -> StudyAssignment:
    """What a driver needs to run a study's trials that have not ended.

    Args:
        spec: The comparison.
        catalogue: Where settings and batch sizes have their defaults.
        study: The study as it was planned.
        comparison_id: The comparison it belongs to.
        attempt: The attempt that the driver makes.
        ended: Numbers of trials that need not run again.

    Raises:
        InvalidSpec: Where the catalogue no longer has what the spec names: a plug-in is gone.
    """
    try:
        contenders = {contender.name: contender for contender in resolve(spec, catalogue)}
    except SpecRefused as error:
        raise InvalidSpec(error.errors) from error
    problem = catalogue.problem(study.problem)
    assert problem is not None, "resolve() has looked"
    return StudyAssignment(
        study_id=ids.study_id(comparison_id, study.number),
        attempt=attempt,
        comparison_id=comparison_id,
        kind=study.kind,
        problem=study.problem,
        batch_size=spec.batch_size or problem.batch_size,
        epochs=spec.budget.epochs,
        cpus=spec.resources.cpus,
        gpus=spec.resources.gpus,
        threads=spec.resources.threads,
        workers=spec.workers,
        exclusive=study.kind is StudyKind.FINALS,
        stall_seconds=spec.stall_seconds,
        checkpoint=spec.checkpoint,
        metric=deciding_metric(spec, study.problem, catalogue),
        memory=spec.resources.memory,
        trials=tuple(
            _assigned(trial, contenders[trial.contender], comparison_id)
            for trial in study.trials
            if trial.number not in ended
        ),
    )


def pairs_among(contenders: int) -> int:
    """How many pairs there are among so many contenders."""
    return contenders * (contenders - 1) // 2


def minimum_seeds(contenders: int) -> int:
    """The fewest seeds S at which a winner among these contenders is possible.

    The smallest p of a two-sided sign-flip test is 2^(1-S), and Holm multiplies it by the
    number of pairs: 6 seeds for one pair, 7 for three, 8 for six, 10 for fifteen.
    """
    seeds = 1
    while 2.0 ** (1 - seeds) * pairs_among(contenders) >= SIGNIFICANCE:
        seeds += 1
    return seeds


def seeds_warning(spec: ComparisonSpec) -> str | None:
    """Why no winner is possible with the spec's seeds, or None where one is."""
    needed = minimum_seeds(len(spec.contenders))
    if spec.seeds >= needed:
        return None
    given = f"{spec.seeds} seed" if spec.seeds == 1 else f"{spec.seeds} seeds"
    return (
        f"with {given} no winner among {len(spec.contenders)} contenders is possible, "
        f"however large the difference; use at least {needed}"
    )


def _tuning_study(
    spec: ComparisonSpec,
    contender: Contender,
    *,
    problem: str,
    seeds: Sequence[int],
    number: int,
    first_trial: int,
) -> PlannedStudy:
    points = draws.points(spec.seed, contender.space, spec.tuning)
    runs = [(point, seed) for point in points for seed in seeds]
    return PlannedStudy(
        number=number,
        kind=StudyKind.TUNING,
        problem=problem,
        contender=contender.name,
        trials=tuple(
            PlannedTrial(
                number=first_trial + index, contender=contender.name, point=point, seed=seed
            )
            for index, (point, seed) in enumerate(runs)
        ),
    )


def _assigned(trial: PlannedTrial, contender: Contender, comparison_id: str) -> TrialAssignment:
    return TrialAssignment(
        trial_id=ids.trial_id(comparison_id, trial.number),
        contender=contender.name,
        optimizer=contender.optimizer,
        settings={**contender.settings, **trial.point},
        seed=trial.seed,
    )
