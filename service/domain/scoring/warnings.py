"""What a reader of the verdict on one problem should know besides."""

from collections.abc import Iterator, Sequence

from service.contracts import numbers
from service.contracts.report import Interval
from service.contracts.spec import Outcome
from service.contracts.states import ENDED_TRIALS, TrialState
from service.domain.planning import minimum_seeds
from service.domain.results import TrialResult, counts, own_failure
from service.domain.scoring.findings import Findings
from service.domain.scoring.permutation import identical
from service.domain.scoring.places import place_warnings


def warnings(
    findings: Findings, *, tuning: Sequence[TrialResult], finals: Sequence[TrialResult]
) -> tuple[str, ...]:
    """The warnings on one problem, each a sentence without its full stop.

    Args:
        findings: What scoring found.
        tuning: The trials of the searches, for how many of them counted.
        finals: The trials of the finals, for where they ran and which of them were cancelled.
    """
    return (
        *_searches(findings, tuning),
        *_contenders(findings),
        *_failed_runs(findings, finals),
        *_cancelled_runs(findings, finals),
        *_target(findings),
        *_own_target(findings),
        *_same_seeds(findings),
        *_few_seeds(findings),
        *place_warnings(findings, finals),
    )


def _searches(findings: Findings, tuning: Sequence[TrialResult]) -> Iterator[str]:
    """Says whose search was shorter: a lost worker or a bug is no trial of the contender's."""
    if any(trial.state not in ENDED_TRIALS for trial in tuning):
        return
    yield from _stopped_early(findings)
    if findings.spec.tuning.worker_seconds is not None:
        yield from _unspent(findings, tuning)
        return
    completed = {
        name: sum(counts(trial) for trial in tuning if trial.contender == name)
        for name in findings.contenders
        if name not in findings.cancelled
    }
    if len(set(completed.values())) > 1:
        each = numbers.listed([f"{findings.title(name)} {completed[name]}" for name in completed])
        yield f"the searches were not equal: tuning trials completed are {each}"


def _stopped_early(findings: Findings) -> Iterator[str]:
    """Says that ASHA was used, and what it spared each search."""
    if findings.spec.tuning.asha is None:
        return
    each = numbers.listed(
        [
            f"{findings.title(name)} {report.tuning.stopped} of {report.tuning.trials} "
            f"(about {numbers.number(report.tuning.saved_seconds)} worker-seconds saved)"
            for name, report in findings.contenders.items()
        ]
    )
    timed = findings.spec.tuning.worker_seconds is not None
    by = "ASHA or the end of the worker-seconds" if timed else "ASHA"
    yield f"tuning trials that {by} stopped early: {each}"


def _unspent(findings: Findings, tuning: Sequence[TrialResult]) -> Iterator[str]:
    """Says whose search had tried all of its points before its budget of time was spent."""
    budget = findings.spec.tuning.worker_seconds
    for name, report in findings.contenders.items():
        cost, trials = report.tuning, [trial for trial in tuning if trial.contender == name]
        if trials and not any(trial.state is TrialState.STOPPED for trial in trials):
            yield (
                f"{findings.title(name)} had tried all of its points after "
                f"{numbers.number(cost.worker_seconds)} of {budget:,g} worker-seconds"
            )


def _contenders(findings: Findings) -> Iterator[str]:
    for name, report in findings.contenders.items():
        title = findings.title(name)
        if name in findings.cancelled:
            lost = "; nothing is measured against the baseline" if name == findings.baseline else ""
            yield f"{title} was cancelled and takes no part in the verdict{lost}"
            continue
        if name in findings.out:
            yield f"{title} is out: none of its {report.tuning.trials} tuning trials ended well"
        for setting in report.at_bounds:
            bounds = report.space[setting].bounds
            assert bounds is not None, "only what has bounds has an edge"
            value = numbers.setting((report.settings or {})[setting])
            yield (
                f"{title}: the chosen {setting} = {value} lies at the edge of its space "
                f"[{bounds[0]:g}, {bounds[1]:g}]; a wider space may hold a better one"
            )
        if report.diverged:
            yield f"{title}: {report.diverged} of {report.runs} runs of the finals diverged"


