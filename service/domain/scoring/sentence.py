"""The verdict as one sentence in words that a person reads."""

import math
from typing import assert_never

from service.contracts import numbers
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.domain.planning import minimum_seeds
from service.domain.scoring.findings import Findings
from service.domain.scoring.intervals import Bounds
from service.domain.scoring.pairs import INDIFFERENCE, Pair, ratio


def sentence(findings: Findings) -> str:
    """What the comparison says on one problem, marked where runs are missing."""
    said = _said(findings)
    of_all = f"{findings.ended_trials} of {findings.all_trials} trials"
    if findings.stopped:
        return f"The comparison {findings.stopped} after {of_all}. {said}"
    return said if findings.complete else f"Interim ({of_all} so far): {said}"


def _said(findings: Findings) -> str:
    reports = [findings.contenders[name] for name in findings.active]
    winner = findings.verdict.winner
    if not reports:
        return _nobody_left(findings)
    if findings.leader is None:
        return _no_figures(findings)
    if len(findings.contenders) == 1:
        return f"{_alone(findings, findings.leader)}; {_cost(findings, findings.leader)}."
    if len(reports) == 1:
        return (
            f"No verdict: {findings.title(findings.leader)} is the only contender left, for "
            f"{_departed(findings)}; {_cost(findings, findings.leader)}."
        )
    if winner is not None:
        return _won(findings, winner)
    if findings.outcome is not Outcome.FINAL_LOSS and not any(
        findings.time_to(report.name).reached for report in reports
    ):
        return _nobody_reached(findings, findings.leader)
    return _undecided(findings, findings.leader)


def _nobody_left(findings: Findings) -> str:
    if findings.cancelled:
        return f"No winner: {_departed(findings)}, so nobody is left."
    return "No winner: nothing of any contender's search ended well, so there are no finals."


def _departed(findings: Findings) -> str:
    """Why contenders take no part: ``nothing in the search of Adam ended well``."""
    parts = []
    if findings.out:
        parts.append(f"nothing in the search of {_names(findings, findings.out)} ended well")
    if findings.cancelled:
        verb = "was" if len(findings.cancelled) == 1 else "were"
        parts.append(f"{_names(findings, findings.cancelled)} {verb} cancelled")
    return " and ".join(parts)


def _no_figures(findings: Findings) -> str:
    reports = findings.contenders.values()
    runs = sum(report.runs for report in reports)
    if runs and runs == sum(report.diverged for report in reports):
        return "No winner: every run of the finals diverged."
    if runs:
        return "No winner: half or more of every contender's finals diverged or could not run."
    if findings.stopped:
        return "No verdict: no run of the finals had ended well."
    if findings.complete:
        return "No verdict: no run of the finals ended well."
    return "no run of the finals has ended yet."


def _alone(findings: Findings, name: str) -> str:
    title = findings.title(name)
    report = findings.contenders[name]
    if findings.outcome is Outcome.FINAL_LOSS or findings.target.value is None:
        loss = report.final_loss
        figure = numbers.with_span(loss.median, loss.low, loss.high, write=numbers.loss)
        return (
            f"No verdict, for {title} is the only contender: its final {findings.metric.words} "
            f"is {figure}"
        )
    time = findings.time_to(name)
    target = _goal(findings)
    if time.median is None:
        return (
            f"No verdict, for {title} is the only contender: it reaches {target} in "
            f"{time.reached} of {numbers.counted(time.runs, 'run')}"
        )
    figure = numbers.with_span(time.median, time.low, time.high)
    return (
        f"No verdict, for {title} is the only contender: it reaches {target} in {figure} "
        f"{_unit(findings.outcome)}, in {time.reached} of {numbers.counted(time.runs, 'run')}"
    )


def _won(findings: Findings, winner: str) -> str:
    other = _rival(findings, winner)
    pair = findings.pair(winner, other)
    assert pair is not None, "a winner has beaten the rest"
    rest = [name for name in findings.active if name not in (winner, other)]
    also = f"; it also beats {_names(findings, rest)}" if rest else ""
    told = [f"{_claim(findings, pair, winner)} {_evidence(pair, winner)}"]
    told += _price_part(findings, winner, other)
    return f"{'; '.join(told)}{also}; {_cost(findings, winner, other)}."


