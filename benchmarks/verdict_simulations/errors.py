"""How often a winner is named among contenders without a difference."""

import numpy as np

from benchmarks.verdict_simulations.curves import relative_verdict
from benchmarks.verdict_simulations.outcomes import POPULATIONS, Population
from benchmarks.verdict_simulations.tables import share, table
from benchmarks.verdict_simulations.verdicts import verdict_on
from service.domain.planning import minimum_seeds
from service.domain.scoring.verdict import Verdict

CONTENDERS = (2, 6)
SEEDS = (8, 10, 20)
FIRST_LOOK, LAST_LOOK = 8, 20


def false_verdicts(
    population: Population, simulations: int, *, contenders: int, seeds: int
) -> tuple[float, float]:
    """The shares of comparisons with a winner, and with anybody beyond the baseline."""
    generator = np.random.default_rng(100 * seeds + contenders)
    times = population.times(generator, (simulations, contenders, seeds))
    return shares([verdict_on(comparison) for comparison in times])


def shares(verdicts: list[Verdict]) -> tuple[float, float]:
    """The shares of verdicts that name a winner, and that name anybody over the baseline."""
    winners = [verdict.winner is not None for verdict in verdicts]
    beyond = [bool(verdict.beats_baseline) for verdict in verdicts]
    return float(np.mean(winners)), float(np.mean(beyond))


def false_table(simulations: int) -> str:
    """A line for each population, a column for each number of contenders and seeds."""
    columns = [(contenders, seeds) for contenders in CONTENDERS for seeds in SEEDS]
    rows = []
    for name, population in POPULATIONS.items():
        cells = (
            false_verdicts(population, simulations, contenders=contenders, seeds=seeds)
            for contenders, seeds in columns
        )
        rows.append([name, *map(_cell, cells)])
    relative = (
        shares(relative_verdicts(simulations, contenders=contenders, seeds=seeds))
        for contenders, seeds in columns
    )
    rows.append(["epochs to a relative target", *map(_cell, relative)])
    head = [f"{contenders} contenders, {seeds} seeds" for contenders, seeds in columns]
    return table(["outcomes", *head], rows)


def relative_verdicts(simulations: int, *, contenders: int, seeds: int) -> list[Verdict]:
    """Verdicts whose target follows from the runs themselves."""
    generator = np.random.default_rng(100 * seeds + contenders)
    return [
        relative_verdict(generator, contenders=contenders, seeds=seeds) for _ in range(simulations)
    ]


def looks_table(simulations: int) -> str:
    """How often a winner was named at any of several looks, against the last look alone."""
    rows = []
    for contenders in CONTENDERS:
        generator = np.random.default_rng(contenders)
        times = Population().times(generator, (simulations, contenders, LAST_LOOK))
        first = max(FIRST_LOOK, minimum_seeds(contenders))
        looks = np.array(
            [[_named(one[:, :seen]) for seen in range(first, LAST_LOOK + 1)] for one in times]
        )
        rows.append(
            [
                str(contenders),
                f"{first} to {LAST_LOOK}",
                share(looks[:, -1].mean()),
                share(looks.any(axis=1).mean()),
            ]
        )
    return table(["contenders", "seeds", "at the end alone", "after every seed"], rows)


def _named(times: np.ndarray) -> bool:
    return verdict_on(times).winner is not None


def _cell(found: tuple[float, float]) -> str:
    winner, beyond = found
    return f"{share(winner)} ({share(beyond)})"
