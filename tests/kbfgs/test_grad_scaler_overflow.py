"""A scale that is too large: the step is left out, the scale is lowered, training goes on."""

import math

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from kbfgs import (
    KBFGS,
    KFAC,
    ClosureError,
    ConfigurationError,
    NonFiniteLossError,
    UnsupportedModelError,
)
from tests.support.networks import closure_for, data, half_squared_error, network
from tests.support.scaled_runs import ScaledRun, float16, same

SIZES = (6, 8, 5, 3)
METHODS = pytest.mark.parametrize("method", [KBFGS, KFAC])


def start(method=KBFGS, *, scale=2.0**16, dtype=torch.float64, **options):
    model, scaler = network(*SIZES, dtype=dtype), GradScaler("cpu", init_scale=scale)
    opt = method(model, lr=0.1, damping=0.3, grad_scaler=scaler, **options)
    return ScaledRun(model, opt, scaler), data(40, SIZES[0], SIZES[-1], dtype=dtype)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (KBFGS, {}),
        (KBFGS, {"update_every": 2}),
        (KBFGS, {"curvature_fraction": 0.25}),
        (KFAC, {}),
    ],
)
def test_steps_that_overflow_leave_no_trace_and_then_training_goes_on(method, options):
    run, batch = start(method, scale=2.0**20, dtype=torch.float32, **options)
    run.precision = float16
    untouched = run.snapshot()
    while run.opt.diagnostics().steps == 0:
        assert same(run.snapshot(), untouched)
        run.step(*batch)
    skipped, scale = run.opt.diagnostics().overflowed_steps, run.scaler.get_scale()
    assert skipped > 2
    assert scale == 2.0 ** (20 - skipped)
    twin, _ = start(method, scale=scale, dtype=torch.float32, **options)
    twin.precision = float16
    twin.step(*batch)
    for _ in range(3):
        run.step(*batch)
        twin.step(*batch)
    assert same(run.snapshot(), twin.snapshot())
    assert twin.opt.diagnostics().overflowed_steps == 0


@METHODS
def test_an_overflow_after_some_steps_changes_nothing(method):
    run, batch = start(method)
    for _ in range(3):
        run.step(*batch)
    before, loss = run.snapshot(), run.loss(*batch).item()
    run.overflow = "first"
    assert run.step(*batch) == pytest.approx(loss)
    assert same(run.snapshot(), before)
    assert run.scaler.get_scale() == 2.0**15
    run.overflow = None
    run.step(*batch)
    assert not same(run.snapshot(), before)
    assert run.opt.diagnostics().steps == 4
    assert run.opt.diagnostics().overflowed_steps == 1


@pytest.mark.parametrize("fraction", [1.0, 0.25])
@pytest.mark.parametrize("memory", [None, 4])
def test_an_overflow_in_the_second_run_alone_leaves_the_output_factor(fraction, memory):
    run, batch = start(curvature_fraction=fraction, memory=memory)
    for _ in range(3):
        run.step(*batch)
    before = run.snapshot()
    run.overflow = "second"
    run.step(*batch)
    after = run.snapshot()
    for key, value in after.items():
        kept = key.split(".")[-1].startswith(("pair_", "output_"))
        assert torch.isfinite(value.double()).all()
        assert not kept or torch.equal(value, before[key]), key
    assert not torch.equal(after["model.0.weight"], before["model.0.weight"])
    found = run.opt.diagnostics()
    assert (found.steps, found.overflowed_steps, found.rejected_steps) == (4, 0, 0)
    assert [layer.skipped_output_updates for layer in found.layers] == [1, 1, 1]
    assert run.scaler.get_scale() == 2.0**15, "or the pairs would be lost for good"


def test_a_second_run_whose_loss_is_not_finite_is_not_the_scales_fault():
    run, (x, y) = start()
    closure = run.closure(x, y)
    opt = run.opt

    def diverging():
        return closure() * (math.inf if opt.in_second_pass else 1.0)

    run.overflow = "second"
    opt.step(diverging)
    run.scaler.update()
    assert opt.diagnostics().rejected_steps == 1
    assert run.scaler.get_scale() == 2.0**16


@pytest.mark.parametrize("again", [False, True])
def test_an_overflow_in_the_fisher_backward_alone_skips_the_step(again):
    run, batch = start(KFAC)
    run.again = again
    run.step(*batch)
    before = run.snapshot()
    run.overflow = "second"
    run.step(*batch)
    assert same(run.snapshot(), before)
    assert run.opt.diagnostics().overflowed_steps == 1
    assert run.scaler.get_scale() == 2.0**15
    run.overflow = None
    run.step(*batch)
    assert run.opt.diagnostics().steps == 2


