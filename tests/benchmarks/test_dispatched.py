"""Operations of a step are counted as a GPU would launch them."""

from collections.abc import Iterable
from itertools import count, islice, repeat

import pytest
import torch
from torch import Tensor

from benchmarks import dispatched
from benchmarks.dispatched import Dispatched, count_step

# What one more layer with a bias and a ReLU behind it must cost, however many there are.
DENSE = {
    "first_pass": 6 + 3,  # W a + b, the ReLU, and back: the ReLU, ∇a, ∇W, ∇b; Σ a, Σ h, Σ g
    "exchange": 0,
    "input_factors": 1 + 1,  # Σ a aᵀ; the last column of A
    "direction": 2 + 2 + 2 + 2,  # M of W and b; H_g M H_a; <M, D>; the move of W and b
    "second_pass": 4 + 2,  # as the first, but for ∇W, ∇b and Σ a
    # H_a ā, A s_a, H_a y_a, H_g y, H_g ỹ; both updates; <∇, W - W⁺> and the way back of W and b
    "curvature": 5 + 2 + 4,
}
LIMITED = DENSE | {
    "direction": DENSE["direction"] + 2,  # H_g M by three products
    # H_g y and H_g ỹ by three products each; in the ring three operations, and two for products
    "curvature": DENSE["curvature"] - 3 + 2 * 3 + 3 + 2,
}
ALIKE = DENSE | {
    "direction": DENSE["direction"] - 2,  # H_g M H_a is one product for all
    "curvature": DENSE["curvature"] - 5,  # and so are those with vectors
}
TINY = ["--sizes", "12", "16", "8", "4", "8", "16", "12", "--batch", "20"]


def counted(work, *values: Tensor) -> int:
    with Dispatched() as found:
        work(*values)
    return found.count


def test_what_computes_counts_and_views_and_memory_do_not() -> None:
    x = torch.ones(4, 6)
    assert counted(lambda x: x.t()[1:].flatten(0, 0).detach().new_empty(3), x) == 0
    assert counted(lambda x: (x @ x.t()).sum() + 1, x) == 3
    assert counted(lambda x: x.requires_grad_().mul(2).sum().backward(), x.clone()) == 4


@pytest.mark.parametrize(
    ("lists", "kernels"),
    [
        (([4, 5], [4, 5]), 1),
        (([4, 5], [1, 1]), 2),
    ],
    ids=["alike", "broadcast"],
)
def test_one_operation_on_lists_is_one_kernel_where_they_are_alike(lists, kernels) -> None:
    left, right = ([torch.ones(size) for size in sizes] for sizes in lists)
    assert counted(lambda: torch._foreach_add(left, right)) == kernels


@pytest.mark.parametrize(
    "strange",
    [torch.ones(3, 2).t()[0], torch.ones(3, dtype=torch.float64)],
    ids=["strided", "another dtype"],
)
def test_and_one_by_one_where_they_are_not(strange) -> None:
    plain = torch.ones(3)
    assert counted(lambda: torch._foreach_mul_([plain, strange], 2.0)) == 2


def test_the_phases_of_each_step_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    dispatched.main(TINY)
    lines = capsys.readouterr().out.splitlines()
    table = {line[:12].strip(): [int(count) for count in line[12:].split()] for line in lines[1:]}
    assert list(table) == list(dispatched.NAMES)
    for name in ("K-FAC", "K-BFGS", "K-BFGS(L)"):
        step, *phases = table[name]
        assert 0.9 * step < sum(phases) <= step
    assert 0 < table["SGD"][0] < table["Adam"][0] < table["K-FAC"][0] < table["K-BFGS"][0]


def sizes(layers: int, inner: Iterable[int]) -> list[int]:
    """Those of an autoencoder with so many layers."""
    return [200, *islice(inner, layers - 1), 200]


@pytest.mark.parametrize(
    ("name", "inner", "allowed"),
    [
        ("K-BFGS", lambda: count(210), DENSE),
        ("K-BFGS(L)", lambda: count(210), LIMITED),
        ("K-BFGS", lambda: repeat(60), ALIKE),
    ],
    ids=["dense", "limited memory", "small and alike"],
)
def test_a_further_layer_costs_what_must_be_its_own(name, inner, allowed) -> None:
    few, many = (count_step(name, sizes(layers, inner()), rows=20) for layers in (4, 9))
    more = {phase: (many.phases[phase] - before) / 5 for phase, before in few.phases.items()}
    assert {phase: cost for phase, cost in more.items() if cost > allowed[phase]} == {}
    assert many.total - few.total <= 5 * sum(allowed.values())
