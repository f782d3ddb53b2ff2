"""Whether what an earlier report claims held in a later one.

The rule. A pair claims that one contender is better, by more than 2 % beyond doubt, or it is open.
A claim that the later report makes too *held*, and so did a pair that is open in both. A claim is
*contradicted* where the later report makes the opposite one, or makes none and the ratio moved away
by more than chance explains: the 95 % interval of the ratio now over the ratio then lies on one
side of 1. All else is *not contradicted*: that a pair became open, or was decided, may be for want
of seeds. A problem is contradicted with any of its pairs; else its winner decides.

The interval of a ratio over a ratio is made of the two by the method of variance estimates recovery
(Donner and Zou 2012): both are estimates, and two intervals that overlap may well differ. It takes
the runs as independent; those of a rerun on the same seeds are not, and move less.

Of claims that stay true this contradicts 0 to 3 % where the ratio is 0.82 or less, and up to 10 %
of those that were barely made, whose first estimate was lucky (``benchmarks.agreement``).
"""

import math
from collections.abc import Iterator, Sequence

from service.contracts import numbers
from service.contracts.agreement import (
    Agreement,
    PairAgreement,
    ProblemAgreement,
    ReportAgreement,
    ReportName,
)
from service.contracts.report import Interval, PairReport, ProblemReport, Report
from service.domain.scoring.pairs import ratio
from service.domain.scoring.targets import MARGIN
from service.domain.scoring.work import other_work, work_notes

_WORST_FIRST = (Agreement.CONTRADICTED, Agreement.NOT_CONTRADICTED, Agreement.HELD)


def agreement(then: Report, now: Report) -> ReportAgreement:
    """Hold a later report against what an earlier one claims.

    Args:
        then: Whose claims are in question.
        now: What is known since.
    """
    later = {problem.problem: problem for problem in now.problems}
    problems = tuple(
        _problem(
            problem,
            later.get(problem.problem),
            unlike=_unlike(then, now) or other_work(then.work, now.work, problem.problem),
            notes=tuple(work_notes(then.work, now.work)),
        )
        for problem in then.problems
    )
    found = {problem.agreement for problem in problems}
    worst = next((one for one in _WORST_FIRST if one in found), Agreement.INCOMPARABLE)
    return ReportAgreement(
        then=_name(then),
        now=_name(now),
        agreement=worst,
        sentence=_whole(problems, worst),
        problems=problems,
    )


def _name(report: Report) -> ReportName:
    return ReportName(
        comparison_id=report.comparison_id,
        name=report.name,
        generated_at=report.generated_at,
        seeds=report.seeds,
    )


def _unlike(then: Report, now: Report) -> str | None:
    """Why two reports cannot be compared on any problem."""
    for report, word in ((then, "the earlier"), (now, "the later")):
        if report.status == "interim":
            return f"{word} report is interim"
    if None not in (then.epochs, now.epochs) and then.epochs != now.epochs:
        return f"different budgets, {then.epochs} epochs then, {now.epochs} now"
    return None


def _whole(problems: Sequence[ProblemAgreement], worst: Agreement) -> str:
    counts = [
        f"{worded} on {number}"
        for worded in Agreement
        if (number := sum(problem.agreement is worded for problem in problems))
    ]
    if len(problems) == 1:
        return problems[0].sentence
    return f"{worst.value.capitalize()}: {', '.join(counts)} of {len(problems)} problems"


def _problem(
    then: ProblemReport, now: ProblemReport | None, *, unlike: str | None, notes: tuple[str, ...]
) -> ProblemAgreement:
    reason = unlike or _incomparable(then, now)
    pairs: tuple[PairAgreement, ...] = ()
    if now is None or reason is not None:
        found, sentence = Agreement.INCOMPARABLE, f"cannot be compared: {reason}"
    else:
        pairs = tuple(_pairs(then, now))
        found, sentence = _of_winners(then, now, pairs)
    return ProblemAgreement(
        problem=then.problem,
        title=then.title,
        outcome=then.outcome,
        target_then=then.target.value,
        target_now=now.target.value if now else None,
        winner_then=then.winner,
        winner_now=now.winner if now else None,
        agreement=found,
        sentence=f"{then.title}: {sentence}",
        pairs=pairs,
        notes=(*_notes(then, now), *notes) if now else (),
    )


