"""Operations of a step are counted as a GPU would launch them."""

import pytest
import torch
from torch import Tensor

from benchmarks import dispatched
from benchmarks.dispatched import Dispatched

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
