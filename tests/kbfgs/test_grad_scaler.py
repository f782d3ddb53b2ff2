"""Losses that a gradient scaler scales: the steps are those without one."""

import math

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler
from torch.utils._python_dispatch import TorchDispatchMode

from kbfgs import KBFGS, KFAC
from kbfgs.distributed.communicator import OneRank
from kbfgs.scaling import PlainLoss, ScaledLoss
from tests.support.networks import data, half_squared_error, network, relative
from tests.support.scaled_runs import ScaledRun, float16, same

SIZES = (6, 8, 5, 3)
VARIANTS = {
    "K-BFGS": (KBFGS, {}),
    "K-BFGS(L)": (KBFGS, {"memory": 4}),
    "part of the batch": (KBFGS, {"curvature_fraction": 0.25}),
    "every 2": (KBFGS, {"update_every": 2}),
    "the paper": (KBFGS, {"safeguard": None}),
    "K-FAC": (KFAC, {}),
    "K-FAC, another forward": (KFAC, {"again": True}),
}


class Mixed(nn.Module):
    """Preconditioned layers, and others that the inner AdamW trains."""

    def __init__(self, dtype):
        super().__init__()
        self.body, self.norm = network(*SIZES, dtype=dtype), nn.LayerNorm(SIZES[0], dtype=dtype)

    def forward(self, x):
        return self.body(self.norm(x))


def start(variant, scaler, *, dtype=torch.float64, **how):
    method, options = VARIANTS[variant]
    options = dict(options)
    again = options.pop("again", False)
    model = Mixed(dtype)
    opt = method(model, lr=0.1, damping=0.3, grad_scaler=scaler, **options)
    return ScaledRun(model, opt, scaler, again=again, **how)


def train(variant, scaler, *, steps=6, parts=1, dtype=torch.float64, **how):
    run = start(variant, scaler, dtype=dtype, **how)
    batches = [data(40, SIZES[0], SIZES[-1], seed=1 + k, dtype=dtype) for k in range(steps)]
    return [run.step(*batch, parts=parts) for batch in batches], run.snapshot()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_scale_changes_no_step(variant):
    _, wanted = train(variant, None)
    for scale in (1.0, 2.0**16):
        losses, found = train(variant, GradScaler("cpu", init_scale=scale))
        assert len(set(losses)) == 6
        assert max(relative(found[key], wanted[key]) for key in wanted) < 1e-12


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_disabled_scaler_is_none(variant):
    losses, wanted = train(variant, None)
    disabled_losses, found = train(variant, GradScaler("cpu", enabled=False))
    assert disabled_losses == losses
    assert same(found, wanted)


@pytest.mark.parametrize("variant", VARIANTS)
def test_float16_follows_float32_within_its_rounding(variant):
    scaler = GradScaler("cpu", init_scale=2.0**12)
    losses, wanted = train(variant, None, dtype=torch.float32)
    half_losses, found = train(variant, scaler, dtype=torch.float32, precision=float16)
    assert half_losses == pytest.approx(losses, rel=2e-3)
    assert half_losses != losses, "the closure did not run in float16"
    assert found["steps"] == 6
    assert scaler.get_scale() == 2.0**12
    # y is a small difference of rounded gradients: in the lower layers it, and H_g, are noisy.
    close = [k for k in found if k.startswith("model.") or k.endswith(("momentum", "_factor"))]
    close += [k for k in found if k in ("body.4.output_inverse", "body.4.pair_change")]
    assert {key for key in close if relative(found[key], wanted[key]) > 0.02} == set()
    for key in found:
        if key.endswith("output_inverse"):
            assert torch.linalg.eigvalsh(found[key]).min() > 0


def test_a_scale_keeps_gradients_that_float16_alone_would_lose():
    x, y = data(40, SIZES[0], SIZES[-1], dtype=torch.float32)
    kept = {}
    for scale in (1.0, 2.0**16):
        model, scaler = network(*SIZES, dtype=torch.float32), GradScaler("cpu", init_scale=scale)
        opt = KBFGS(model, grad_scaler=scaler)

        def closure(model=model, opt=opt, scaler=scaler):
            opt.zero_grad()
            with float16():
                outputs = model(x)
            loss = 1e-6 * half_squared_error(outputs.float(), y)
            scaler.scale(loss).backward()
            return loss

        opt.step(closure)
        kept[scale] = model[0].weight.grad.count_nonzero()
    assert kept[1.0] == 0
    assert kept[2.0**16] == model[0].weight.numel()


