"""What a reader should know of all verdicts of a comparison."""

from collections.abc import Iterator

from service.contracts.states import StudyKind
from service.domain.planning import minimum_seeds, seeds_warning
from service.domain.results import ComparisonResults, counts

_UNFINISHED = {
    "": (
        "interim: whoever looks again and again sees a winner by chance more often than in 5 %; "
        "what counts is the verdict when all runs have ended"
    ),
    "was cancelled": (
        "the comparison was cancelled before all runs had ended: what was seen may have been why, "
        "so its p-values prove less than those of a whole one"
    ),
    "failed": "the comparison failed before all runs had ended: figures rest on those that had",
}


def caveats(results: ComparisonResults) -> Iterator[str]:
    """The warnings that hold of every problem, each a sentence without its full stop."""
    spec = results.spec
    if warning := seeds_warning(spec):
        yield warning
    if spec.seeds < (fewest := minimum_seeds(2)):
        yield f"a 95 % interval takes at least {fewest} seeds: medians stand without one"
    if len(spec.problems) > 1:
        yield (
            f"each of the {len(spec.problems)} problems is judged by itself: no p is corrected for "
            "their number"
        )
    if results.decided_before:
        yield "extended after a verdict: no p is corrected for that second look"
    if not results.complete and _finals_ended(results):
        yield _UNFINISHED[results.stopped]


def _finals_ended(results: ComparisonResults) -> bool:
    return any(trial.kind is StudyKind.FINALS and counts(trial) for trial in results.trials)
