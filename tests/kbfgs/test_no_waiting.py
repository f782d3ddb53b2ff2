"""Curvature decides on the device: no operation in it hands a value to the host."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kbfgs.curvature.dense import DenseInverse, InputFactor
from kbfgs.curvature.limited import LimitedInverse
from kbfgs.curvature.output import FixedIdentity
from kbfgs.damping import double_damping

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
    allowed = torch.tensor(True)
    with Waits() as waits:
        for seed in range(5):
            s, y = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
            pair = double_damping(s, y, inverse.times(y), powell=0.2, identity=0.5)
            inverse.update(pair.step, pair.change, floor=y.norm() * 1e-4, allowed=allowed)
            inverse.times(torch.ones(5, 3))
    assert waits.found == []


def test_an_input_update_never_waits():
    factor = InputFactor(torch.eye(4))
    factor.start(torch.eye(4), damping=0.5)
    with Waits() as waits:
        step, action = factor.probe(torch.ones(4))
        factor.act(step, action, damping=0.5)
        factor.refresh(factor.share, damping=0.5)
    assert waits.found == []
