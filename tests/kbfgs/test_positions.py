"""Convolutions and sequences against an independent float64 transcription with positions."""

import pytest
import torch

from kbfgs import KBFGS, KFAC
from tests.support.fisher_closures import fisher_closures
from tests.support.gloo_ranks import run_ranks
from tests.support.networks import closure_for, half_squared_error, relative
from tests.support.positions_networks import (
    apart,
    convolution,
    matrices,
    put,
    sequence_run,
    sequences,
)
from tests.support.positions_oracle import PositionsPaper

pytestmark = pytest.mark.training

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
def test_each_of_50_steps_from_equal_states_is_the_papers(make):
    case, paper, state, opt = start(make, lr=0.3)
    worst = 0.0
    stream = batches(case.inputs, 5)
    for step in range(50):
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


@pytest.mark.parametrize("make", [CASES["groups"], sequences], ids=["convolution", "sequences"])
def test_a_warm_start_averages_over_samples_and_damps_by_positions(make):
    case, paper, state, opt = start(make, lr=0.1)
    inputs = [x for x, _ in batches(case.inputs, 3)]
    with opt.warm_start():
        for x in inputs:
            case.model(x)
    joined = torch.cat(inputs)
    _, a_bar, _, _ = paper.observe(state.weights, joined, torch.zeros(len(joined), 3))
    for k, name in enumerate(case.names):
        paper.set_factor(state, k, paper.second_moment(a_bar[k]), a_bar[k].shape[1])
        layer = opt.state_dict()["kbfgs"]["layers"][name]
        assert relative(layer["input_factor"], state.A[k]) < 1e-12
        assert relative(layer["input_inverse"], state.H_a[k]) < 1e-12


@pytest.mark.parametrize("make", [CASES["same"], sequences], ids=["convolution", "sequences"])
def test_micro_batches_are_samples_and_not_positions(make):
    case, _, _, opt = start(make, lr=0.1)
    twin, _, _, twin_opt = start(make, lr=0.1)

    def closure():
        twin_opt.zero_grad()
        loss = sum(
            half_squared_error(twin.model(x[rows]), y[rows]) * len(x[rows]) / len(x)
            for rows in (slice(0, 3), slice(3, None))
        )
        loss.backward()
        return loss

    for x, y in batches(case.inputs, 4):
        opt.step(closure_for(opt, case.model, x, y))
        twin_opt.step(closure)
    for mine, other in zip(twin.model.parameters(), case.model.parameters(), strict=True):
        assert relative(mine.detach(), other.detach()) < 1e-12


@pytest.mark.parametrize("make", [CASES["groups"], sequences], ids=["convolution", "sequences"])
def test_the_first_rows_alone_give_the_curvature_of_their_positions(make):
    case, paper, state, _ = start(make, lr=0.1)
    opt = KBFGS(case.model, lr=0.1, damping=0.3, curvature_fraction=0.5)
    ((x, y),) = batches(case.inputs, 1, rows=8)
    _, a_bar, h, g = paper.observe(state.weights, x[:4], y[:4])
    opt.step(
        closure_for(opt, case.model, x, y),
        curvature_closure=closure_for(opt, case.model, x[:4], y[:4]),
    )
    _, _, h_new, g_new = paper.observe(matrices(case), x[:4], y[:4])
    for k, name in enumerate(case.names):
        layer = opt.state_dict()["kbfgs"]["layers"][name]
        assert relative(layer["input_factor"], paper.second_moment(a_bar[k])) < 1e-12
        assert relative(layer["pair_step"], 0.1 * (h_new[k] - h[k]).mean((0, 1))) < 1e-10
        assert relative(layer["pair_change"], 0.1 * (g_new[k] - g[k]).mean((0, 1))) < 1e-10


@pytest.mark.parametrize("warm", [False, True], ids=["first batch", "warm start"])
@pytest.mark.parametrize("make", [CASES["groups"], sequences], ids=["convolution", "sequences"])
def test_k_facs_factors_and_step_count_positions(make, warm):
    case, paper, state, _ = start(make, lr=0.1)
    opt = KFAC(case.model, lr=0.1, damping=0.3, safeguard=None)
    (x, y), (_, sampled) = batches(case.inputs, 2)
    if warm:
        with opt.warm_start(lambda outputs: half_squared_error(outputs, sampled)):
            case.model(x)
    opt.step(*fisher_closures(opt, case.model, x, y, sampled))
    gradient = paper.observe(state.weights, x, y)[0]
    _, a_bar, _, g = paper.observe(state.weights, x, sampled)
    for k, name in enumerate(case.names):
        layer = opt.state_dict()["kbfgs"]["layers"][name]
        positions = g[k].shape[1]
        A, G = paper.second_moment(a_bar[k]), paper.second_moment(g[k]) / positions
        assert relative(layer["input_factor"], A) < 1e-12
        assert relative(layer["output_factor"], G) < 1e-12
        A_inverse = torch.linalg.inv(
            A + (0.3 * positions) ** 0.5 * torch.eye(len(A), dtype=A.dtype)
        )
        G_inverse = torch.linalg.inv(
            G + (0.3 / positions) ** 0.5 * torch.eye(len(G), dtype=G.dtype)
        )
        step = G_inverse @ (0.1 * gradient[k]) @ A_inverse
        assert relative(matrices(case)[k], state.weights[k] - 0.1 * step) < 1e-12


@pytest.mark.dist
@pytest.mark.parametrize("cut", [None, 5], ids=["even", "uneven"])
def test_two_ranks_count_samples_and_positions_as_one_does(tmp_path, cut):
    case, _, _, opt = start(sequences, lr=0.1)
    stream = batches(case.inputs, 6, rows=8)
    for x, y in stream:
        opt.step(closure_for(opt, case.model, x, y))
    weighting = None if cut is None else "hook"
    for found in run_ranks(sequence_run, tmp_path, stream, cut, weighting):
        for name, parameter in case.model.named_parameters():
            assert relative(found[name], parameter.detach()) < 1e-10
