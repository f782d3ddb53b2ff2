"""What KFAC promises beside its arithmetic: gradients, modes, errors, saving and loading."""

import dataclasses
import io

import pytest
import torch
from torch import nn

from kbfgs import KBFGS, KFAC, ClosureError, ConfigurationError, IndefiniteFactorError, StateError
from tests.support.fisher_closures import fisher_closures
from tests.support.networks import data, half_squared_error, network

SIZES = (5, 6, 4, 3)


def sampled_like(outputs: torch.Tensor) -> torch.Tensor:
    return half_squared_error(outputs, outputs.detach() + torch.randn_like(outputs))


class Mixed(nn.Module):
    """Preconditioned layers, an inner group with batch norm, and a layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.body, self.never = nn.BatchNorm1d(5), network(*SIZES), nn.Linear(2, 2)

    def forward(self, x):
        return self.body(self.norm(x))


def build(dtype: torch.dtype = torch.float64) -> tuple[Mixed, KFAC]:
    torch.manual_seed(0)
    model = Mixed().to(dtype)
    return model, KFAC(model, lr=0.5, damping=0.3)


@pytest.mark.parametrize("again", [False, True])
def test_after_a_step_the_gradient_is_the_first_runs(again):
    x, y = data(20, 5, 3)
    model, twin = network(*SIZES), network(*SIZES)
    opt = KFAC(model)
    opt.step(*fisher_closures(opt, model, x, y, -y, again=again))
    half_squared_error(twin(x), y).backward()
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)


def test_the_fisher_pass_computes_no_weight_gradient():
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KFAC(model)
    seen = []
    closure, fisher_closure = fisher_closures(opt, model, x, y, -y)
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: seen.append(gradient.shape))
    opt.step(closure, fisher_closure)
    assert len(seen) == len(list(model.parameters()))


def test_a_fisher_closure_that_runs_the_model_again_leaves_batch_norm_alone():
    x, y = data(20, 5, 3)
    model, opt = build()
    twin, twin_opt = build()
    opt.step(*fisher_closures(opt, model, x, y, -y, again=True))
    twin_opt.step(*fisher_closures(twin_opt, twin, x, y, -y))
    assert model.norm.num_batches_tracked == 1
    assert torch.equal(model.norm.running_mean, twin.norm.running_mean)
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_fisher_closure_that_calls_backward_changes_no_gradient():
    x, y = data(20, 5, 3)
    model, twin = network(*SIZES), network(*SIZES)
    opt = KFAC(model)
    closure, fisher_closure = fisher_closures(opt, model, x, y, -y)

    def backward_too():
        loss = fisher_closure()
        loss.backward(retain_graph=True)
        return loss

    opt.step(closure, backward_too)
    half_squared_error(twin(x), y).backward()
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)


def test_a_step_without_both_closures_is_refused():
    opt = KFAC(network(*SIZES))
    with pytest.raises(ClosureError, match="needs a closure and a fisher_closure"):
        opt.step(lambda: torch.zeros(()))
    with pytest.raises(ClosureError, match="needs a closure and a fisher_closure"):
        opt.step()


def test_a_graph_that_was_not_retained_is_named():
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KFAC(model)
    outputs = []

    def closure():
        opt.zero_grad()
        outputs[:] = [model(x)]
        loss = half_squared_error(outputs[0], y)
        loss.backward()
        return loss

    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ClosureError, match=r"backward\(retain_graph=True\)"):
        opt.step(closure, lambda: half_squared_error(outputs[0], -y))
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize(
    ("fisher_closure", "words"),
    [
        (lambda model, x: model(x).detach().sum(), "scalar tensor that requires grad"),
        (lambda model, x: model(x), "scalar tensor that requires grad"),
        (lambda model, x: sampled_like(model(x[:7])), "saw 20 rows in the closure and 7"),
        (lambda model, x: sampled_like(model(x + 1)), "saw another batch"),
        (
            lambda model, x: torch.ones((), requires_grad=True) * 2,
            "does not depend on layer '0'",
        ),
    ],
    ids=["detached", "no scalar", "fewer rows", "another batch", "another graph"],
)
def test_a_fisher_closure_that_does_not_fit_is_refused(fisher_closure, words):
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KFAC(model)
    closure, _ = fisher_closures(opt, model, x, y, y)
    with pytest.raises(ClosureError, match=words):
        opt.step(closure, lambda: fisher_closure(model, x))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inverse_every": 0}, "inverse_every must be a whole number >= 1, got 0"),
        ({"damping": -1.0}, "damping must be > 0, got -1.0"),
        ({"factor_decay": 1.0}, "factor_decay must be >= 0 and < 1"),
        ({"reduce": "vectors"}, "reduce must be 'matrices' or None for KFAC"),
        ({"row_weighting": "rows"}, "row_weighting must be 'hook', 'loss' or None"),
    ],
)
def test_settings_out_of_bounds_are_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        KFAC(network(*SIZES), **options)


@pytest.mark.parametrize("steps", [0, 1, 22])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_run_that_is_saved_and_loaded_goes_on_with_the_same_bits(steps, dtype):
    x, y = data(20, 5, 3, dtype=dtype)
    model, opt = build(dtype)
    torch.manual_seed(3)
    with opt.warm_start(sampled_like):
        model(x)
    for _ in range(steps):
        opt.step(*fisher_closures(opt, model, x, y, -y))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    twin, twin_opt = build(dtype)
    twin.load_state_dict(saved["model"])
    twin_opt.load_state_dict(saved["opt"])
    for _ in range(4):
        loss = opt.step(*fisher_closures(opt, model, x, y, -y))
        assert twin_opt.step(*fisher_closures(twin_opt, twin, x, y, -y)) == loss
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert opt.diagnostics().layers == twin_opt.diagnostics().layers
    assert twin_opt.diagnostics().steps == steps + 4


def test_the_state_of_the_other_method_is_refused():
    with pytest.raises(StateError, match=r"K-BFGS's, this optimizer is K-FAC"):
        KFAC(network(*SIZES)).load_state_dict(KBFGS(network(*SIZES)).state_dict())
    with pytest.raises(StateError, match=r"K-FAC's, this optimizer is K-BFGS"):
        KBFGS(network(*SIZES)).load_state_dict(KFAC(network(*SIZES)).state_dict())


def test_the_safeguard_caps_the_step_and_counts_it():
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KFAC(model, lr=500.0)
    start = [p.detach().clone() for p in model.parameters()]
    loss = float(opt.step(*fisher_closures(opt, model, x, y, -y)))
    moved = [old - new for old, new in zip(start, model.parameters(), strict=True)]
    gradients = [0.1 * p.grad for p in model.parameters()]
    promised = sum(float((g * d.detach()).sum()) for g, d in zip(gradients, moved, strict=True))
    assert promised == pytest.approx(0.1 * loss)
    assert opt.diagnostics().capped_steps == 1


def test_inverses_are_made_in_the_first_20_steps_and_then_every_so_many():
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KFAC(model, inverse_every=3, lr=0.1)
    made = []
    for _ in range(28):
        before = opt.state_dict()["kbfgs"]["layers"]["0"]["output_inverse"].clone()
        opt.step(*fisher_closures(opt, model, x, y, -y))
        after = opt.state_dict()["kbfgs"]["layers"]["0"]["output_inverse"]
        made.append(not torch.equal(before, after))
    assert [step for step, new in enumerate(made) if new] == [*range(20), 21, 24, 27]


def test_a_factor_that_is_not_finite_stops_the_step_before_any_weight_moves():
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KFAC(model)
    closure, fisher_closure = fisher_closures(opt, model, x, y, torch.full_like(y, torch.inf))
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(IndefiniteFactorError, match=r"G of layer '0' is not positive definite"):
        opt.step(closure, fisher_closure)
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, new)


def test_diagnostics_are_frozen_and_measure_the_inverses():
    x, y = data(20, 5, 3)
    model, opt = build()
    assert opt.diagnostics().layers[0].input_residual is None
    opt.step(*fisher_closures(opt, model, x, y, -y))
    found = opt.diagnostics()
    assert all(layer.input_residual < 1e-12 for layer in found.layers)
    assert all(layer.output_residual < 1e-12 for layer in found.layers)
    assert {entry.name for entry in found.first_order} == {
        "norm.weight", "norm.bias", "never.weight", "never.bias",
    }  # fmt: skip
    assert found.seconds.second_pass > 0
    assert found.seconds.curvature > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.steps = 3


def test_a_warm_start_leaves_modes_random_numbers_and_gradients_as_they_were():
    x, _ = data(20, 5, 3)
    model, opt = build()
    torch.manual_seed(4)
    wanted = torch.rand(3)
    torch.manual_seed(4)
    with opt.warm_start(sampled_like):
        assert not model.training
        model(x)
    assert torch.equal(torch.rand(3), wanted)
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert model.norm.num_batches_tracked == 0


def test_bfloat16_autocast_leaves_the_factors_in_the_weights_dtype():
    x, y = data(20, 5, 3, dtype=torch.float32)
    model = network(*SIZES, dtype=torch.float32)
    opt = KFAC(model, lr=0.5, damping=0.3)
    outputs = []

    def closure():
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs[:] = [model(x).float()]
        loss = half_squared_error(outputs[0], y)
        loss.backward(retain_graph=True)
        return loss

    losses = [float(opt.step(closure, lambda: sampled_like(outputs[0]))) for _ in range(10)]
    assert losses[-1] < losses[0]
