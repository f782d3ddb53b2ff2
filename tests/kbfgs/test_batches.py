"""The batch is recognized again however the model takes it."""

import dataclasses
from collections import UserDict

import pytest
import torch
from torch import Tensor, nn

from kbfgs import KBFGS, ClosureError
from tests.support.networks import data, half_squared_error, network

SIZES = (5, 6, 3)


@dataclasses.dataclass
class Batch:
    x: Tensor


PACKAGES = {
    "dict": (lambda x: {"x": x}, lambda batch: batch["x"]),
    "mapping": (lambda x: UserDict(x=x), lambda batch: batch["x"]),
    "nested tuple": (lambda x: (None, [x]), lambda batch: batch[1][0]),
    "dataclass": (Batch, lambda batch: batch.x),
    "list of samples": (list, torch.stack),
}
packages = pytest.mark.parametrize(("pack", "unpack"), PACKAGES.values(), ids=PACKAGES)


class Packaged(nn.Module):
    """A norm stands before the first layer, whose inputs therefore change within a step."""

    def __init__(self, unpack) -> None:
        super().__init__()
        self.norm, self.body, self.unpack = nn.LayerNorm(5), network(*SIZES), unpack

    def forward(self, batch):
        return {"out": self.body(self.norm(self.unpack(batch)))}


def closure_over(opt, model, pack, draw):
    def closure():
        opt.zero_grad()
        x, y = draw()
        loss = half_squared_error(model(pack(x))["out"], y)
        loss.backward()
        return loss

    return closure


@packages
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_another_batch_is_noticed_and_the_same_one_is_not_refused(pack, unpack, fraction):
    model = Packaged(unpack).double()
    opt = KBFGS(model, curvature_fraction=fraction)
    x, y = data(20, 5, 3)
    part = int(fraction * 20)
    whole = closure_over(opt, model, pack, lambda: (x, y))
    for _ in range(3):
        opt.step(whole, closure_over(opt, model, pack, lambda: (x[:part], y[:part])))
    other = closure_over(opt, model, pack, lambda: (x[-part:].flip(0) + 1, y[:part]))
    with pytest.raises(ClosureError, match="saw another batch"):
        opt.step(whole, other)


def test_what_runs_without_gradients_inside_the_closure_may_be_other_data():
    model = network(*SIZES)
    opt = KBFGS(model)
    x, y = data(20, 5, 3)
    others = iter(data(7 + k, 5, 3, seed=k)[0] for k in range(9))

    def closure():
        opt.zero_grad()
        with torch.no_grad():
            model(next(others))
        loss = half_squared_error(model(x), y)
        loss.backward()
        return loss

    losses = [float(opt.step(closure)) for _ in range(3)]
    assert losses[-1] < losses[0]
