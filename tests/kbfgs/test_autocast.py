"""Autocast in bfloat16: the closure runs in it, the method's own arithmetic does not."""

import pytest
import torch

from kbfgs import KBFGS
from tests.support.networks import closure_for, data, network, relative

SIZES = (6, 8, 5, 3)


def bfloat16():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def train(where, *, steps=5):
    """Warm start and steps in float32, with autocast nowhere, in the closure or around the step."""
    model = network(*SIZES, dtype=torch.float32)
    opt = KBFGS(model, lr=0.1)
    x, y = data(40, SIZES[0], SIZES[-1], dtype=torch.float32)
    with opt.warm_start(), torch.autocast("cpu", torch.bfloat16, enabled=where != "nowhere"):
        model(x)
    plain = closure_for(opt, model, x, y)

    def cast():
        with bfloat16():
            return plain()

    losses = []
    for _ in range(steps):
        if where == "around":
            with bfloat16():
                losses.append(float(opt.step(plain)))
        else:
            losses.append(float(opt.step(cast if where == "inside" else plain)))
    layers = opt.state_dict()["kbfgs"]["layers"]
    state = {f"{n}.{key}": value for n, layer in layers.items() for key, value in layer.items()}
    return losses, dict(model.state_dict()) | state


def test_autocast_around_the_step_is_autocast_in_the_closure_bit_for_bit():
    inside, around = train("inside"), train("around")
    assert inside[0] == around[0]
    for key, value in inside[1].items():
        assert torch.equal(value, around[1][key]), key


def test_several_steps_under_one_autocast_see_the_weights_move():
    model = network(*SIZES, dtype=torch.float32)
    opt = KBFGS(model, lr=0.1)
    x, y = data(40, SIZES[0], SIZES[-1], dtype=torch.float32)
    with bfloat16():
        losses = [float(opt.step(closure_for(opt, model, x, y))) for _ in range(5)]
    wanted = train("inside")[0]
    assert len(set(losses)) == 5
    assert losses[-1] == pytest.approx(wanted[-1], rel=0.05)


def test_autocast_follows_the_float32_run_with_float32_statistics():
    (losses, wanted), (cast_losses, found) = train("nowhere"), train("inside")
    assert cast_losses == pytest.approx(losses, rel=0.02)
    assert cast_losses != losses, "the closure did not run in bfloat16"
    assert all(v.dtype == torch.float32 for k, v in found.items() if not k.endswith("counts"))
    # The first layer's inputs are the data, which autocast never rounds for the statistics.
    assert torch.equal(found["0.input_factor"], wanted["0.input_factor"])
    for key in ("2.input_factor", "4.weight"):
        assert relative(found[key], wanted[key]) < 0.05, key
    for name in ("0", "2", "4"):
        assert torch.linalg.eigvalsh(found[f"{name}.output_inverse"]).min() > 0
