"""How often 95 % intervals hold the population's median log-ratio, and how wide they are."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.verdict_simulations.methods import METHODS, Method
from benchmarks.verdict_simulations.outcomes import Population, cauchy, heavy, skewed
from benchmarks.verdict_simulations.tables import share, table

SEEDS = (5, 8, 10, 20)
POPULATIONS: Mapping[str, Population] = {
    "log-normal": Population(),
    "heavy-tailed (t, 3 degrees)": Population(noise=heavy),
    "heavier (Cauchy)": Population(noise=cauchy),
    "skewed (exponential)": Population(noise=skewed, alone=True),
    "one in ten missed": Population(missed=0.1),
    "three in ten missed": Population(missed=0.3),
}
"""Of two contenders; the first alone misses the target, in its slowest runs."""

_WHOLE = 1_000_000
"""Seeds that stand for all there are."""


def log_ratios(
    population: Population, generator: np.random.Generator, shape: tuple[int, int]
) -> np.ndarray:
    """Samples of paired log-ratios; shape (simulations, seeds), plus infinity where missed."""
    simulations, seeds = shape
    times = replace(population, missed=0.0).times(generator, (simulations, 2, seeds))
    ratios: np.ndarray = np.log(times[:, 0]) - np.log(times[:, 1])
    ratios[times[:, 0] > np.quantile(times[:, 0], 1 - population.missed)] = np.inf
    return ratios


def true_median(population: Population) -> float:
    """The median log-ratio over a million seeds."""
    ratios = log_ratios(population, np.random.default_rng(1), (1, _WHOLE))
    return float(np.median(ratios))


def covered(method: Method, samples: np.ndarray, truth: float) -> tuple[float, float]:
    """The share of the method's intervals that hold the truth, and their median width."""
    low, high = method(samples).T
    bounded = np.isfinite(low) & np.isfinite(high)
    widths = np.subtract(high, low, out=np.full_like(high, np.inf), where=bounded)
    return float(np.mean((low <= truth) & (truth <= high))), float(np.median(widths))


def coverage_table(simulations: int) -> str:
    """A line for each number of seeds and population: coverage, and in brackets the width."""
    rows = []
    for seeds in SEEDS:
        for name, population in POPULATIONS.items():
            samples = log_ratios(population, np.random.default_rng(seeds), (simulations, seeds))
            truth = true_median(population)
            cells = [covered(method, samples, truth) for method in METHODS.values()]
            rows.append([str(seeds), name, *(_cell(*cell) for cell in cells)])
    return table(["seeds", "log-ratios", *METHODS], rows)


def _cell(coverage: float, width: float) -> str:
    if np.isinf(width) and coverage == 1:
        return "no interval"
    return f"{share(coverage)} ({'open' if np.isinf(width) else f'{width:.2f}'})"
