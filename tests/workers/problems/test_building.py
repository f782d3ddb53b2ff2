"""Problems by their names."""

import pytest

from workers.problems import FACTORIES, UnknownProblem, build_problem


@pytest.mark.parametrize("name", FACTORIES)
def test_a_problem_is_what_it_is_called(name: str) -> None:
    assert build_problem(name).name == name


def test_an_unknown_problem_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UnknownProblem, match="mnist-5k-autoencoder"):
        build_problem("mnist-9k")