@METHODS
def test_clipping_by_value_does_not_hide_an_overflow(method):
    run, batch = start(method)
    before = run.snapshot()
    run.overflow = "first"

    def clip():
        run.opt.unscale_()
        nn.utils.clip_grad_value_(run.model.parameters(), 1.0)

    run.clip = clip
    run.step(*batch)
    assert same(run.snapshot(), before)
    assert run.opt.diagnostics().overflowed_steps == 1


@METHODS
def test_a_loss_that_is_not_finite_is_an_error_and_no_overflow(method):
    run, (x, y) = start(method)
    before = run.snapshot()
    with pytest.raises(NonFiniteLossError, match="step 1"):
        run.step(x, y * math.nan)
    assert same(run.snapshot(), before)
    run.scaler.update()
    run.step(x, y)


def test_a_sampled_loss_that_is_not_finite_is_an_error_and_no_overflow():
    run, (x, y) = start(KFAC)
    closure = run.closure(x, y)
    with pytest.raises(NonFiniteLossError, match="step 1"):
        run.opt.step(closure, lambda: half_squared_error(run._outputs, y * math.nan))


@METHODS
def test_a_scaler_that_is_not_updated_is_named(method):
    run, (x, y) = start(method)
    run.step(x, y)
    weights = run.snapshot()
    closure = run.closure(x, y)
    run.scaler.scale(torch.ones(()))
    run.opt.zero_grad()
    run.scaler.unscale_(run.opt)
    with pytest.raises(ClosureError, match=r"scaler\.update\(\) after every step"):
        run.opt.step(closure, lambda: half_squared_error(run._outputs, -y))
    assert same(run.snapshot(), weights)


def test_the_scalers_own_unscale_in_the_closure_is_refused_with_the_way_out():
    run, batch = start()
    run.clip = lambda: run.scaler.unscale_(run.opt)
    with pytest.raises(ClosureError, match=r"inside the closure, opt\.unscale_\(\)"):
        run.step(*batch)


@METHODS
def test_a_loss_that_nobody_scales_is_named(method):
    run, (x, y) = start(method)
    run.scaler, scaler = None, run.scaler
    with pytest.raises(ClosureError, match=r"must call scaler\.scale\(loss\)\.backward\(\)"):
        run.step(x, y)
    assert scaler.get_scale() == 2.0**16


@METHODS
def test_a_loss_without_backward_is_still_named(method):
    run, (x, y) = start(method)
    run.step(x, y)

    def closure():
        run.opt.zero_grad()
        return run.scaler.scale(run.loss(x, y))

    with pytest.raises(ClosureError, match=r"must call backward\(\)"):
        run.opt.step(closure, closure)


@METHODS
def test_something_else_than_a_scaler_is_refused(method):
    with pytest.raises(ConfigurationError, match=r"torch\.amp\.GradScaler or None, got 65536"):
        method(network(*SIZES), grad_scaler=65536)


@METHODS
def test_weights_in_float16_are_refused_by_name(method):
    model = nn.Sequential(network(*SIZES, dtype=torch.float32), nn.LayerNorm(3).half())
    with pytest.raises(UnsupportedModelError, match=r"parameter '1\.weight' is torch\.float16"):
        method(model, grad_scaler=GradScaler("cpu"))
    for parameter in model[1].parameters():
        parameter.requires_grad_(False)
    method(model, grad_scaler=GradScaler("cpu"))


@pytest.mark.parametrize("scaler", [None, GradScaler("cpu", enabled=False)])
def test_float16_without_an_enabled_scaler_is_refused_with_the_way_out(scaler):
    model = network(*SIZES, dtype=torch.float32)
    opt = KBFGS(model, grad_scaler=scaler)
    x, y = data(8, SIZES[0], SIZES[-1], dtype=torch.float32)
    closure = closure_for(opt, model, x, y)
    with (
        float16(),
        pytest.raises(UnsupportedModelError, match=r"layer '0' .*float16.*an enabled GradScaler"),
    ):
        opt.step(closure)


def test_a_warm_start_in_float16_needs_no_scale_without_gradients():
    for method in (KBFGS, KFAC):
        run, (x, y) = start(method, dtype=torch.float32)
        run.precision = float16
        with run.opt.warm_start(), float16():
            run.model(x)
        run.step(x, y)


def test_a_warm_start_of_the_fisher_factor_in_float16_is_refused():
    run, (x, y) = start(KFAC, dtype=torch.float32)
    with (
        pytest.raises(UnsupportedModelError, match="leave autocast out of the warm start"),
        run.opt.warm_start(lambda outputs: half_squared_error(outputs.float(), y)),
        float16(),
    ):
        run.model(x)
