"""The factories of the catalogue's problems."""

from collections.abc import Callable, Mapping

from service.contracts.catalogue import PluginOrigin
from workers.plugins import PluginBroken, load_factory, problem_origin
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
    """The problem of that name, built in or from a plug-in.

    Raises:
        UnknownProblem: If there is no factory of that name.
        PluginBroken: If its plug-in does not give a problem.
    """
    factory = FACTORIES.get(name)
    if factory is not None:
        return factory()
    origin = problem_origin(name)
    if origin is None:
        raise UnknownProblem(f"no problem {name!r}; these workers have {', '.join(FACTORIES)}")
    return _from_plugin(origin)


def _from_plugin(origin: PluginOrigin) -> Problem:
    problem: Problem = load_factory(origin)()
    members = (member for member in vars(Problem) if not member.startswith("_"))
    lacking = [member for member in members if not hasattr(problem, member)]
    if lacking:
        given = f"{origin.factory} gave {type(problem).__name__}"
        raise PluginBroken(origin, f"{given}, which has no {', '.join(lacking)}")
    return problem
