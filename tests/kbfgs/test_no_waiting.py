"""A step decides on the device: no operation in it hands a value to the host."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils._python_dispatch import TorchDispatchMode

from kbfgs import KBFGS, KFAC, Ablation, curvature_rows
from kbfgs.curvature.dense import DenseInverse, InputFactor
from kbfgs.curvature.limited import LimitedInverse
from kbfgs.curvature.output import FixedIdentity
from kbfgs.damping import double_damping
from tests.support.inverses import update

ALLOWED = torch.tensor(True)
WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "item", "masked_select", "equal")


class Waits(TorchDispatchMode):
    """Collects the operations that make the host wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in WAITING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_the_collector_sees_a_host_read():
    with Waits() as waits:
        float(torch.ones(()) + 1)
    assert waits.found == ["_local_scalar_dense"]


@pytest.mark.parametrize(
    "inverse",
    [DenseInverse(torch.eye(5)), LimitedInverse(5, memory=3, like=torch.ones(1)), FixedIdentity()],
    ids=lambda inverse: type(inverse).__name__,
)
def test_an_output_update_and_its_application_never_wait(inverse):
    with Waits() as waits:
        for seed in range(5):
            s, y = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
            pair = double_damping(s, y, inverse.times(y), powell=0.2, identity=0.5)
            update(inverse, pair.step, pair.change, floor=y.norm() * 1e-4, allowed=ALLOWED)
            inverse.times(torch.ones(5, 3))
    assert waits.found == []


def test_an_input_update_never_waits():
    factor = InputFactor(torch.eye(4))
    factor.start(torch.eye(4), damping=0.5)
    with Waits() as waits:
        step = factor.require_inverse().times(torch.ones(4))
        update(factor.require_inverse(), step, factor.share @ step, floor=0.0, allowed=ALLOWED)
        factor.refresh(factor.share, damping=0.5)
    assert waits.found == []


class Layers(nn.Module):
    """A convolution with groups, a sequence, a layer that is called twice, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 8, 3, padding=1, groups=2)
        self.norm = nn.LayerNorm(8, elementwise_affine=False)
        self.twice, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        places = self.norm(self.conv(x).flatten(2).transpose(1, 2))
        return self.head(self.twice(torch.relu_(self.twice(places))).mean(1))


@pytest.fixture
def valueless():
    """A network and data on a device whose tensors have no values: to read one is an error."""
    with torch.device("meta"):
        return Layers(), torch.empty(20, 2, 4, 4), torch.empty(20, 3)


def test_a_value_on_that_device_cannot_be_read(valueless):
    _, x, _ = valueless
    for read in (lambda: x.sum().item(), lambda: bool(x.sum() > 0), lambda: x.cpu()):
        with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
            read()


@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 1e-3},
        {"safeguard": None},
        {"memory": 3},
        {"curvature_fraction": 0.25},
        {"update_every": 2},
        {"ablation": Ablation(input_inverse_every=1)},
    ],
    ids=str,
)
def test_no_step_of_kbfgs_waits_after_the_inverses_are_there(valueless, options):
    model, x, y = valueless
    opt = KBFGS(model, **options)
    for layer in opt._preconditioner.layers.values():
        factor = layer.state.input_factor
        factor.inverse = DenseInverse(factor.share)

    def closure_over(rows):
        def closure():
            opt.zero_grad()
            loss = mse_loss(model(x[:rows]), y[:rows])
            loss.backward()
            return loss

        return closure

    part = curvature_rows(opt.config.curvature_fraction, 20)
    for _ in range(3):
        opt.step(closure_over(20), curvature_closure=closure_over(part))
    assert len(opt.param_groups[0]["params"]) == 6


def test_no_step_of_kfac_waits(valueless):
    model, x, y = valueless
    opt, outputs = KFAC(model), []

    def closure():
        opt.zero_grad()
        outputs[:] = [model(x)]
        loss = mse_loss(outputs[0], y)
        loss.backward(retain_graph=True)
        return loss

    for _ in range(3):
        opt.step(closure, lambda: mse_loss(outputs[0], y))
