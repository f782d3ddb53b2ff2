"""Closures that do not do what a step needs, and losses that are not finite."""

import copy

import pytest
import torch

from kbfgs import KBFGS, ClosureError, NonFiniteLossError, UnsupportedModelError
from tests.support.networks import closure_for, data, half_squared_error, network

SIZES = (5, 6, 4, 3)


def plain(rows: int = 20):
    model = network(*SIZES)
    return model, KBFGS(model), *data(rows, SIZES[0], SIZES[-1])


def test_a_closure_without_backward_is_refused():
    model, opt, x, y = plain()
    with pytest.raises(ClosureError, match=r"must call backward\(\)"):
        opt.step(lambda: half_squared_error(model(x), y))


def test_a_closure_without_backward_in_the_second_run_is_refused():
    model, opt, x, y = plain()

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y)
        if not opt.in_second_pass:
            loss.backward()
        return loss

    with pytest.raises(ClosureError, match="layer '0' got no gradient in the second run"):
        opt.step(closure)


def test_a_closure_that_never_runs_the_model_is_refused():
    _, opt, _, _ = plain()
    with pytest.raises(ClosureError, match=r"build KBFGS before torch\.compile"):
        opt.step(lambda: torch.zeros(()))


@pytest.mark.parametrize("result", [None, 1.0, torch.zeros(2)])
def test_a_closure_that_returns_no_scalar_tensor_is_refused(result):
    model, opt, x, y = plain()

    def closure():
        closure_for(opt, model, x, y)()
        return result

    with pytest.raises(ClosureError, match="must return the loss as a scalar tensor"):
        opt.step(closure)


def test_a_step_without_a_closure_is_refused():
    _, opt, _, _ = plain()
    with pytest.raises(ClosureError, match="needs a closure"):
        opt.step()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_raises_before_anything_changes(value):
    model, opt, x, y = plain()
    opt.step(closure_for(opt, model, x, y))
    weights = [p.detach().clone() for p in model.parameters()]
    state = copy.deepcopy(opt.state_dict()["kbfgs"])

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y) * value
        loss.backward()
        return loss

    with pytest.raises(NonFiniteLossError, match="step 2"):
        opt.step(closure)
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    for name, layer in opt.state_dict()["kbfgs"]["layers"].items():
        assert all(torch.equal(t, state["layers"][name][key]) for key, t in layer.items())


def test_a_second_run_that_overflows_skips_the_pair_and_is_counted():
    model, opt, x, y = plain()
    opt.step(closure_for(opt, model, x, y))

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y) * (float("inf") if opt.in_second_pass else 1.0)
        loss.backward()
        return loss

    before = opt.state_dict()["kbfgs"]["layers"]["4"]["output_inverse"].clone()
    opt.step(closure)
    layer = opt.state_dict()["kbfgs"]["layers"]["4"]
    assert torch.equal(layer["output_inverse"], before)
    assert torch.isfinite(layer["pair_change"]).all()
    assert opt.diagnostics().layers[-1].skipped_output_updates == 1


def test_autocast_in_float16_is_refused_and_names_the_layer():
    model = network(*SIZES, dtype=torch.float32)
    opt = KBFGS(model)
    x, y = data(8, SIZES[0], SIZES[-1], dtype=torch.float32)

    def closure():
        with torch.autocast("cpu", dtype=torch.float16):
            return closure_for(opt, model, x, y)()

    with pytest.raises(
        UnsupportedModelError, match=r"layer '0' returned torch.float16.* torch\.bfloat16"
    ):
        opt.step(closure)


@pytest.mark.parametrize("before", [0, 2])
def test_a_mini_batch_without_rows_is_refused_and_changes_nothing(before):
    model, opt, x, y = plain()
    for _ in range(before):
        opt.step(closure_for(opt, model, x, y))
    weights = [p.clone() for p in model.parameters()]
    with pytest.raises(ClosureError, match="without rows"):
        opt.step(closure_for(opt, model, x[:0], y[:0]))
    assert all(map(torch.equal, weights, model.parameters()))
    opt.step(closure_for(opt, model, x, y))
