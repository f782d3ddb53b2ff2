"""On a CUDA device: the steps of the CPU, phases by the device's clock, float16, going on."""

import copy
import time

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from kbfgs import KBFGS, KFAC
from tests.support.networks import network
from tests.support.scaled_runs import ScaledRun

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

VARIANTS = {
    "K-BFGS": (KBFGS, {}),
    "K-BFGS(L)": (KBFGS, {"memory": 4}),
    "part of the batch": (KBFGS, {"curvature_fraction": 0.25}),
    "every 2": (KBFGS, {"update_every": 2}),
    "the paper": (KBFGS, {"safeguard": None}),
    "weight decay": (KBFGS, {"weight_decay": 1e-3}),
    "K-FAC": (KFAC, {}),
}


class Layers(nn.Module):
    """A convolution with groups, a sequence, a layer that is called twice, and trained norms."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 8, 3, padding=1, groups=2), nn.LayerNorm(8)
        self.twice, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        places = self.norm(self.conv(x).flatten(2).transpose(1, 2))
        return self.head(self.twice(torch.relu(self.twice(places))).mean(1))


def batches(steps, dtype=torch.float64):
    """Pictures and what a fixed map makes of them, on the CPU."""
    generator = torch.Generator().manual_seed(3)
    mix = torch.randn(32, 3, generator=generator, dtype=torch.float64)
    for _ in range(steps):
        x = torch.randn(40, 2, 4, 4, generator=generator, dtype=torch.float64)
        yield x.to(dtype), torch.tanh(x.flatten(1) @ mix).to(dtype)


def start(variant, device, *, dtype=torch.float64, scaler=None, **how):
    method, options = VARIANTS[variant]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Layers().to(device, dtype)
    opt = method(model, lr=0.1, damping=0.3, grad_scaler=scaler, **options)
    return ScaledRun(model, opt, scaler, **how)


def train(run, device, *, steps, dtype=torch.float64, skip=0):
    rows = [tuple(part.to(device) for part in pair) for pair in batches(steps, dtype)]
    return [run.step(*pair) for pair in rows[skip:]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_steps_are_those_on_the_cpu(variant):
    losses = {device: train(start(variant, device), device, steps=60) for device in ("cpu", "cuda")}
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-7)
    assert losses["cuda"][-1] < 0.9 * losses["cuda"][0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_goes_on_has_the_losses_of_an_undisturbed_one_bit_for_bit(variant):
    float32 = {"dtype": torch.float32}
    undisturbed = train(start(variant, "cuda", **float32), "cuda", steps=12, **float32)
    first = start(variant, "cuda", **float32)
    before = train(first, "cuda", steps=6, **float32)
    saved = copy.deepcopy((first.model.state_dict(), first.opt.state_dict()))
    second = start(variant, "cuda", **float32)
    second.model.load_state_dict(saved[0])
    second.opt.load_state_dict(saved[1])
    assert before + train(second, "cuda", steps=12, skip=6, **float32) == undisturbed


@pytest.mark.parametrize("variant", ["K-BFGS", "part of the batch", "K-FAC"])
def test_a_state_from_the_device_goes_on_on_the_cpu(variant):
    run = start(variant, "cuda")
    train(run, "cuda", steps=6)
    other = start(variant, "cpu")
    other.model.load_state_dict(run.model.state_dict())
    other.opt.load_state_dict(run.opt.state_dict())
    found = train(other, "cpu", steps=12, skip=6)
    assert found == pytest.approx(train(run, "cuda", steps=12, skip=6), rel=1e-7)


@pytest.mark.parametrize("variant", VARIANTS)
def test_float16_with_a_scaler_follows_float32(variant):
    def float16():
        return torch.autocast("cuda", dtype=torch.float16)

    wanted = train(
        start(variant, "cuda", dtype=torch.float32), "cuda", steps=12, dtype=torch.float32
    )
    scaler = GradScaler("cuda", init_scale=2.0**12)
    half = start(variant, "cuda", dtype=torch.float32, scaler=scaler, precision=float16)
    found = train(half, "cuda", steps=12, dtype=torch.float32)
    assert found == pytest.approx(wanted, rel=2e-2)
    assert found != wanted, "the closure did not run in float16"
    assert half.opt.diagnostics().overflowed_steps == 0


@pytest.mark.parametrize("method", [KBFGS, KFAC])
def test_a_step_that_overflows_is_left_out(method):
    scaler = GradScaler("cuda", init_scale=2.0**16)
    model = network(6, 8, 5, 3, dtype=torch.float32).to("cuda")
    run = ScaledRun(model, method(model, lr=0.1, damping=0.3, grad_scaler=scaler), scaler)
    x, y = torch.randn(20, 6, device="cuda"), torch.randn(20, 3, device="cuda")
    run.step(x, y)
    before = copy.deepcopy(model.state_dict())
    run.overflow = "first"
    run.step(x, y)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert run.opt.diagnostics().overflowed_steps == 1
    assert scaler.get_scale() == 2.0**15


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_phases_are_the_devices_and_within_the_step(variant):
    run = start(variant, "cuda", dtype=torch.float32)
    train(run, "cuda", steps=4, dtype=torch.float32)
    torch.cuda.synchronize()
    began = time.perf_counter()
    train(run, "cuda", steps=1, dtype=torch.float32)
    seconds = run.opt.diagnostics().seconds
    took = time.perf_counter() - began
    assert 0 < seconds.total <= took
    assert min(seconds.first_pass, seconds.direction) > 0