def test_a_gradient_in_float16_is_unscaled_in_float32():
    scaler = GradScaler("cpu", init_scale=2.0**16)
    scaled = ScaledLoss(scaler, torch.optim.SGD([nn.Parameter(torch.ones(1))]))
    gradient = torch.tensor([1e-4], dtype=torch.float16)
    assert scaled.unscale(gradient).item() == gradient.item() / 2**16
    assert scaled.unscale(gradient.double()).dtype == torch.float64


@pytest.mark.parametrize("variant", ["K-BFGS", "part of the batch"])
def test_micro_batches_are_scaled_alike(variant):
    _, wanted = train(variant, None, parts=2)
    _, found = train(variant, GradScaler("cpu"), parts=2)
    assert max(relative(found[key], wanted[key]) for key in wanted) < 1e-12


@pytest.mark.parametrize("variant", VARIANTS)
def test_clipping_after_unscale_is_clipping_without_a_scaler(variant):
    def clipped(scaler):
        run = start(variant, scaler)

        def clip():
            run.opt.unscale_()
            run.opt.unscale_()  # a second call does nothing
            nn.utils.clip_grad_norm_(run.model.parameters(), 0.1)

        run.clip = clip
        for seed in range(4):
            run.step(*data(40, SIZES[0], SIZES[-1], seed=seed))
        return run.snapshot()

    wanted, found = clipped(None), clipped(GradScaler("cpu"))
    assert max(relative(found[key], wanted[key]) for key in wanted) < 1e-12
    unclipped = train(variant, None, steps=4)[1]
    assert relative(wanted["model.body.0.weight"], unclipped["model.body.0.weight"]) > 1e-3


def test_after_a_step_the_gradient_is_that_of_the_loss():
    run = start("K-BFGS", GradScaler("cpu"))
    twin = Mixed(torch.float64)
    x, y = data(40, SIZES[0], SIZES[-1])
    half_squared_error(twin(x), y).backward()
    run.step(x, y)
    run.opt.unscale_()  # outside of the closure it does nothing
    for mine, other in zip(run.model.parameters(), twin.parameters(), strict=True):
        assert relative(mine.grad, other.grad) < 1e-12


@pytest.mark.parametrize("variant", ["K-BFGS", "K-FAC"])
def test_the_state_knows_no_scaler(variant):
    saved = []
    for scaler in (None, GradScaler("cpu")):
        run = start(variant, scaler)
        run.step(*data(40, SIZES[0], SIZES[-1]))
        saved.append(run.opt.state_dict())
    assert saved[0].keys() == saved[1].keys()
    assert saved[0]["kbfgs"].keys() == saved[1]["kbfgs"].keys()
    assert saved[0]["param_groups"] == saved[1]["param_groups"]
    fresh = start(variant, GradScaler("cpu", init_scale=2.0))
    fresh.opt.load_state_dict(saved[0])
    assert fresh.opt.diagnostics().steps == 1


class Operations(TorchDispatchMode):
    """Collects the names of all operations."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.found.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_without_a_scaler_nothing_is_computed_or_read():
    loss, gradient = torch.ones(()), torch.tensor([math.inf])
    plain = PlainLoss()
    with Operations() as operations:
        plain.begin()
        assert plain.scale(loss) is loss
        assert plain.unscale(gradient) is gradient
        plain.unscale_parameters()
        plain.report(loss, [gradient])
        assert not plain.overflowed()
        assert not plain.overflowed_anywhere([gradient], OneRank())
    assert operations.found == []


def test_with_a_scaler_the_host_reads_one_number_of_a_step():
    weight = nn.Parameter(torch.ones(3))
    scaler = GradScaler("cpu")
    scaled = ScaledLoss(scaler, torch.optim.SGD([weight]))
    weight.grad = scaler.scale(torch.ones(3))
    with Operations() as operations:
        scaled.begin()
        scaled.unscale(torch.ones(2))
        scaled.unscale_parameters()
        scaled.report(torch.ones(()), [torch.ones(2)])
        reads = [n for n in operations.found if n in ("_local_scalar_dense", "is_nonzero")]
        assert reads == []
        assert not scaled.overflowed()
    assert operations.found[-1] == "_local_scalar_dense"
