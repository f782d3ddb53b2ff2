"""The second pass over a part of the batch, and only in every T-th step."""

import math

import pytest
import torch
from torch import nn

from kbfgs import KBFGS, ClosureError, UnsupportedModelError, curvature_rows
from tests.support.networks import (
    closure_for,
    data,
    difference,
    half_squared_error,
    network,
    put_state,
    weight_matrices,
)
from tests.support.paper_oracle import Paper

SIZES = (7, 9, 5, 4)


def head(x, fraction):
    return x[: math.ceil(fraction * len(x))]


def take_step(opt, model, x, y, fraction):
    part = closure_for(opt, model, head(x, fraction), head(y, fraction))
    return opt.step(closure_for(opt, model, x, y), curvature_closure=part)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize(("fraction", "every"), [(0.25, 1), (0.11, 1), (1.0, 3), (0.5, 2)])
def test_each_of_30_steps_from_equal_states_is_the_transcriptions(fraction, every, warm):
    model = network(*SIZES)
    paper = Paper(half_squared_error, lr=0.3, fraction=fraction, update_every=every)
    state = paper.initial(weight_matrices(model))
    opt = KBFGS(
        model, lr=0.3, damping=0.3, safeguard=None, curvature_fraction=fraction, update_every=every
    )
    stream = [data(41, SIZES[0], SIZES[-1], seed=1 + k) for k in range(4)]
    if warm:
        paper.warm_start(state, [stream[0][0]])
        with opt.warm_start():
            model(stream[0][0])
    worst = 0.0
    for step in range(30):
        put_state(opt, model, state)
        x, y = stream[step % 4]
        take_step(opt, model, x, y, fraction)
        paper.step(state, x, y)
        worst = max(worst, difference(opt, model, state))
    assert worst < 1e-12
    assert paper.log["powell"] > 0


