"""Performance profiles over the problems of one comparison, and how sure their scores are.

Dolan and Moré, Mathematical Programming 91 (2002): with t(p, c) the median outcome of contender c
on problem p, r(p, c) = t(p, c) / min over c of t(p, c), and the profile of c is
rho(tau) = share of problems with r(p, c) <= tau. The score is that of AlgoPerf (Dahl et al. 2023):
1/3 of the integral of rho from 1 to 4, here exact: the mean over p of (4 - r) / 3 between 0 and 1.

A problem that nobody solved stays among the problems, missed by all, as in AlgoPerf.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from service.contracts import numbers
from service.contracts.profiles import LARGEST_RATIO, Profile, Profiles
from service.contracts.spec import Outcome
from service.domain.scoring.findings import Findings
from service.domain.scoring.intervals import CONFIDENCE

RESAMPLES = 2_000
FEWEST_RUNS = 6
"""Of each contender on each problem: with fewer a median has no 95 % interval either."""

Floats = NDArray[np.float64]


def profiles(suite: Sequence[Findings], *, seed: int) -> Profiles | None:
    """The profile of each contender that was not cancelled.

    A problem counts where every contender has a run that counts, or is out there, which is a
    miss; and where every outcome is above zero, for others have no ratios.

    Args:
        suite: What was found on each problem.
        seed: Of the resampling.

    Returns:
        None of a single problem; without contenders where fewer than two problems or two
        contenders are left.
    """
    if len(suite) < 2:
        return None
    cancelled = suite[0].cancelled
    names = [name for name in suite[0].contenders if name not in cancelled]
    left_out = {one.problem: why for one in suite if (why := _why_left_out(one, names))}
    counted = [one for one in suite if one.problem not in left_out]
    notes = [f"{problem} is left out: {why}" for problem, why in left_out.items()]
    notes += [f"{suite[0].title(name)} was cancelled and has no profile" for name in cancelled]
    problems = tuple(one.problem for one in counted)
    if len(names) < 2 or len(counted) < 2:
        notes.append("a profile needs two contenders and two problems that count, at least")
        return Profiles(problems=problems, contenders=(), notes=tuple(notes))
    outcomes = [_outcomes(one, names) for one in counted]
    made = list(_profiles(outcomes, names, problems))
    if _fewest_runs(counted) >= FEWEST_RUNS:
        drawn = resampled_scores(outcomes, seed=seed)
        for index, profile in enumerate(made):
            low, high = interval(profile.score, drawn[:, index])
            made[index] = profile.model_copy(update={"low": low, "high": high})
    notes += _notes(counted, outcomes)
    return Profiles(problems=problems, contenders=tuple(made), notes=tuple(notes))


def ratios(medians: Floats) -> Floats:
    """Each contender's outcome over the best one, infinite where it missed.

    Args:
        medians: Positive or infinite; shape (..., contenders).
    """
    best = medians.min(axis=-1, keepdims=True)
    found = np.full_like(medians, np.inf)
    np.divide(medians, best, out=found, where=np.isfinite(medians))
    return found


def scores(ratios: Floats) -> Floats:
    """The integral of each profile over ratios from 1 to 4, over 3; shape (..., contenders).

    Args:
        ratios: Shape (problems, ..., contenders).
    """
    heights = np.clip((LARGEST_RATIO - ratios) / (LARGEST_RATIO - 1), 0, 1)
    found: Floats = heights.mean(axis=0)
    return found


def resampled_scores(
    outcomes: Sequence[Floats], *, seed: int, resamples: int = RESAMPLES
) -> Floats:
    """The scores with the seeds of each problem drawn again; shape (resamples, contenders).

    A seed is drawn with the runs of all contenders on it, for they are paired.

    Args:
        outcomes: For each problem an array (seeds, contenders); NaN where no run counts.
        seed: Of the draws.
        resamples: How often.
    """
    generator = np.random.default_rng(seed)
    drawn = [
        medians(values[generator.integers(0, len(values), (resamples, len(values)))])
        for values in outcomes
    ]
    return scores(ratios(np.stack(drawn)))


def interval(score: float, drawn: Floats) -> tuple[float, float]:
    """The interval of a score: on both sides as far as the farther 95 % percentile lies from it.

    Where contenders are close, the best of several noisy medians looks too good, the more so in
    resamples, so that both percentiles may lie below the truth.
    ``python -m benchmarks.profile_intervals`` prints how often it covers.

    Args:
        score: With the seeds that there are.
        drawn: With seeds drawn again; shape (resamples,).
    """
    tail = (1 - CONFIDENCE) / 2
    reach = float(np.abs(np.quantile(drawn, (tail, 1 - tail)) - score).max())
    return max(score - reach, 0.0), min(score + reach, 1.0)


def medians(outcomes: Floats) -> Floats:
    """The median over the seeds of each contender's runs that count; infinite where none does.

    Args:
        outcomes: Shape (..., seeds, contenders); NaN where no run counts.
    """
    ordered = np.sort(outcomes, axis=-2)  # NaN last
    runs = np.count_nonzero(~np.isnan(ordered), axis=-2, keepdims=True)
    lower = np.take_along_axis(ordered, np.maximum(runs - 1, 0) // 2, axis=-2)
    upper = np.take_along_axis(ordered, runs // 2, axis=-2)
    return np.where(runs > 0, (lower + upper) / 2, np.inf).squeeze(axis=-2)


def _profiles(
    outcomes: Sequence[Floats], names: Sequence[str], problems: Sequence[str]
) -> Iterator[Profile]:
    """The profiles without their intervals."""
    found = ratios(np.stack([medians(values) for values in outcomes]))
    for name, score, own in zip(names, scores(found).tolist(), found.T.tolist(), strict=True):
        missed_or = [ratio if math.isfinite(ratio) else None for ratio in own]
        yield Profile(name=name, ratios=dict(zip(problems, missed_or, strict=True)), score=score)


def _why_left_out(findings: Findings, names: Sequence[str]) -> str:
    """Why a problem has no ratios; empty where it has."""
    silent = [
        findings.title(name)
        for name in names
        if name not in findings.out and not findings.outcomes.get(name)
    ]
    if silent:
        what = "no run that counts" if findings.complete else "no run yet"
        return f"{what} of {numbers.listed(silent)}"
    if any(value <= 0 for own in findings.outcomes.values() for value in own.values()):
        if findings.outcome is Outcome.FINAL_LOSS:
            return "losses of zero or below have no ratios"
        return "a run is at the target before its first step, and no time has a ratio to none"
    return ""


def _outcomes(findings: Findings, names: Sequence[str]) -> Floats:
    """The outcomes on one problem, shape (seeds, contenders): missed infinite, NaN without a run.

    A contender that is out there has no run at all, and so an infinite median.
    """
    seeds = sorted({seed for own in findings.outcomes.values() for seed in own}) or [0]
    columns = [findings.outcomes.get(name, {}) for name in names]
    return np.array([[column.get(seed, math.nan) for column in columns] for seed in seeds])


def _fewest_runs(counted: Sequence[Findings]) -> int:
    """Of a contender on a problem where it is not out."""
    return min((len(own) for one in counted for own in one.outcomes.values()), default=0)


def _notes(counted: Sequence[Findings], outcomes: Sequence[Floats]) -> Iterator[str]:
    for findings, values in zip(counted, outcomes, strict=True):
        if not np.isfinite(medians(values)).any():
            yield f"on {findings.problem} nobody has an outcome: it counts as missed by all"
    if (runs := _fewest_runs(counted)) < FEWEST_RUNS:
        yield (
            f"no interval of a score: it takes {FEWEST_RUNS} runs of each contender on each "
            f"problem, and one has {runs}"
        )
    elif (apart := sum(_tells_apart(one) for one in counted)) < len(counted) / 2:
        yield (
            f"contenders are close, for a pair is told apart on {apart} of {len(counted)} "
            "problems: the scores' intervals may cover less than 95 % (61 to 85 % in simulations "
            "of equal contenders), and the scores are a little too low"
        )


def _tells_apart(findings: Findings) -> bool:
    """Whether the verdict calls anybody better than somebody else."""
    return any(pair.better is not None for pair in findings.pairs)