def _incomparable(then: ProblemReport, now: ProblemReport | None) -> str | None:
    """Why the two answer different questions; None where they answer the same."""
    if now is None:
        return "the later report does not have this problem"
    if then.outcome is not now.outcome:
        return f"different outcomes, {then.outcome} then, {now.outcome} now"
    if then.metric is not now.metric:
        return f"different losses decide, {then.metric.words} then, {now.metric.words} now"
    if then.target.rule != now.target.rule or _far_apart(then, now):
        targets = [numbers.loss(one.target.value) for one in (then, now)]
        return (
            f"different targets, {targets[0]} ({then.target.rule}) then, "
            f"{targets[1]} ({now.target.rule}) now"
        )
    before, after = _optimizers(then), _optimizers(now)
    shared = before.keys() & after.keys()
    if len(shared) < 2:
        return "they have fewer than two contenders in common"
    changed = sorted(name for name in shared if before[name] != after[name])
    return f"another optimizer is called {changed[0]!r}" if changed else None


def _far_apart(then: ProblemReport, now: ProblemReport) -> bool:
    """Whether targets differ; relative ones may by the 5 % within which a report tries its own."""
    before, after = then.target.value, now.target.value
    if before is None or after is None:
        return before is not after
    allowed = MARGIN if then.target.rule == "relative" else 0.0
    return abs(after - before) > allowed * max(abs(before), abs(after))


def _optimizers(problem: ProblemReport) -> dict[str, str]:
    return {contender.name: contender.optimizer for contender in problem.contenders}


def _of_winners(
    then: ProblemReport, now: ProblemReport, pairs: Sequence[PairAgreement]
) -> tuple[Agreement, str]:
    """What became of the pairs, and then of the winner, among the contenders in both."""
    against = [pair for pair in pairs if pair.agreement is Agreement.CONTRADICTED]
    if against:
        told = min(against, key=lambda pair: pair.better_then != then.winner)
        return Agreement.CONTRADICTED, f"contradicted: {_lost(told)}; {told.sentence}"
    if then.winner == now.winner:
        named = f"{then.winner} wins" if then.winner else "no clear winner"
        return Agreement.HELD, f"held: {named}, then and now"
    if then.winner is not None and then.winner not in _optimizers(now):
        return Agreement.INCOMPARABLE, (
            f"cannot be compared: {then.winner}, which won then, is not in the later report"
        )
    if then.winner is None:
        return Agreement.NOT_CONTRADICTED, (
            f"not contradicted: no clear winner then, {now.winner} now"
        )
    return Agreement.NOT_CONTRADICTED, (
        f"not contradicted: {then.winner} won then, {now.winner or 'no clear winner'} now, and no "
        f"figure rules out that {then.winner} is better than those it was held against"
    )


def _lost(pair: PairAgreement) -> str:
    """Which claim it is that is contradicted: ``kbfgs was better than adam then, adam is now``."""
    other = pair.second if pair.better_then == pair.first else pair.first
    return f"{pair.better_then} was better than {other} then, {pair.better_now or 'neither'} is now"


def _pairs(then: ProblemReport, now: ProblemReport) -> Iterator[PairAgreement]:
    """The pairs that are in both, in the order and the direction of the earlier report."""
    later = {frozenset((pair.first, pair.second)): pair for pair in now.pairs}
    for pair in then.pairs:
        other = later.get(frozenset((pair.first, pair.second)))
        if other is not None:
            yield pair_agreement(pair, other)


def pair_agreement(then: PairReport, now: PairReport) -> PairAgreement:
    """What a later pair of the same two says of what an earlier one claims.

    Args:
        then: The earlier pair, whose direction the answer has.
        now: The later one, whichever contender is first in it.
    """
    before = then.ratio
    after = now.ratio if now.first == then.first else _turned(now.ratio)
    change = _change(before, after)
    found = _claim(then, change, now.better)
    return PairAgreement(
        first=then.first,
        second=then.second,
        then=before,
        now=after,
        change=change,
        better_then=then.better,
        better_now=now.better,
        agreement=found,
        sentence=_pair_sentence(then, now.better, before=before, after=after, change=change),
    )


