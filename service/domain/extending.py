"""What a longer comparison has beyond the one that was planned before: what ran is used again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.contracts.catalogue import Catalogue, resolve
from service.contracts.errors import FieldError
from service.contracts.extension import Extension
from service.contracts.plan import PlannedStudy, PlannedTrial
from service.contracts.schedule import Schedule
from service.contracts.spec import ComparisonSpec, ContenderSpec
from service.contracts.states import TrialState
from service.domain import planning
from service.domain.errors import InvalidSpec
from service.domain.records import TrialRecord


def extended(spec: ComparisonSpec, extension: Extension, catalogue: Catalogue) -> ComparisonSpec:
    """The spec with the extension's totals and contenders.

    Raises:
        InvalidSpec: Where a total is lower than before, no spec may have it, a name is another
            contender's, runs cannot get longer because their learning rates follow from their
            length, or searches cannot because their worker-seconds are spent.
    """
    now = {
        "tuning.trials": (spec.tuning.trials, extension.trials),
        "budget.epochs": (spec.budget.epochs, extension.epochs),
        "seeds": (spec.seeds, extension.seeds),
    }
    errors = [
        FieldError(field=field, message=f"must be at least {before}, as before; got {after}")
        for field, (before, after) in now.items()
        if before is not None and after is not None and after < before
    ]
    if extension.epochs not in (None, spec.budget.epochs):
        errors += _of_fixed_length(spec, catalogue)
    if spec.tuning.worker_seconds is not None:
        errors += [
            FieldError(field=field, message=f"must stay {before}: searches have worker-seconds")
            for field, (before, after) in now.items()
            if field != "seeds" and after not in (None, before)
        ]
    errors += _other_contenders(spec, extension)
    if errors:
        raise InvalidSpec(tuple(errors))
    document = spec.model_dump(mode="json", exclude_none=True)
    for (section, name), total in (
        (("tuning", "trials"), extension.trials),
        (("budget", "epochs"), extension.epochs),
    ):
        if total is not None:
            document[section][name] = total
    if extension.seeds is not None:
        document["seeds"] = extension.seeds
    document["contenders"] += [
        contender.model_dump(mode="json", exclude_none=True)
        for contender in _added(spec, extension)
    ]
    return planning.read_spec(document, catalogue)


def difference(before: ComparisonSpec, after: ComparisonSpec) -> str:
    """What an extension changed: ``seeds 8 to 16, contender soap added``; empty where nothing."""
    totals = (
        ("trials", before.tuning.trials, after.tuning.trials),
        ("epochs", before.budget.epochs, after.budget.epochs),
        ("seeds", before.seeds, after.seeds),
    )
    longer = [f"{name} {old} to {new}" for name, old, new in totals if old != new]
    known = {contender.label for contender in before.contenders}
    added = [one.label for one in after.contenders if one.label not in known]
    return ", ".join([*longer, *(f"contender {label} added" for label in added)])


def _added(spec: ComparisonSpec, extension: Extension) -> list[ContenderSpec]:
    """The contenders that are not there yet."""
    known = {contender.label for contender in spec.contenders}
    return [contender for contender in extension.contenders if contender.label not in known]


def _other_contenders(spec: ComparisonSpec, extension: Extension) -> Iterator[FieldError]:
    """Contenders of the name of one that is there, and is another."""
    known = {contender.label: contender for contender in spec.contenders}
    for index, contender in enumerate(extension.contenders):
        if contender != known.get(contender.label, contender):
            yield FieldError(
                field=f"contenders[{index}].name",
                message=f"another contender is called {contender.label!r}; give it its own name",
            )


def _of_fixed_length(spec: ComparisonSpec, catalogue: Catalogue) -> list[FieldError]:
    bound = [
        contender.name
        for contender in resolve(spec, catalogue)
        if Schedule.of(contender.settings).depends_on_length
    ]
    if not bound:
        return []
    reason = (
        f"must stay {spec.budget.epochs}: the schedule of {', '.join(bound)} depends on the length "
        "of a run, so that longer runs are other runs; submit them as a new comparison"
    )
    return [FieldError(field="budget.epochs", message=reason)]


@dataclass(frozen=True, slots=True)
class More:
    """What a study has to do beyond what it did."""

    added: tuple[PlannedTrial, ...]
    """Trials that it does not have yet."""
    longer: tuple[TrialRecord, ...]
    """Those that finished before the budget's present epochs, and go on."""

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.added or self.longer)


def more_of_search(
    planned: PlannedStudy, trials: Sequence[TrialRecord], *, epochs: int, first_number: int
) -> More:
    """What a search has to do to become the planned one.

    Args:
        planned: The search as the extended spec has it; it begins with what there is.
        trials: Its trials.
        epochs: Of every run.
        first_number: For the first new trial.
    """
    new = planned.trials[len(trials) :]
    return More(added=_numbered(new, first_number), longer=_shorter_than(epochs, trials))


def more_of_finals(
    planned: PlannedStudy, trials: Sequence[TrialRecord], *, epochs: int, first_number: int
) -> More:
    """What finals have to do to become the planned ones: every chosen point on every seed."""
    wanted = {(trial.contender, _key(trial.point)) for trial in planned.trials}
    known = {(trial.contender, _key(trial.point), trial.seed) for trial in trials}
    new = [
        trial
        for trial in planned.trials
        if (trial.contender, _key(trial.point), trial.seed) not in known
    ]
    current = [trial for trial in trials if (trial.contender, _key(trial.point)) in wanted]
    return More(added=_numbered(new, first_number), longer=_shorter_than(epochs, current))


def _numbered(trials: Sequence[PlannedTrial], first: int) -> tuple[PlannedTrial, ...]:
    return tuple(
        trial.model_copy(update={"number": first + index}) for index, trial in enumerate(trials)
    )


def _shorter_than(epochs: int, trials: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    return tuple(
        trial
        for trial in trials
        if trial.state is TrialState.FINISHED and trial.epochs_done < epochs
    )


def _key(point: Mapping[str, object]) -> str:
    return json.dumps(point, sort_keys=True)