def test_micro_batches_inside_the_closure_are_one_batch():
    x, y = data(40, SIZES[0], SIZES[-1])
    whole, split = network(*SIZES), network(*SIZES)
    options = {"lr": 0.3, "curvature_fraction": 0.3}
    opt, split_opt = KBFGS(whole, **options), KBFGS(split, **options)

    def accumulated(rows, parts):
        def closure():
            split_opt.zero_grad()
            total = torch.zeros((), dtype=x.dtype)
            for k in range(0, rows, rows // parts):
                some = slice(k, k + rows // parts)
                loss = half_squared_error(split(x[some]), y[some]) / parts
                loss.backward()
                total = total + loss.detach()
            return total

        return closure

    for _ in range(3):
        take_step(opt, whole, x, y, 0.3)
        split_opt.step(accumulated(40, 4), curvature_closure=accumulated(12, 6))
    for ours, theirs in zip(weight_matrices(whole), weight_matrices(split), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_step_between_the_updates_runs_the_closure_once_and_leaves_the_curvature():
    model = network(*SIZES)
    opt = KBFGS(model, update_every=3)
    x, y = data(20, SIZES[0], SIZES[-1])
    closure = closure_for(opt, model, x, y)
    runs = []

    def counted():
        runs.append(opt.in_second_pass)
        return closure()

    opt.step(counted)
    curvature = {
        (name, key): tensor.clone()
        for name, layer in opt.state_dict()["kbfgs"]["layers"].items()
        for key, tensor in layer.items()
        if key != "momentum"
    }
    weights = weight_matrices(model)
    opt.step(counted)
    opt.step(counted)
    for (name, key), tensor in curvature.items():
        assert torch.equal(opt.state_dict()["kbfgs"]["layers"][name][key], tensor)
    assert not torch.equal(weights[0], weight_matrices(model)[0])
    opt.step(counted)
    assert runs == [False, True, False, False, False, True]


def test_dropout_masks_are_those_of_the_same_rows_before_and_after_the_step():
    """With a step of almost no length h and g must not change, whatever dropout drew."""
    model = nn.Sequential(nn.Linear(7, 30), nn.Dropout(0.5), nn.Linear(30, 4)).double()
    opt = KBFGS(model, lr=1e-13, curvature_fraction=0.3)
    x, y = data(40, 7, 4)
    torch.manual_seed(3)
    for _ in range(2):
        take_step(opt, model, x, y, 0.3)
    for layer in opt.state_dict()["kbfgs"]["layers"].values():
        assert float(layer["pair_step"].norm()) < 1e-10
        assert float(layer["pair_change"].norm()) < 1e-10


def test_a_fraction_without_a_curvature_closure_names_the_way_out():
    model = network(*SIZES)
    opt = KBFGS(model, curvature_fraction=0.25)
    x, y = data(20, SIZES[0], SIZES[-1])
    with pytest.raises(ClosureError, match=r"call step\(closure, curvature_closure=\.\.\.\)"):
        opt.step(closure_for(opt, model, x, y))


@pytest.mark.parametrize("rows", [4, 6, 20])
def test_a_curvature_closure_on_another_number_of_rows_is_refused(rows):
    model = network(*SIZES)
    opt = KBFGS(model, curvature_fraction=0.25)
    x, y = data(20, SIZES[0], SIZES[-1])
    weights = weight_matrices(model)
    part = closure_for(opt, model, x[:rows], y[:rows])
    with pytest.raises(ClosureError, match=f"saw {rows} rows .* first 5 of the 20 rows"):
        opt.step(closure_for(opt, model, x, y), curvature_closure=part)
    for old, new in zip(weights, weight_matrices(model), strict=True):
        assert torch.equal(old, new)


def test_a_curvature_closure_on_the_last_rows_is_refused():
    model = network(*SIZES)
    opt = KBFGS(model, curvature_fraction=0.25)
    x, y = data(20, SIZES[0], SIZES[-1])
    part = closure_for(opt, model, x[-5:], y[-5:])
    with pytest.raises(ClosureError, match="saw another batch"):
        opt.step(closure_for(opt, model, x, y), curvature_closure=part)


def test_a_curvature_closure_without_backward_is_refused():
    model = network(*SIZES)
    opt = KBFGS(model, curvature_fraction=0.25)
    x, y = data(20, SIZES[0], SIZES[-1])
    with pytest.raises(ClosureError, match="'0' in curvature_closure: it got no gradient"):
        opt.step(
            closure_for(opt, model, x, y),
            curvature_closure=lambda: half_squared_error(model(x[:5]), y[:5]),
        )


def test_layers_that_depend_on_the_batch_need_all_of_it_unless_in_eval_mode():
    model = nn.Sequential(nn.Linear(7, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 4)).double()
    opt = KBFGS(model, curvature_fraction=0.25)
    x, y = data(20, 7, 4)
    with pytest.raises(UnsupportedModelError, match=r"layer '1' is a BatchNorm1d .*fraction=1\.0"):
        take_step(opt, model, x, y, 0.25)
    model[1].eval()
    take_step(opt, model, x, y, 0.25)


def test_the_gradients_after_the_step_are_those_of_the_whole_batch():
    model = network(*SIZES)
    opt = KBFGS(model, curvature_fraction=0.25)
    x, y = data(20, SIZES[0], SIZES[-1])
    wanted = torch.autograd.grad(half_squared_error(model(x), y), list(model.parameters()))
    take_step(opt, model, x, y, 0.25)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), wanted, strict=True))


@pytest.mark.parametrize(
    ("fraction", "rows", "wanted"),
    [(0.07, 100, 7), (0.1, 200, 20), (0.25, 1, 1), (0.3, 11, 4), (1e-9, 20, 1), (0.5, 0, 0)],
)
def test_the_rows_of_a_fraction_are_rounded_up_but_for_rounding_errors(fraction, rows, wanted):
    assert curvature_rows(fraction, rows) == wanted
