"""The factories of the catalogue's problems."""

from collections.abc import Callable, Mapping

from service.contracts.catalogue import PluginOrigin
from workers.plugins import PluginBroken, load_factory, problem_origin
from workers.problems.autoencoders import (
    curves_autoencoder,
    curves_like_autoencoder,
    faces_autoencoder,
    faces_like_4k_autoencoder,
    faces_like_autoencoder,
    mnist_5k_autoencoder,
    mnist_autoencoder,
)
from workers.problems.base import (
    Augmenting,
    Classifying,
    DataMissing,
    Problem,
    Split,
    Splits,
    UnknownProblem,
)
from workers.problems.cifar10 import cifar10_resnet
from workers.problems.fashion_mnist import fashion_mnist_cnn, fashion_mnist_mlp
from workers.problems.logistic_regression import LogisticRegression
from workers.problems.quadratic import Quadratic
from workers.problems.text import CharTransformer

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
    "mnist-autoencoder": mnist_autoencoder,
    "faces-autoencoder": faces_autoencoder,
    "curves-autoencoder": curves_autoencoder,
    "mnist-5k-autoencoder": mnist_5k_autoencoder,
    "faces-like-autoencoder": faces_like_autoencoder,
    "faces-like-4k-autoencoder": faces_like_4k_autoencoder,
    "curves-like-autoencoder": curves_like_autoencoder,
    "fashion-mnist-mlp": fashion_mnist_mlp,
    "fashion-mnist-cnn": fashion_mnist_cnn,
    "cifar10-resnet": cifar10_resnet,
    "char-transformer": CharTransformer,
    "logistic-regression": LogisticRegression,
    "quadratic": Quadratic,
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
