"""KBFGS against an independent float64 transcription of the paper."""

import pytest
import torch

from kbfgs import KBFGS
from tests.support.networks import (
    closure_for,
    data,
    difference,
    half_squared_error,
    network,
    put_state,
    relative,
    weight_matrices,
)
from tests.support.paper_oracle import Paper, PaperState

SIZES = (7, 9, 5, 4)
cases = pytest.mark.parametrize(
    ("warm", "weight_decay"), [(True, 0.0), (False, 0.0), (True, 1e-2), (False, 1e-2)]
)


def batches(count: int, rows: int = 40) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [data(rows, SIZES[0], SIZES[-1], seed=1 + k) for k in range(count)]


def start(
    *, lr: float, warm: bool, weight_decay: float, dtype: torch.dtype = torch.float64
) -> tuple[Paper, PaperState, KBFGS, torch.nn.Module]:
    model = network(*SIZES)
    paper = Paper(half_squared_error, lr=lr, weight_decay=weight_decay)
    state = paper.initial(weight_matrices(model))
    model = model.to(dtype)
    opt = KBFGS(model, lr=lr, damping=0.3, weight_decay=weight_decay, safeguard=None)
    if warm:
        paper.warm_start(state, [x for x, _ in batches(3)])
        with opt.warm_start():
            for x, _ in batches(3):
                model(x.to(dtype))
    return paper, state, opt, model


@cases
def test_each_of_50_steps_from_equal_states_is_the_papers(warm, weight_decay):
    paper, state, opt, model = start(lr=0.3, warm=warm, weight_decay=weight_decay)
    worst = 0.0
    stream = batches(5)
    for step in range(50):
        put_state(opt, model, state)
        x, y = stream[step % 5]
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
        worst = max(worst, difference(opt, model, state))
    assert worst < 1e-12
    assert paper.log["powell"] > 0
    assert paper.log["identity"] > 0


@cases
def test_a_free_run_of_20_steps_stays_on_the_papers_path(warm, weight_decay):
    paper, state, opt, model = start(lr=0.1, warm=warm, weight_decay=weight_decay)
    stream = batches(4)
    for step in range(20):
        x, y = stream[step % 4]
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
        assert difference(opt, model, state) < 1e-10


@cases
def test_float32_follows_the_paper_over_the_first_10_steps(warm, weight_decay):
    paper, state, opt, model = start(
        lr=0.1, warm=warm, weight_decay=weight_decay, dtype=torch.float32
    )
    # With 40 rows the means of h and g carry so much rounding that a float32 run of the
    # transcription itself is 1e-5 away.
    stream = batches(4, rows=400)
    for step in range(10):
        x, y = stream[step % 4]
        opt.step(closure_for(opt, model, x.float(), y.float()))
        paper.step(state, x, y)
        for ours, theirs in zip(weight_matrices(model), state.weights, strict=True):
            assert ours.dtype == torch.float32
            assert relative(ours, theirs) < 1e-5


def test_the_papers_damping_threshold_is_capped_below_one():
    paper = Paper(half_squared_error, lr=0.1, damping=3.0)
    model = network(*SIZES)
    state = paper.initial(weight_matrices(model))
    opt = KBFGS(model, lr=0.1, damping=3.0, safeguard=None)
    for x, y in batches(6):
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
    assert paper.log["identity"] > 0
    assert difference(opt, model, state) < 1e-10