def _claim(then: PairReport, change: Interval, better_now: str | None) -> Agreement:
    """What became of a pair's claim; where it is gone the ratio may have moved away from it."""
    if (
        then.better and better_now
    ):  # whatever the ratios, which are infinite where targets are missed
        return Agreement.HELD if then.better == better_now else Agreement.CONTRADICTED
    if change.median is None:
        return Agreement.INCOMPARABLE
    if then.better == better_now:
        return Agreement.HELD
    if then.better is None:
        return Agreement.NOT_CONTRADICTED
    if then.better == then.first:  # a ratio below 1
        moved_away = _log(change.low, -math.inf) > 0
    else:
        moved_away = _log(change.high, math.inf) < 0
    return Agreement.CONTRADICTED if moved_away else Agreement.NOT_CONTRADICTED


def _pair_sentence(
    then: PairReport, better_now: str | None, *, before: Interval, after: Interval, change: Interval
) -> str:
    """``adam/sgd is 0.44 (0.40–0.51), and was 0.41 (0.37–0.46)``, and whether it moved."""
    was = _written(before, then.better, then.first)
    is_now = _written(after, better_now, then.first)
    moved = _log(change.low, -math.inf) > 0 or _log(change.high, math.inf) < 0
    beyond = ", which is more than chance explains" if moved else ""
    return f"{then.first}/{then.second} is {is_now}, and was {was}{beyond}"


def _written(interval: Interval, better: str | None, first: str) -> str:
    """The ratio with its interval; that of two of whom one missed the target is 0 or infinite."""
    if interval.median is None and better is not None:
        return "0" if better == first else "infinite"
    return numbers.with_span(interval.median, interval.low, interval.high, write=numbers.number)


def _change(before: Interval, after: Interval) -> Interval:
    """The ratio of two ratios with its interval, from their intervals alone (Donner and Zou)."""
    if before.median is None or after.median is None:
        return Interval(median=None)
    was, now = _log(before.median, 0.0), _log(after.median, 0.0)
    below = math.hypot(now - _log(after.low, -math.inf), _log(before.high, math.inf) - was)
    above = math.hypot(_log(after.high, math.inf) - now, was - _log(before.low, -math.inf))
    return Interval(
        median=ratio(now - was), low=ratio(now - was - below), high=ratio(now - was + above)
    )


def _turned(interval: Interval) -> Interval:
    """The ratio the other way round."""
    return Interval(
        median=_inverse(interval.median),
        low=_inverse(interval.high),
        high=_inverse(interval.low),
    )


def _inverse(value: float | None) -> float | None:
    return None if value is None or value <= 0 else ratio(-math.log(value))


def _log(value: float | None, otherwise: float) -> float:
    """The logarithm of a bound; what there is no bound for is infinite."""
    return otherwise if value is None or value <= 0 else math.log(value)


def _notes(then: ProblemReport, now: ProblemReport) -> Iterator[str]:
    before, after = _optimizers(then), _optimizers(now)
    for names, when in (
        (before.keys() - after.keys(), "then"),
        (after.keys() - before.keys(), "now"),
    ):
        if names:
            yield f"{numbers.listed(sorted(names))} took part {when} alone"
    yield from _over_baseline(then, now)
    if then.target.value != now.target.value:
        was, is_now = numbers.loss(then.target.value), numbers.loss(now.target.value)
        yield f"the relative target was {was} then and is {is_now} now"
    spaces = {contender.name: contender.space for contender in then.contenders}
    for contender in now.contenders:
        if spaces.get(contender.name, contender.space) != contender.space:
            yield f"{contender.name} was searched in another space then"


def _over_baseline(then: ProblemReport, now: ProblemReport) -> Iterator[str]:
    """Who beat the baseline once: corrected over fewer pairs, it may be shown of an open one."""
    if then.baseline != now.baseline:
        return
    shared = _optimizers(then).keys() & _optimizers(now).keys()
    before, after = (shared & set(problem.beats_baseline) for problem in (then, now))
    for names, when in ((before - after, "then"), (after - before, "now")):
        if names:
            told = numbers.listed(sorted(names))
            yield f"{told} beat the baseline, {then.baseline}, {when} alone"
