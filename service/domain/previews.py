"""What a spec would run, told before anything runs."""

import math
from collections.abc import Iterator, Sequence

from service.contracts import numbers
from service.contracts.catalogue import Catalogue, Contender, resolve
from service.contracts.plan import PlannedStudy, Point
from service.contracts.space import Space, Values, grid_size
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.contracts.tuning import Search
from service.contracts.views import Preview, StudyPreview
from service.contracts.workers import most
from service.domain.planning import minimum_seeds, plan, seeds_warning
from service.domain.searching import learns


def preview(spec: ComparisonSpec, catalogue: Catalogue) -> Preview:
    """What the spec would run: trials and epochs exactly, and the points of every search."""
    epochs = spec.budget.epochs
    studies = [
        StudyPreview(
            kind=study.kind,
            problem=study.problem,
            contender=study.contender,
            trials=len(study.trials),
            epochs=len(study.trials) * epochs,
            points=_known_points(spec, study),
            repeats=spec.tuning.repeats,
        )
        for study in plan(spec, catalogue).studies
    ]
    finals = len(spec.contenders) * spec.seeds
    studies.extend(
        StudyPreview(
            kind=StudyKind.FINALS,
            problem=problem,
            contender=None,
            trials=finals,
            epochs=finals * epochs,
            points=(),
        )
        for problem in spec.problems
    )
    return Preview(
        trials=sum(study.trials for study in studies),
        epochs=sum(study.epochs for study in studies),
        studies=tuple(studies),
        minimum_seeds=minimum_seeds(len(spec.contenders)),
        search=spec.tuning.described,
        checkpoints=spec.checkpoint.described,
        warnings=tuple(_warnings(spec, catalogue)),
    )


def _known_points(spec: ComparisonSpec, study: PlannedStudy) -> tuple[Point, ...]:
    """The points that are drawn already; those of a search that learns follow while it runs."""
    if learns(spec, study.kind):
        return ()
    return tuple(trial.point for trial in study.trials[:: spec.tuning.repeats])


def _warnings(spec: ComparisonSpec, catalogue: Catalogue) -> Iterator[str]:
    if len(spec.contenders) == 1:
        yield "there is one contender only: figures, but no verdict"
    elif warning := seeds_warning(spec):
        yield warning
    if learning := spec.tuning.search is Search.TPE:
        yield "the points of a search by TPE follow while it runs, each when its trial begins"
    if (asha := spec.tuning.asha) is not None:
        rungs = numbers.listed([str(rung) for rung in asha.rungs(spec.budget.epochs)])
        yield (
            f"ASHA may stop tuning trials after epoch {rungs}: one in {asha.reduction_factor} of "
            "those that come there goes on"
        )
    contenders = resolve(spec, catalogue)
    for contender in contenders:
        points = spec.tuning.points(contender.space)
        if not contender.space:
            yield f"{contender.name} has no searched settings: one tuning trial instead of a search"
        elif points == 1:
            yield f"{contender.name} is tuned on a single point"
        elif points > (different := _combinations(contender.space)) and not learning:
            yield f"{contender.name} draws {points} points from {different}: some are tried twice"
    yield from _unequal_grids(spec, contenders)
    yield from _ranks_that_matter(spec, catalogue)
    yield from _never_saved(spec)
    for index, first in enumerate(contenders):
        for second in contenders[index + 1 :]:
            if (first.optimizer, first.settings, first.space) == (
                second.optimizer,
                second.settings,
                second.space,
            ):
                yield f"{first.name} and {second.name} are the same optimizer in the same space"


def _ranks_that_matter(spec: ComparisonSpec, catalogue: Catalogue) -> Iterator[str]:
    """Says where several ranks train another model than one does."""
    for name in spec.problems if most(spec.workers) > 1 else ():
        problem = catalogue.problem(name)
        if problem is not None and not problem.exchangeable_ranks:
            yield (
                f"{name} has batch norm, which sees the rows of one worker alone: with several "
                "it trains otherwise than with one"
            )


def _never_saved(spec: ComparisonSpec) -> Iterator[str]:
    """Says where trials that are lost or paused begin again."""
    every, epochs = spec.checkpoint, spec.budget.epochs
    if every.seconds is None and every.epochs is not None and every.epochs >= epochs > 1:
        yield (
            f"a trial has {epochs:,} epochs and a checkpoint every {every.epochs:,}: one that is "
            "lost or paused begins again"
        )


def _combinations(space: Space) -> float:
    """How many different points a space has; infinitely many where it has a range."""
    if all(isinstance(dimension, Values) for dimension in space.values()):
        return grid_size(space)
    return math.inf


def _unequal_grids(spec: ComparisonSpec, contenders: Sequence[Contender]) -> Iterator[str]:
    """Says who searches more: the trials of grids follow from their spaces."""
    searches = {one.name: grid_size(one.space) for one in contenders if one.space}
    equal_time = spec.tuning.worker_seconds is not None
    if spec.tuning.search is Search.GRID and not equal_time and len(set(searches.values())) > 1:
        each = numbers.listed([f"{name} {size}" for name, size in searches.items()])
        yield f"the searches are not equal: points of the grids are {each}"
