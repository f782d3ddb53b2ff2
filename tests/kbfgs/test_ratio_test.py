"""The safeguard's ratio test: bad steps are taken back, and only those."""

import copy
import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kbfgs import KBFGS, Safeguard
from kbfgs.ratio_test import accepts
from tests.support.networks import closure_for, data, half_squared_error, network, weight_matrices

SIZES = (5, 6, 4, 3)
laws = settings(max_examples=100, deadline=None)
finite = st.floats(-1e6, 1e6)


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def judge(before, after, promised, *, min_ratio=-1.0, unit=1e-16):
    losses = (scalar(before), scalar(after), scalar(promised))
    return bool(accepts(*losses, min_ratio=min_ratio, unit=unit))


@laws
@given(finite, finite, st.floats(1e-3, 1e6), finite)
def test_adding_a_number_to_the_loss_changes_no_verdict(before, after, promised, shift):
    gap = (before - after) + promised
    if abs(gap) > 1e-3:  # clear enough not to drown in rounding
        assert judge(before, after, promised) == judge(before + shift, after + shift, promised)


@laws
@given(finite, finite, finite)
def test_a_step_that_lowers_the_loss_is_never_taken_back(before, after, promised):
    assert judge(max(before, after), min(before, after), promised)


@laws
@given(finite, st.floats(1e-3, 1e6), st.floats(1.01, 100))
def test_a_rise_by_more_than_the_promise_is_taken_back(before, promised, factor):
    assert not judge(before, before + factor * promised, promised)


@pytest.mark.parametrize("after", [math.nan, math.inf])
@pytest.mark.parametrize("promised", [1.0, -1.0, math.nan])
def test_a_loss_that_is_not_finite_is_never_accepted(after, promised):
    assert not judge(1.0, after, promised)


def test_a_promise_that_is_not_positive_says_nothing():
    assert judge(1.0, 100.0, 0.0)
    assert judge(1.0, 100.0, -1.0)


def test_rounding_errors_of_the_loss_are_no_rise():
    assert judge(1.0, 1.0 + 4e-7, 1e-12, unit=1.2e-7)
    assert not judge(1.0, 1.0 + 4e-6, 1e-12, unit=1.2e-7)


class Mixed(nn.Module):
    """Preconditioned layers and an inner group."""

    def __init__(self):
        super().__init__()
        self.norm, self.body = nn.LayerNorm(5), network(*SIZES)

    def forward(self, x):
        return self.body(self.norm(x))


def mixed():
    torch.manual_seed(0)
    model = Mixed().double()
    return model, KBFGS(model, other_lr=1e-2), *data(20, 5, 3)


def spoiled(opt, model, x, y, *, by=1e6):
    """A closure whose second run gives a much larger loss."""

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y) * (by if opt.in_second_pass else 1.0)
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("earlier", [0, 3])
@pytest.mark.parametrize("by", [1e6, math.nan])
def test_a_rejected_step_restores_all_parameters_and_the_inner_state_exactly(earlier, by):
    model, opt, x, y = mixed()
    for _ in range(earlier):
        opt.step(closure_for(opt, model, x, y))
    weights = [p.detach().clone() for p in model.parameters()]
    inner = copy.deepcopy(opt.state_dict()["inner"]["state"])
    layers = copy.deepcopy(opt.state_dict()["kbfgs"]["layers"])
    opt.step(spoiled(opt, model, x, y, by=by))
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    for index, state in opt.state_dict()["inner"]["state"].items():
        for key, value in state.items():
            old = inner[index][key] if earlier else torch.zeros_like(value)
            assert torch.equal(value, old)
    after = opt.state_dict()["kbfgs"]["layers"]
    for name, layer in layers.items():
        for key in ("pair_step", "pair_change", "output_matrix", "output_inverse"):
            if key in layer:
                assert torch.equal(after[name][key], layer[key])
        assert not torch.equal(after[name]["momentum"], layer["momentum"])
    found = opt.diagnostics()
    assert (found.rejected_steps, found.step_scale) == (1, 0.5)


