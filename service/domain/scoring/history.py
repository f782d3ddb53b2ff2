"""What a comparison is besides a first run: a capsule that is run again, or one that was extended.

Each is said in sentences, without their full stops, that stand beside the verdict.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.contracts import numbers
from service.contracts.report import ProblemReport, RerunReport
from service.domain.results import ComparisonResults


def notes(
    results: ComparisonResults, problems: Sequence[ProblemReport], rerun: RerunReport | None
) -> tuple[str, ...]:
    """The sentences.

    Args:
        results: The comparison's trials, those apart that no longer count.
        problems: What was found on each problem.
        rerun: How far it is the same as its capsule, where it is a rerun.
    """
    again = _rerun(rerun, results) if rerun else ()
    return (*again, *_extensions(results), *_targets(results, problems))


def _rerun(rerun: RerunReport, results: ComparisonResults) -> Iterator[str]:
    source = results.capsule.rerun_of if results.capsule else None
    itself = f", itself a rerun of comparison {source.comparison_id}" if source else ""
    losses = _losses(rerun, interim=not results.complete)
    yield f"runs the capsule of comparison {rerun.comparison_id} again{itself}: {losses}"
    yield from (f"other than in the capsule: {one}" for one in rerun.differences)


def _losses(rerun: RerunReport, *, interim: bool) -> str:
    counted = f"{rerun.same:,} of {numbers.counted(rerun.compared, 'trial')}"
    parts = [f"in {counted} the losses are the same bit for bit"]
    if rerun.compared < rerun.trials:
        end = "have run so far" if interim else "came to their end here too"
        parts = [f"{rerun.compared:,} of {rerun.trials:,} trials {end}", *parts]
    if rerun.largest_difference is not None:
        apart = numbers.number(rerun.largest_difference)
        parts.append(f"final losses of the others differ by a share of {apart} at most")
    if rerun.ended_otherwise:
        parts.append(f"{numbers.counted(rerun.ended_otherwise, 'trial')} ended otherwise")
    if rerun.new:
        parts.append(f"{numbers.counted(rerun.new, 'trial')} that failed in the capsule ran here")
    return "; ".join(parts)


def _extensions(results: ComparisonResults) -> Iterator[str]:
    """How many trials each extension used again, and how many it added."""
    ends = [one.trials for one in results.extensions]
    bounds = pairwise((*ends, 1 + max((trial.number for trial in results.trials), default=-1)))
    for mark, (first, end) in zip(results.extensions, bounds, strict=True):
        again = sum(trial.number < first for trial in results.trials)
        anew = sum(first <= trial.number < end for trial in results.trials)
        yield (
            f"extended by {mark.by}: {mark.changed}; "
            f"{numbers.counted(again, 'trial')} used again, {anew:,} new"
        )


def _targets(results: ComparisonResults, problems: Sequence[ProblemReport]) -> Iterator[str]:
    """Where the last extension moved a relative target."""
    if not results.extensions:
        return
    for problem in problems:
        before, now = results.extensions[-1].targets.get(problem.problem), problem.target.value
        if problem.target.rule == "relative" and None not in (before, now) and before != now:
            yield (
                f"the relative target on {problem.title} is {numbers.loss(now)}, recomputed from "
                f"{numbers.loss(before)}: it follows from all contenders and their runs"
            )
