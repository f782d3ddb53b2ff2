"""How often a later report is said to contradict an earlier one, against simulated truth.

    python -m benchmarks.agreement [REPEATS]

Log-ratios of pairs are drawn around a true ratio, once for the earlier report and once for the
later. Among the reports that claim the first contender to be better, the share whose claim is
contradicted is printed: where the truth stayed (false), where the difference is gone, and where it
is turned round.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.contracts.agreement import Agreement
from service.contracts.report import Interval, PairReport
from service.domain.scoring.agreement import pair_agreement
from service.domain.scoring.intervals import median_interval
from service.domain.scoring.pairs import INDIFFERENCE, ratio

SPREAD = 0.2
"""Standard deviation of a log-ratio over the seeds."""
RATIOS = (0.9, 0.82, 0.67)
SEEDS = (8, 10, 20)


@dataclass(frozen=True)
class Share:
    """Of the claims, how many were contradicted."""

    claims: int
    unchanged: float
    gone: float
    turned: float


def simulated(
    true_ratio: float, seeds: int, *, heavy: bool, repeats: int, generator: np.random.Generator
) -> Share:
    """The shares over so many pairs of reports.

    Args:
        true_ratio: Of the first contender's outcome to the second's, below 1.
        seeds: Of each report.
        heavy: Whether log-ratios follow Student's t with two degrees of freedom, not a normal.
        repeats: Pairs of reports; those without a claim count for nothing.
        generator: Where numbers come from.
    """

    def drawn(centre: float) -> PairReport:
        noise = generator.standard_t(2, seeds) if heavy else generator.normal(size=seeds)
        bounds = median_interval(tuple(centre + SPREAD * noise))
        interval = Interval(
            median=ratio(bounds.median), low=ratio(bounds.low), high=ratio(bounds.high)
        )
        better = "a" if bounds.high < -INDIFFERENCE else "b" if bounds.low > INDIFFERENCE else None
        return PairReport(
            first="a", second="b", ratio=interval, p_value=0, corrected_p=0,
            baseline_corrected_p=None, seeds=seeds, censored=0, better=better,
        )  # fmt: skip

    centre = math.log(true_ratio)
    claims, contradicted = 0, np.zeros(3)
    for _ in range(repeats):
        then = drawn(centre)
        if then.better == "a":
            claims += 1
            contradicted += [
                pair_agreement(then, drawn(later)).agreement is Agreement.CONTRADICTED
                for later in (centre, 0.0, -centre)
            ]
    return Share(claims, *(float(count) / max(claims, 1) for count in contradicted))


def table(repeats: int) -> Iterator[str]:
    """A line for each case."""
    yield "| log-ratios | seeds | true ratio | claims | unchanged | gone | turned round |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    generator = np.random.default_rng(1)
    for heavy in (False, True):
        for seeds in SEEDS:
            for true_ratio in RATIOS:
                found = simulated(
                    true_ratio, seeds, heavy=heavy, repeats=repeats, generator=generator
                )
                shares = (found.unchanged, found.gone, found.turned)
                written = " | ".join(f"{100 * share:.1f} %" for share in shares)
                name = "heavy-tailed" if heavy else "normal"
                yield f"| {name} | {seeds} | {true_ratio} | {found.claims:,} | {written} |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 1500):
        print(line, flush=True)