def _failed_runs(findings: Findings, finals: Sequence[TrialResult]) -> Iterator[str]:
    """Says whose runs failed, and whether that counts against them."""
    failed = [trial for trial in finals if trial.state is TrialState.FAILED]
    for name, title in findings.titles.items():
        own = sum(trial.contender == name and own_failure(trial) for trial in failed)
        lost = sum(trial.contender == name and not own_failure(trial) for trial in failed)
        if own:
            yield (
                f"{title}: {numbers.counted(own, 'run')} of the finals ran out of memory or could "
                "not run with its settings: each counts as a miss"
            )
        if lost:
            yield (
                f"{title}: {numbers.counted(lost, 'run')} of the finals failed through no fault "
                "of its own; their seeds are left out of its pairs"
            )


def _cancelled_runs(findings: Findings, finals: Sequence[TrialResult]) -> Iterator[str]:
    """Says whose runs a person took out: whoever sees the curves can take the bad ones."""
    if findings.stopped:
        return  # the sentence says so of the whole comparison
    for name in findings.contenders:
        runs = sum(
            trial.contender == name and trial.state is TrialState.CANCELLED for trial in finals
        )
        if runs and name not in findings.cancelled:
            yield (
                f"{findings.title(name)}: a person cancelled {numbers.counted(runs, 'run')} of the "
                "finals; their seeds are left out of its pairs"
            )


def _target(findings: Findings) -> Iterator[str]:
    starters = [name for name in findings.contenders if findings.time_to(name).median == 0]
    if starters:
        names = numbers.listed([findings.title(name) for name in starters])
        yield f"the initial weights of {names} are at the target already: give a lower one"
    if findings.target.winner_changes:
        yield "the verdict hangs on the target: moved by 5 % it names another winner, or none"
    if any(pair.stand_ins for pair in findings.pairs):
        yield (
            "losses below zero have no ratios: the difference of two losses over the mean of their "
            "sizes stands for the logarithm of one"
        )


def _own_target(findings: Findings) -> Iterator[str]:
    """Says where who is ahead set the relative target, and others end lower for sure."""
    relative = findings.target.rule == "relative" and findings.outcome is not Outcome.FINAL_LOSS
    if findings.leader is None or not relative:
        return
    ahead = findings.contenders[findings.leader]
    reports = [findings.contenders[name] for name in findings.active]
    bests = [one.best_loss.median for one in reports if one.best_loss.median is not None]
    lower = [one for one in reports if _lies_below(one.final_loss, ahead.final_loss)]
    if lower and ahead.best_loss.median == max(bests, default=None):
        ends = [
            f"{findings.title(one.name)} ends at {numbers.loss(one.final_loss.median)}"
            for one in (*lower, ahead)
        ]
        yield (
            f"the target is what {findings.title(ahead.name)} itself reaches at best, plus 5 %: "
            f"{numbers.listed(ends)}; a lower target would ask for more"
        )


def _lies_below(one: Interval, other: Interval) -> bool:
    """Whether all of an interval lies below all of another."""
    return one.high is not None and other.low is not None and one.high < other.low


def _same_seeds(findings: Findings) -> Iterator[str]:
    for pair in findings.pairs:
        if len(pair.log_ratios) > 1 and identical(pair.log_ratios) and not pair.censored:
            yield (
                f"{findings.title(pair.first)} and {findings.title(pair.second)} have the same "
                "ratio in every seed: nothing varied that a test could rest on"
            )


def _few_seeds(findings: Findings) -> Iterator[str]:
    """Says where runs are missing, so that pairs rest on fewer seeds than were planned."""
    planned = findings.spec.seeds
    short = [pair for pair in findings.pairs if len(pair.log_ratios) < planned]
    if not short or not findings.complete:
        return
    fewest = min(len(pair.log_ratios) for pair in short)
    if len(findings.pairs) == 1:
        names = f"{findings.title(short[0].first)} and {findings.title(short[0].second)}"
        told = f"{names} have {fewest} of {planned} planned seeds in common"
    else:
        told = (
            f"{len(short)} of {len(findings.pairs)} pairs of contenders have fewer than the "
            f"{planned} planned seeds in common, as few as {fewest}"
        )
    bounded, needed = minimum_seeds(2), minimum_seeds(len(findings.active))
    if fewest < bounded <= planned:
        told += f"; below {bounded} a pair has no interval, and nobody is better"
    elif fewest < needed <= planned and findings.verdict.winner is None:
        told += f"; among {len(findings.active)} contenders a winner may take {needed}"
    yield told
