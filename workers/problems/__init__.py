"""The factories of the catalogue's problems."""

from collections.abc import Callable, Mapping

from workers.problems.base import (
    Augmenting,
    Classifying,
    DataMissing,
    Problem,
    Split,
    Splits,
    UnknownProblem,
)
from workers.problems.mnist_5k import Mnist5kAutoencoder

__all__ = [
    "FACTORIES",
    "Augmenting",
    "Classifying",
    "DataMissing",
    "Problem",
    "Split",
    "Splits",
    "UnknownProblem",
    "build_problem",
]

FACTORIES: Mapping[str, Callable[[], Problem]] = {
    "mnist-5k-autoencoder": Mnist5kAutoencoder,
}
"""A factory for every problem of the catalogue."""


def build_problem(name: str) -> Problem:
    """The problem of that name.

    Raises:
        UnknownProblem: If there is no factory of that name.
    """
    factory = FACTORIES.get(name)
    if factory is None:
        raise UnknownProblem(f"no problem {name!r}; these workers have {', '.join(FACTORIES)}")
    return factory()
