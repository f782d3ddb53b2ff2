"""What a spec says for all of its contenders at once: the schedule and the workers."""

from collections.abc import Iterator

from service.contracts.base import SettingValue
from service.contracts.catalogue.book import Catalogue
from service.contracts.catalogue.entries import ProblemEntry
from service.contracts.errors import FieldError
from service.contracts.schedule import Schedule, ScheduleKind
from service.contracts.spec import ComparisonSpec, ContenderSpec
from service.contracts.workers import most

_WITHOUT_EFFECT = "has no effect with schedule: constant; leave it out, or set schedule: cosine"


def common_schedule(spec: ComparisonSpec, contender: ContenderSpec) -> dict[str, SettingValue]:
    """The comparison's schedule as settings, unless the contender chooses one itself."""
    own = "schedule" in contender.settings or "schedule" in (contender.space or {})
    return {} if own or spec.schedule is None else spec.schedule.settings


def schedule_errors(spec: ComparisonSpec) -> Iterator[FieldError]:
    """Final learning rates that no cosine leads to."""
    common = spec.schedule
    if common and common.kind is ScheduleKind.CONSTANT and common.final_lr_fraction:
        yield FieldError(field="schedule.final_lr_fraction", message=_WITHOUT_EFFECT)
    for index, contender in enumerate(spec.contenders):
        space = contender.space or {}
        inherited = {**Schedule().settings, **common_schedule(spec, contender)}
        kind = contender.settings.get("schedule", inherited["schedule"])
        if kind != ScheduleKind.CONSTANT or "schedule" in space:
            continue
        for where, named in (("settings", contender.settings), ("space", space)):
            if "final_lr_fraction" in named:
                field = f"contenders[{index}].{where}.final_lr_fraction"
                yield FieldError(field=field, message=_WITHOUT_EFFECT)


def worker_errors(spec: ComparisonSpec, catalogue: Catalogue) -> Iterator[FieldError]:
    """More workers than one of the optimizers trains with, or than a mini-batch has rows."""
    wanted = most(spec.workers)
    for contender in spec.contenders:
        entry = catalogue.optimizer(contender.optimizer)
        limit = None if entry is None else entry.max_workers
        if limit is not None and wanted > limit:
            message = f"must be <= {limit}, the most that {contender.label} trains with"
            yield FieldError(field="workers", message=f"{message}, got {wanted}")
    for name in spec.problems:
        problem = catalogue.problem(name)
        if problem is not None:
            yield from _row_errors(spec, problem, wanted=wanted)


def _row_errors(
    spec: ComparisonSpec, problem: ProblemEntry, *, wanted: int
) -> Iterator[FieldError]:
    """Mini-batches of which some rank would have no row."""
    rows = min(spec.batch_size or problem.batch_size, problem.training_rows)
    last = problem.training_rows % rows
    if wanted > rows:
        message = f"must be <= {rows}, the rows of a mini-batch of {problem.name}"
        yield FieldError(field="workers", message=f"{message}, got {wanted}")
    elif 0 < last < wanted:
        message = (
            f"{rows} rows leave {last} of the {problem.training_rows:,} of {problem.name} for the "
            f"last mini-batch of an epoch, fewer than the {wanted} workers"
        )
        yield FieldError(field="batch_size", message=message)
