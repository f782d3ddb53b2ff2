"""What was run for a report, and whether another report's runs were given the same."""

from collections.abc import Iterator

from service.contracts import numbers
from service.contracts.catalogue import Catalogue
from service.contracts.catalogue.comparison_wide import common_schedule
from service.contracts.schedule import Schedule
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.contracts.work import Work
from service.contracts.workers import Workers, fewest, most
from service.domain.capsules import batch_sizes
from service.domain.results import ComparisonResults


def work_of(results: ComparisonResults, catalogue: Catalogue) -> Work:
    """What the runs of a comparison were given; the same of a capsule and of its rerun.

    Args:
        results: Its spec, and the finals' environments.
        catalogue: Where each problem's own batch size is found.
    """
    spec = results.spec
    finals = (trial for trial in results.trials if trial.kind is StudyKind.FINALS)
    return Work(
        batch_sizes=batch_sizes(spec, catalogue),
        workers=spec.workers,
        schedules=_schedules(spec),
        tuning=spec.tuning,
        devices=tuple(sorted({final.environment.device for final in finals if final.environment})),
    )


def _schedules(spec: ComparisonSpec) -> dict[str, Schedule]:
    """Each contender's, whether it is the comparison's or its own."""
    return {
        contender.label: Schedule.of({**common_schedule(spec, contender), **contender.settings})
        for contender in spec.contenders
    }


def other_work(then: Work | None, now: Work | None, problem: str) -> str | None:
    """Why runs on a problem answer different questions; None where no difference is known."""
    if then is None or now is None:
        return None
    rows = [work.batch_sizes.get(problem) for work in (then, now)]
    if None not in rows and rows[0] != rows[1]:
        return f"different batch sizes, {rows[0]:,} then, {rows[1]:,} now"
    if then.workers != now.workers:
        return f"different workers, {_ranks(then.workers)} then, {_ranks(now.workers)} now"
    for name, schedule in then.schedules.items():
        if now.schedules.get(name, schedule) != schedule:
            return f"the learning rate of {name!r} had another schedule then"
    return None


def _ranks(workers: Workers) -> str:
    """``4``, or ``1–4`` where their number may change."""
    least, largest = fewest(workers), most(workers)
    return f"{least:,}" if least == largest else f"{least:,}–{largest:,}"


def work_notes(then: Work | None, now: Work | None) -> Iterator[str]:
    """What was not the same, or is not known to be, and leaves the question as it is."""
    for work, which in ((then, "earlier"), (now, "later")):
        if work is None:
            yield f"the {which} report does not say its batch size, workers, tuning and devices"
    if then is None or now is None:
        return
    was, is_now = then.tuning.described, now.tuning.described
    if was != is_now:
        yield f"the tuning was {was} then and is {is_now} now"
    if then.devices != now.devices:
        places = [numbers.listed(list(work.devices)) or "unknown devices" for work in (then, now)]
        yield f"the finals ran on {places[0]} then and on {places[1]} now"
