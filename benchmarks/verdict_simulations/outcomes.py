"""Outcomes whose truth is known: times to the target of contenders over the same seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

SPREAD = 0.2
"""Of a contender's log-times about what its seed has in common, where nothing else is said."""

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
"""Draws of a shape, with median 0 and a spread near 1."""


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Log-normal times."""
    return generator.normal(size=shape)


def heavy(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Student's t with 3 degrees: now and then a run takes far longer, or far less."""
    return generator.standard_t(3, size=shape)


def cauchy(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """So heavy that there is no mean."""
    return generator.standard_cauchy(size=shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Exponential, moved to median 0: late runs are later than early ones are early."""
    return generator.exponential(size=shape) - np.log(2)


@dataclass(frozen=True, kw_only=True)
class Population:
    """How the times of contenders without a difference come about."""

    noise: Noise = normal
    seeds: float = 0.5
    """Spread of the log-times between seeds, which all contenders share."""
    missed: float = 0.0
    """Share of the runs, the slowest, that the budget ends before they reach the target."""
    alone: bool = False
    """Whether the first contender alone has this noise, the others a tenth of normal noise."""

    steps: float = 0.0
    """By how much, in logarithms, each contender from the third on is slower than the one before:
    the first two are the best, and equal."""

    def times(
        self, generator: np.random.Generator, shape: tuple[int, int, int], *, spread: float = SPREAD
    ) -> np.ndarray:
        """Times of shape (simulations, contenders, seeds); infinite where missed."""
        simulations, contenders, seeds = shape
        own = self.noise(generator, shape)
        if self.alone:
            own[:, 1:] = normal(generator, (simulations, contenders - 1, seeds)) / 10
        shared = normal(generator, (simulations, 1, seeds))
        slower = self.steps * np.maximum(np.arange(contenders) - 1, 0)
        logs = spread * own + self.seeds * shared + slower[:, np.newaxis]
        times = np.exp(np.clip(logs, -300, 300))
        if self.missed:
            times[times > np.quantile(times, 1 - self.missed)] = np.inf
        return times


POPULATIONS: Mapping[str, Population] = {
    "log-normal": Population(),
    "the seed decides most": Population(seeds=2.0),
    "heavy-tailed (t, 3 degrees)": Population(noise=heavy),
    "heavier (Cauchy)": Population(noise=cauchy),
    "one in ten misses the target": Population(missed=0.1),
    "three in ten miss it": Population(missed=0.3),
    "two equal ones ahead of the rest": Population(steps=1.0),
    "one contender skewed, equal medians": Population(noise=skewed, alone=True),
}
"""What contenders without a difference are drawn from."""
