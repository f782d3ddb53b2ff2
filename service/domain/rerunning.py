"""From a capsule to a plan that runs the same points with the same seeds."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pydantic import ValidationError

from service.contracts.capsule import Capsule, CapsuleTrial, checksum_of
from service.contracts.catalogue import Catalogue, Contender, resolve
from service.contracts.errors import WHOLE, FieldError, SpecRefused, from_validation
from service.contracts.plan import Plan, PlannedStudy, PlannedTrial
from service.contracts.space import refusal
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_TRIALS, StudyKind
from service.domain.capsules import batch_sizes
from service.domain.counterparts import grouped
from service.domain.errors import InvalidCapsule


def read_capsule(document: object, catalogue: Catalogue, *, threads: int | None = None) -> Plan:
    """The plan that runs a capsule again: its searches; the finals follow at the same points.

    Args:
        document: A parsed JSON document.
        catalogue: What is installed here.
        threads: Of each rank, in place of those that the capsule says; CPUs grow with them.

    Raises:
        InvalidCapsule: With every field that is wrong.
    """
    if not isinstance(document, Mapping):
        raise InvalidCapsule((FieldError(field=WHOLE, message="must be a mapping"),))
    try:
        capsule = Capsule.model_validate(document)
    except ValidationError as error:
        raise InvalidCapsule(from_validation(error, document, Capsule)) from error
    if capsule.checksum != checksum_of(document):
        message = "is not that of what the capsule holds: it was changed since it was made"
        raise InvalidCapsule((FieldError(field="checksum", message=message),))
    _check(capsule, catalogue)
    spec = capsule.spec if threads is None else _on_threads(capsule.spec, threads)
    return Plan(spec=spec, seeds=capsule.seeds, studies=tuple(_searches(capsule)), capsule=capsule)


def _on_threads(spec: ComparisonSpec, threads: int) -> ComparisonSpec:
    resources = spec.resources
    changed = {"threads": threads, "cpus": max(resources.cpus, threads)}
    return spec.model_copy(update={"resources": resources.model_copy(update=changed)})


def _searches(capsule: Capsule) -> Iterator[PlannedStudy]:
    """The searches of the contenders that took part, with the trials that run again."""
    first, trials_of = 0, grouped(capsule)
    labels = [one.label for one in capsule.spec.contenders if one.label not in capsule.cancelled]
    pairs = [(problem, label) for problem in capsule.spec.problems for label in labels]
    for number, (problem, contender) in enumerate(pairs):
        found = trials_of[problem, StudyKind.TUNING, contender]
        again = [trial for trial in found if trial.runs_again]
        if not again:
            continue
        trials = tuple(
            PlannedTrial(number=index, contender=contender, point=trial.point, seed=trial.seed)
            for index, trial in enumerate(again, start=first)
        )
        first += len(trials)
        yield PlannedStudy(
            number=number,
            kind=StudyKind.TUNING,
            problem=problem,
            contender=contender,
            trials=trials,
        )


def _check(capsule: Capsule, catalogue: Catalogue) -> None:
    """Hold a capsule against its own spec and against what is installed.

    Raises:
        InvalidCapsule: With every field that is wrong.
    """
    try:
        contenders = resolve(capsule.spec, catalogue)
    except SpecRefused as error:
        found = [one.model_copy(update={"field": f"spec.{one.field}"}) for one in error.errors]
        raise InvalidCapsule(found) from error
    named = {contender.name: contender for contender in contenders}
    errors = [
        *_cancelled_errors(capsule, named),
        *_seed_errors(capsule),
        *_batch_errors(capsule, catalogue),
        *_trial_errors(capsule, named),
        *_environment_errors(capsule),
    ]
    if not errors:
        errors = [*_study_errors(capsule, named)]
    if errors:
        raise InvalidCapsule(errors)


def _cancelled_errors(capsule: Capsule, contenders: Collection[str]) -> Iterator[FieldError]:
    for index, name in enumerate(capsule.cancelled):
        if name not in contenders:
            message = "is none of the spec's contenders"
            yield FieldError(field=f"cancelled[{index}]", message=message)
    if set(contenders) <= set(capsule.cancelled):
        yield FieldError(field="cancelled", message="names every contender: nothing would run")


def _seed_errors(capsule: Capsule) -> Iterator[FieldError]:
    spec, seeds = capsule.spec, capsule.seeds
    for field, found, wanted in (
        ("seeds.finals", len(seeds.finals), spec.seeds),
        ("seeds.repeats", len(seeds.repeats), spec.tuning.repeats - 1),
    ):
        if found != wanted:
            yield FieldError(field=field, message=f"must be {wanted} seeds, as the spec says")
    every = (*seeds.search, *seeds.finals)
    if len(set(every)) < len(every):
        yield FieldError(field="seeds", message="each may stand there once")


def _batch_errors(capsule: Capsule, catalogue: Catalogue) -> Iterator[FieldError]:
    for name, here in batch_sizes(capsule.spec, catalogue).items():
        told = capsule.batch_sizes.get(name)
        if told != here:
            yield FieldError(
                field=f"batch_sizes.{name}",
                message=f"mini-batches of {name} have {here} rows here, not {told}",
            )


def _trial_errors(capsule: Capsule, contenders: Mapping[str, Contender]) -> Iterator[FieldError]:
    """Trials that are none of the spec, and points that lie outside of their space."""
    places, problems = len(capsule.environments), capsule.spec.problems
    seeds = {
        StudyKind.TUNING: frozenset(capsule.seeds.search),
        StudyKind.FINALS: frozenset(capsule.seeds.finals),
    }
    for index, trial in enumerate(capsule.trials):
        where = f"trials[{index}]"
        contender = contenders.get(trial.contender)
        if trial.problem not in problems:
            yield FieldError(field=f"{where}.problem", message="is none of the spec's problems")
        if trial.seed not in seeds[trial.kind]:
            yield FieldError(field=f"{where}.seed", message=f"is none of the {trial.kind} seeds")
        if trial.environment is not None and trial.environment >= places:
            yield FieldError(field=f"{where}.environment", message=f"there are {places}")
        if contender is None:
            yield FieldError(field=f"{where}.contender", message="is none of the spec's contenders")
        elif trial.runs_again and (reason := refusal(contender.space, trial.point)):
            yield FieldError(field=f"{where}.point", message=f"is not searched: {reason}")
        yield from _end_errors(trial, where, capsule.spec.budget.epochs)


def _end_errors(trial: CapsuleTrial, where: str, most: int) -> Iterator[FieldError]:
    if trial.state not in ENDED_TRIALS:
        message = f"is {trial.state}: a comparison that has finished has none that has not ended"
        yield FieldError(field=f"{where}.state", message=message)
    if trial.epochs > most:
        yield FieldError(field=f"{where}.epochs", message=f"a trial has {most}, as the spec says")


def _environment_errors(capsule: Capsule) -> Iterator[FieldError]:
    """Places where no trial ran: the report of a rerun would tell of them."""
    named = {trial.environment for trial in capsule.trials}
    for index in range(len(capsule.environments)):
        if index not in named:
            yield FieldError(field=f"environments[{index}]", message="no trial ran there")


def _study_errors(capsule: Capsule, contenders: Mapping[str, Contender]) -> Iterator[FieldError]:
    """Searches that lack every trial or have too many, and finals that do not follow from them."""
    trials_of, tuning = grouped(capsule), capsule.spec.tuning
    if not any(_searches(capsule)):
        yield FieldError(field="trials", message="none of a search runs again")
    for problem in capsule.spec.problems:
        for name, contender in contenders.items():
            if name in capsule.cancelled:
                continue
            most = tuning.points(contender.space) * tuning.repeats
            search = trials_of[problem, StudyKind.TUNING, name]
            if not 1 <= len(search) <= most:
                message = f"the search of {name} on {problem} has {len(search)}, not 1 to {most}"
                yield FieldError(field="trials", message=message)
            finals = trials_of[problem, StudyKind.FINALS, name]
            for message in _finals_errors(search, finals):
                told = f"the finals of {name} on {problem} {message}"
                yield FieldError(field="trials", message=told)


def _finals_errors(search: Sequence[CapsuleTrial], finals: Sequence[CapsuleTrial]) -> Iterator[str]:
    if len({trial.seed for trial in finals}) < len(finals):
        yield "have a seed twice"
    if any(trial.point != finals[0].point for trial in finals):
        yield "are not all at one point"
    elif finals and all(trial.point != finals[0].point for trial in search):
        yield "are at a point that its search does not hold"