def test_after_a_rejection_steps_are_half_as_long_and_recover_slowly():
    lengths = []
    for rejected in (False, True):
        model, opt, x, y = mixed()
        if rejected:
            opt.step(spoiled(opt, model, x, y))
            opt.load_state_dict(_with_fresh_momentum(opt))
        start = torch.cat([p.detach().flatten() for p in model.parameters()])
        opt.step(closure_for(opt, model, x, y))
        end = torch.cat([p.detach().flatten() for p in model.parameters()])
        lengths.append(end - start)
    assert opt.diagnostics().step_scale == pytest.approx(0.55)
    assert torch.allclose(lengths[1], lengths[0] / 2, rtol=1e-9, atol=1e-15)
    for _ in range(10):
        opt.step(closure_for(opt, model, x, y))
    assert opt.diagnostics().step_scale == 1.0


def _with_fresh_momentum(opt):
    """The state after a rejected first step, but for what the first mini-batch gave."""
    saved = copy.deepcopy(opt.state_dict())
    fresh = KBFGS(mixed()[0], other_lr=1e-2).state_dict()
    fresh["kbfgs"]["ratio_test"] = saved["kbfgs"]["ratio_test"]
    return fresh


def test_a_saved_scale_and_count_continue_bit_for_bit():
    model, opt, x, y = mixed()
    opt.step(spoiled(opt, model, x, y))
    opt.step(closure_for(opt, model, x, y))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    twin, twin_opt, _, _ = mixed()
    twin.load_state_dict(saved["model"])
    twin_opt.load_state_dict(saved["opt"])
    assert twin_opt.diagnostics().rejected_steps == 1
    assert twin_opt.diagnostics().step_scale == opt.diagnostics().step_scale == 0.55
    opt.step(closure_for(opt, model, x, y))
    twin_opt.step(closure_for(twin_opt, twin, x, y))
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )


def test_losses_of_the_same_rows_are_compared():
    """The rest of the batch has a loss so much larger that mixing them up would always reject."""
    model = network(*SIZES)
    opt = KBFGS(model, lr=0.1, curvature_fraction=0.25)
    x, y = data(40, 5, 3)
    scaled = y.clone()
    scaled[:10] *= 1e3
    for _ in range(3):
        part = closure_for(opt, model, x[:10], scaled[:10])
        opt.step(closure_for(opt, model, x, scaled), curvature_closure=part)
    assert opt.diagnostics().rejected_steps == 0


@pytest.mark.parametrize("guard", [None, Safeguard(min_ratio=None)])
def test_without_the_ratio_test_a_bad_step_stays(guard):
    model = network(*SIZES)
    opt = KBFGS(model, safeguard=guard)
    x, y = data(20, 5, 3)
    before = weight_matrices(model)
    opt.step(spoiled(opt, model, x, y))
    assert not torch.equal(before[0], weight_matrices(model)[0])
    assert opt.diagnostics().rejected_steps == 0


@pytest.mark.parametrize("offset", [-100.0, 0.0, -0.05])
def test_a_negative_or_vanishing_loss_goes_down_even_with_bold_steps(offset):
    model = network(*SIZES)
    opt = KBFGS(model, lr=1.0, damping=0.1)
    x, y = data(40, 5, 3)

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y) + offset
        loss.backward()
        return loss

    losses = [float(opt.step(closure)) for _ in range(60)]
    assert losses[-1] - losses[0] < -0.8
    assert max(losses) == losses[0]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("min_ratio", 1.0, "safeguard.min_ratio must be < 1, got 1.0"),
        ("min_ratio", math.nan, "safeguard.min_ratio must be < 1, got nan"),
        ("recovery", 1.0, "safeguard.recovery must be > 1, got 1.0"),
    ],
)
def test_ratio_test_bounds(option, value, message):
    with pytest.raises(ValueError, match=message):
        Safeguard(**{option: value})