def _undecided(findings: Findings, leader: str) -> str:
    other = _rival(findings, leader)
    pair = findings.pair(leader, other)
    if pair is None or pair.bounds is None:
        apart = f"{_names(findings, [leader, other])} have no seed in common"
        return f"No clear winner: {_absent(findings) or apart}; {_cost(findings, leader)}."
    if pair.log_ratios and not any(pair.log_ratios):
        seeds = len(pair.log_ratios)
        where = "the only seed" if seeds == 1 else f"all of {seeds:,} seeds"
        both = f"{findings.title(leader)} and {findings.title(other)}"
        return f"No clear winner: {both} are equal in {where} (p = 1)."
    parts = [f"{_claim(findings, pair, leader)} {_evidence(pair, leader)}"]
    parts += _price_part(findings, leader, other)
    parts += _baseline_part(findings)
    parts.append(_absent(findings) or _seeds_part(findings, pair))
    parts.append(_cost(findings, leader, other))
    return f"No clear winner: {'; '.join(filter(None, parts))}."


def _absent(findings: Findings) -> str:
    """``Adam has no run to compare with``; empty where everybody has one."""
    missing = [name for name in findings.active if not findings.counted_runs(name)]
    if not missing:
        return ""
    verb = "has" if len(missing) == 1 else "have"
    return f"{_names(findings, missing)} {verb} no run to compare with"


def _nobody_reached(findings: Findings, leader: str) -> str:
    loss = numbers.loss(findings.contenders[leader].final_loss.median)
    budget = numbers.counted(findings.spec.budget.epochs, "epoch")
    return (
        f"No winner: no contender reached {_goal(findings)} within {budget}; "
        f"{findings.title(leader)} came nearest with a median final {findings.metric.words} "
        f"of {loss}."
    )


def _rival(findings: Findings, name: str) -> str:
    """Whom to name beside a winner or leader: the baseline, or the one nearest to it."""
    others = [other for other in findings.active if other != name]
    if findings.baseline in others and findings.verdict.winner is not None:
        return findings.baseline
    return min(others, key=lambda other: _closeness(findings.pair(name, other)))


def _closeness(pair: Pair | None) -> tuple[bool, bool, float]:
    if pair is None or pair.bounds is None:
        return (True, False, 0.0)
    return (False, pair.better is not None, abs(pair.bounds.median))


def _claim(findings: Findings, pair: Pair, name: str) -> str:
    """``K-BFGS reaches 60.0 in 0.41× Adam's time``."""
    other = pair.second if name == pair.first else pair.first
    title, rival = findings.title(name), findings.title(other)
    bounds = pair.log_ratio_of(name)
    assert bounds is not None, "the pair has common seeds"
    outcome = findings.outcome
    if outcome is Outcome.FINAL_LOSS:
        return _loss_claim(findings, pair, name)
    target = _goal(findings)
    if math.isinf(bounds.median):
        mine, theirs = findings.time_to(name), findings.time_to(other)
        if mine.median == 0:
            return f"{title} is at {target} before its first step, {rival} is not"
        return (
            f"{title} reaches {target} in {mine.reached} of {mine.runs} runs, "
            f"{rival} in {theirs.reached} of {theirs.runs}"
        )
    return f"{title} reaches {target} in {_times(bounds)} {_of(rival)} {_measure(outcome)}"


def _loss_claim(findings: Findings, pair: Pair, name: str) -> str:
    """``K-BFGS ends at 0.84× Adam's training loss``; where no ratio exists, by how much below."""
    other = pair.second if name == pair.first else pair.first
    title, rival = findings.title(name), findings.title(other)
    bounds, words = pair.log_ratio_of(name), findings.metric.words
    assert bounds is not None, "the pair has common seeds"
    if math.isinf(bounds.median):
        mine, theirs = (findings.contenders[one].final_loss.median for one in (name, other))
        if theirs is None:
            return f"{title} ends its runs, {rival} diverges or fails in half of its own or more"
        return (
            f"{title} ends at a {words} of {numbers.loss(mine)}, {rival} of {numbers.loss(theirs)}"
        )
    if pair.stand_ins:
        return f"{title} ends {_away(bounds.median)} {_of(rival)} {words}"
    return f"{title} ends at {_times(bounds)} {_of(rival)} {words}"


