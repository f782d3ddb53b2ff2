"""Warm start, saving and loading, diagnostics."""

import copy
import dataclasses
import io
import logging

import pytest
import torch
from torch import nn

from kbfgs import KBFGS, KBFGSError, StateError
from tests.support.networks import (
    closure_for,
    data,
    half_squared_error,
    network,
    weight_matrices,
)
from tests.support.paper_oracle import Paper

SIZES = (5, 6, 4, 3)


class Mixed(nn.Module):
    """Preconditioned layers, an inner group, and a layer that leaves in the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.body, self.never = nn.LayerNorm(5), network(*SIZES), nn.Linear(2, 2)

    def forward(self, x):
        return self.body(self.norm(x))


def build(dtype: torch.dtype = torch.float64) -> tuple[Mixed, KBFGS]:
    torch.manual_seed(0)
    model = Mixed().to(dtype)
    return model, KBFGS(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_a_run_that_is_saved_and_loaded_goes_on_with_the_same_bits(steps, dtype):
    x, y = data(20, 5, 3, dtype=dtype)
    model, opt = build(dtype)
    with opt.warm_start():
        model(x)
    for _ in range(steps):
        opt.step(closure_for(opt, model, x, y))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    twin, twin_opt = build(dtype)
    twin.load_state_dict(saved["model"])
    twin_opt.load_state_dict(saved["opt"])
    for _ in range(4):
        loss = opt.step(closure_for(opt, model, x, y))
        assert twin_opt.step(closure_for(twin_opt, twin, x, y)) == loss
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, other)
    mine, other = opt.diagnostics(), twin_opt.diagnostics()
    assert mine.layers == other.layers
    assert mine.steps == other.steps == steps + 4
    assert mine.capped_steps == other.capped_steps
    assert mine.first_order == other.first_order


def test_loading_does_not_tie_the_optimizer_to_the_loaded_tensors():
    x, y = data(20, 5, 3)
    model, opt = build()
    opt.step(closure_for(opt, model, x, y))
    saved = copy.deepcopy(opt.state_dict())
    kept = copy.deepcopy(saved)
    opt.load_state_dict(saved)
    opt.step(closure_for(opt, model, x, y))
    for name, layer in kept["kbfgs"]["layers"].items():
        for key, tensor in layer.items():
            assert torch.equal(saved["kbfgs"]["layers"][name][key], tensor)
    for index, entry in kept["inner"]["state"].items():
        assert torch.equal(saved["inner"]["state"][index]["exp_avg"], entry["exp_avg"])


def test_settings_travel_with_the_state():
    opt, other = KBFGS(network(*SIZES), lr=0.7, damping=0.1), KBFGS(network(*SIZES))
    other.load_state_dict(opt.state_dict())
    assert other.param_groups[0]["lr"] == 0.7
    assert other.param_groups[0]["damping"] == 0.1


def test_a_state_of_another_model_is_refused():
    opt = KBFGS(network(5, 4))
    with pytest.raises(StateError, match=r"2\.bias is \[4\] in the state and None here"):
        opt.load_state_dict(KBFGS(network(*SIZES)).state_dict())
    with pytest.raises(StateError, match=r"0\.weight is \[3, 5\] in the state and \[4, 5\] here"):
        opt.load_state_dict(KBFGS(network(5, 3)).state_dict())


def test_a_state_of_another_dtype_optimizer_or_rank_is_refused():
    opt = KBFGS(network(5, 4))
    with pytest.raises(StateError, match=r"float32 in the state, but .* torch\.float64"):
        opt.load_state_dict(KBFGS(network(5, 4, dtype=torch.float32)).state_dict())
    with pytest.raises(StateError, match="not a state of KBFGS"):
        opt.load_state_dict(torch.optim.SGD(network(5, 4).parameters()).state_dict())
    saved = opt.state_dict()
    saved["kbfgs"] = saved["kbfgs"] | {"rank": 1, "world_size": 2}
    opt.load_state_dict(saved)
    saved["kbfgs"] = saved["kbfgs"] | {"consolidated": False}
    with pytest.raises(StateError, match=r"rank 1 of 2, this is rank 0 of 1: .*consolidate\(\)"):
        opt.load_state_dict(saved)


def test_a_refused_state_changes_nothing():
    x, y = data(20, 5, 4)
    model = network(5, 4)
    opt = KBFGS(model)
    opt.step(closure_for(opt, model, x, y))
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(StateError):
        opt.load_state_dict(KBFGS(network(5, 3), lr=0.9).state_dict())
    assert opt.param_groups[0]["lr"] == before["param_groups"][0]["lr"]
    for key, tensor in opt.state_dict()["kbfgs"]["layers"]["0"].items():
        assert torch.equal(tensor, before["kbfgs"]["layers"]["0"][key])


def test_the_warm_start_is_the_mean_over_all_rows_seen():
    model = network(*SIZES)
    opt = KBFGS(model, damping=0.3)
    paper = Paper(half_squared_error)
    state = paper.initial(weight_matrices(model))
    batches = [data(rows, 5, 3, seed=rows)[0] for rows in (10, 7, 3)]
    paper.warm_start(state, batches)
    with opt.warm_start():
        for x in batches:
            model(x)
    for index, layer in enumerate(opt.state_dict()["kbfgs"]["layers"].values()):
        assert torch.allclose(layer["input_factor"], state.A[index], rtol=1e-12)
        assert torch.allclose(layer["input_inverse"], state.H_a[index], rtol=1e-9)


def test_the_warm_start_restores_modes_random_numbers_and_gradients():
    model = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 3)).double()
    model[1].eval()
    model[0].train()
    opt = KBFGS(model)
    torch.manual_seed(4)
    wanted = torch.rand(3)
    torch.manual_seed(4)
    with opt.warm_start():
        assert not model.training
        assert not torch.is_grad_enabled()
        torch.rand(9)
        model(torch.ones(2, 5, dtype=torch.float64))
    assert torch.equal(torch.rand(3), wanted)
    assert [module.training for module in model] == [True, False, True]
    assert torch.is_grad_enabled()


def test_a_warm_start_that_fails_leaves_the_optimizer_as_it_was():
    model = network(*SIZES)
    opt = KBFGS(model)

    def broken_pass():
        with opt.warm_start():
            model(data(5, 5, 3)[0])
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        broken_pass()
    assert all("input_inverse" not in v for v in opt.state_dict()["kbfgs"]["layers"].values())
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))


def test_a_warm_start_without_a_forward_or_after_a_step_is_refused():
    model = network(*SIZES)
    opt = KBFGS(model)
    with pytest.raises(KBFGSError, match="no preconditioned layer was called"), opt.warm_start():
        pass
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    with pytest.raises(KBFGSError, match="before the first step, got 1"), opt.warm_start():
        pass


def test_diagnostics_count_what_the_paper_counts():
    model = network(*SIZES)
    paper = Paper(half_squared_error, lr=0.3)
    state = paper.initial(weight_matrices(model))
    opt = KBFGS(model, lr=0.3, safeguard=None)
    x, y = data(30, 5, 3)
    for _ in range(12):
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
    found = opt.diagnostics()
    assert sum(layer.powell_damped for layer in found.layers) == paper.log["powell"] > 0
    assert sum(layer.identity_damped for layer in found.layers) == paper.log["identity"] > 0
    assert sum(layer.skipped_output_updates for layer in found.layers) == 0
    for index, layer in enumerate(found.layers):
        assert layer.curvature == pytest.approx(float(state.s[index] @ state.y[index]), rel=1e-6)
    assert found.steps == 12
    assert found.capped_steps == 0
    assert found.bytes_sent == 0


def test_diagnostics_are_frozen_and_measure_the_inverse():
    model = network(*SIZES)
    opt = KBFGS(model)
    assert [layer.inverse_residual for layer in opt.diagnostics().layers] == [None] * 3
    with opt.warm_start():
        model(data(20, 5, 3)[0])
    found = opt.diagnostics()
    assert all(layer.inverse_residual < 1e-12 for layer in found.layers)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.steps = 3
    opt.state_dict()["kbfgs"]["layers"]["0"]["input_inverse"].mul_(2)
    assert opt.diagnostics().layers[0].inverse_residual == pytest.approx(1.0)


def test_diagnostics_hold_bytes_and_seconds():
    model = network(5, 3)
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    opt.step(closure_for(opt, model, x, y))
    found = opt.diagnostics()
    numbers = (
        3 * 6 + 2 * 6 * 6 + 3 * 3 + 2 * 3 + 2 + 4
    )  # M, A and H_a, H_g, s and y, sᵀy and |T|, counts
    assert found.layers[0].bytes_held == 8 * numbers
    parts = dataclasses.astuple(opt.phase_seconds)
    assert opt.phase_seconds == found.seconds
    assert [part > 0 for part in parts] == [True, False, True, True, True, True]
    assert found.seconds.total == pytest.approx(sum(parts))


def test_the_safeguard_caps_the_step_and_counts_it():
    x, y = data(20, 5, 3)
    free, capped = network(*SIZES), network(*SIZES)
    start = weight_matrices(free)
    free_opt, opt = KBFGS(free, lr=500.0, safeguard=None), KBFGS(capped, lr=500.0)
    loss = float(opt.step(closure_for(opt, capped, x, y)))
    free_opt.step(closure_for(free_opt, free, x, y))
    momenta = [layer["momentum"] for layer in opt.state_dict()["kbfgs"]["layers"].values()]
    moved = [old - new for old, new in zip(start, weight_matrices(capped), strict=True)]
    promised = sum(float((m * d).sum()) for m, d in zip(momenta, moved, strict=True))
    assert promised == pytest.approx(0.1 * loss)
    assert opt.diagnostics().capped_steps == 1
    further = [old - new for old, new in zip(start, weight_matrices(free), strict=True)]
    ratios = [float(d.norm() / f.norm()) for d, f in zip(moved, further, strict=True)]
    assert ratios == pytest.approx([ratios[0]] * 3)
    assert ratios[0] < 0.5


def test_a_negative_loss_goes_down_as_well():
    x, y = data(20, 5, 3)
    model = network(*SIZES)
    opt = KBFGS(model)

    def closure():
        opt.zero_grad()
        loss = half_squared_error(model(x), y) - 100.0
        loss.backward()
        return loss

    losses = [float(opt.step(closure)) for _ in range(20)]
    assert losses[-1] < losses[0] < 0


def test_a_layer_handed_to_adamw_is_logged(caplog):
    x, y = data(20, 5, 3)
    model, opt = build()
    with caplog.at_level(logging.WARNING, logger="kbfgs"):
        opt.step(closure_for(opt, model, x, y))
    assert "layer 'never' is trained by AdamW instead of K-BFGS: it was not called" in caplog.text
