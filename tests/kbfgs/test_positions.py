"""Convolutions and sequences against an independent float64 transcription with positions."""

import pytest
import torch

from kbfgs import KBFGS
from tests.support.networks import closure_for, half_squared_error
from tests.support.positions_networks import apart, convolution, matrices, put, sequences
from tests.support.positions_oracle import PositionsPaper

CASES = {
    "plain": lambda: convolution(kernel_size=3),
    "stride and padding": lambda: convolution(kernel_size=3, stride=2, padding=1),
    "uneven": lambda: convolution(kernel_size=(3, 2), stride=(1, 2), padding=(2, 0)),
    "same": lambda: convolution(kernel_size=3, padding="same"),
    "circular": lambda: convolution(kernel_size=3, padding=1, padding_mode="circular"),
    "reflect": lambda: convolution(kernel_size=3, padding="same", padding_mode="reflect"),
    "dilation": lambda: convolution(kernel_size=2, dilation=(3, 2), padding=1),
    "groups": lambda: convolution(6, kernel_size=2, groups=3, stride=2),
    "1 x 1": lambda: convolution(kernel_size=1),
    "sequences": sequences,
}


def batches(shape, count, rows=7):
    generator = torch.Generator().manual_seed(0)

    def draw(*size):
        return torch.randn(*size, dtype=torch.float64, generator=generator)

    return [(draw(rows, *shape), draw(rows, 3)) for _ in range(count)]


def start(make, *, lr):
    torch.manual_seed(0)
    case = make()
    paper = PositionsPaper(half_squared_error, lr=lr, weight_decay=1e-2, network=case.network)
    opt = KBFGS(case.model, lr=lr, damping=0.3, weight_decay=1e-2, safeguard=None)
    return case, paper, paper.initial(matrices(case)), opt


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_each_of_15_steps_from_equal_states_is_the_papers(make):
    case, paper, state, opt = start(make, lr=0.3)
    worst = 0.0
    stream = batches(case.inputs, 5)
    for step in range(15):
        put(opt, case, state)
        x, y = stream[step % 5]
        opt.step(closure_for(opt, case.model, x, y))
        paper.step(state, x, y)
        worst = max(worst, apart(opt, case, state))
    assert worst < 1e-12
    assert not opt.diagnostics().first_order


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_a_free_run_of_8_steps_stays_on_the_papers_path(make):
    case, paper, state, opt = start(make, lr=0.1)
    for x, y in batches(case.inputs, 8):
        opt.step(closure_for(opt, case.model, x, y))
        paper.step(state, x, y)
    assert apart(opt, case, state) < 1e-10