def _evidence(pair: Pair, name: str) -> str:
    """``(95 % 0.37–0.46, corrected p = 0.023, 8 seeds)``."""
    bounds = pair.log_ratio_of(name)
    assert bounds is not None, "the pair has common seeds"
    interval = _difference(bounds) if pair.stand_ins else _ratios(bounds)
    parts = [f"95 % {interval}"] if interval else []
    parts.append(f"corrected {numbers.probability(pair.corrected_p)}")
    parts.append(numbers.counted(len(pair.log_ratios), "seed"))
    return f"({', '.join(parts)})"


def _ratios(bounds: Bounds) -> str:
    return numbers.span(ratio(bounds.low), ratio(bounds.high), write=numbers.ratio)


def _difference(bounds: Bounds) -> str:
    """``from 1.2 % to 3.4 % below``; empty where a side has no bound."""
    if math.isinf(bounds.low) or math.isinf(bounds.high):
        return ""
    return f"from {_away(bounds.high)} to {_away(bounds.low)}"


def _away(difference: float) -> str:
    """``3.4 % below``."""
    share = numbers.number(100 * abs(difference), 2)
    return f"{share} % {'above' if difference > 0 else 'below'}"


def _price_part(findings: Findings, name: str, other: str) -> list[str]:
    """``its 5 epochs took 4.6× Adam's training time``, where time does not decide."""
    mine = findings.contenders[name].run_seconds.median
    theirs = findings.contenders[other].run_seconds.median
    if findings.outcome is Outcome.TRAINING_SECONDS or not mine or not theirs:
        return []
    budget = numbers.counted(findings.spec.budget.epochs, "epoch")
    times = numbers.times(mine / theirs)
    return [f"its {budget} took {times} {_of(findings.title(other))} training time"]


def _baseline_part(findings: Findings) -> list[str]:
    names = findings.verdict.beats_baseline
    if not names:
        return []
    verb = "beats" if len(names) == 1 else "beat"
    return [f"{_names(findings, names)} {verb} the baseline {findings.title(findings.baseline)}"]


def _seeds_part(findings: Findings, pair: Pair) -> str:
    """What more seeds would do; the pair is the one that the sentence is about."""
    if not findings.complete:
        return ""
    needed = minimum_seeds(len(findings.active))
    if findings.spec.seeds < needed:
        return f"a winner needs at least {numbers.counted(needed, 'seed')}"
    if findings.more_seeds is not None:
        return f"about {numbers.counted(findings.more_seeds, 'more seed')} would probably decide it"
    if pair.bounds is not None and abs(pair.bounds.median) <= INDIFFERENCE:
        return "a difference within 2 % counts as none"
    return "how many seeds would decide it cannot be told"


def _cost(findings: Findings, *names: str) -> str:
    """``tuning took 16 trials each, 1,240 and 610 worker-seconds``."""
    costs = [findings.contenders[name].tuning for name in names]
    trials = [cost.trials for cost in costs]
    if len(set(trials)) == 1:
        each = " each" if len(trials) > 1 else ""
        count = numbers.counted(trials[0], "trial") + each
    else:
        count = f"{numbers.listed([f'{number:,}' for number in trials])} trials"
    seconds = numbers.listed([numbers.number(cost.worker_seconds) for cost in costs])
    return f"tuning took {count}, {seconds} worker-seconds"


def _goal(findings: Findings) -> str:
    """The target: ``60.0``, or ``a validation loss of 0.31`` where that decides."""
    value = numbers.loss(findings.target.value)
    if findings.metric is Metric.TRAIN_LOSS:
        return value
    return f"a {findings.metric.words} of {value}"


def _times(bounds: Bounds) -> str:
    return numbers.times(ratio(bounds.median))


def _of(title: str) -> str:
    return f"{title}'" if title.endswith("s") else f"{title}'s"


def _names(findings: Findings, names: tuple[str, ...] | list[str]) -> str:
    return numbers.listed([findings.title(name) for name in names])


def _measure(outcome: Outcome) -> str:
    match outcome:
        case Outcome.TRAINING_SECONDS:
            return "time"
        case Outcome.EPOCHS | Outcome.STEPS:
            return outcome.value
        case Outcome.FINAL_LOSS:
            return "loss"
        case _:
            assert_never(outcome)


def _unit(outcome: Outcome) -> str:
    return "training seconds" if outcome is Outcome.TRAINING_SECONDS else outcome.value
