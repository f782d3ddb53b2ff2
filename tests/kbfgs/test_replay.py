"""Modules return what they returned before, once, and are then what they were."""

import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from kbfgs import KBFGS
from kbfgs.capture import Run
from kbfgs.replay import replayed
from tests.support.networks import data, half_squared_error, network

ROWS, HEAD = 20, 5


class Products(TorchDispatchMode):
    """Counts products of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ in ("mm", "addmm", "convolution")
        return func(*args, **(kwargs or {}))


def test_the_first_call_with_gradients_returns_the_output_and_others_compute():
    layer, x, known = nn.Linear(3, 2), torch.randn(4, 3), torch.randn(4, 2)
    with replayed({layer: known}):
        with torch.no_grad():
            assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
        assert layer(x) is known
        assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
    assert "forward" not in vars(layer)


def test_a_forward_that_someone_put_on_the_module_comes_back_also_after_an_error():
    layer = nn.Linear(3, 2)
    own = layer.forward = lambda x: -x
    with pytest.raises(KeyError), replayed({layer: torch.ones(1)}):
        raise KeyError
    assert layer.forward is own
    assert torch.equal(layer(torch.ones(3)), -torch.ones(3))


class Trained:
    """A model trained on a part of the batch, whose closure also evaluates on other data."""

    def __init__(self, model, *, trusts: bool) -> None:
        self.model, self.trusts = model, trusts
        self.opt = KBFGS(model, lr=0.1, curvature_fraction=HEAD / ROWS)
        self.products = dict.fromkeys(Run, 0)
        self.evaluations: dict[Run, torch.Tensor] = {}

    def step(self, x, y):
        def run(rows):
            kind = self.opt._capture.run
            self.opt.zero_grad()
            with torch.no_grad():
                self.evaluations[kind] = self.model(torch.ones_like(x[:7]))
            with Products() as products:
                loss = half_squared_error(self.model(x[:rows]), y[:rows])
                loss.backward()
            self.products[kind] += products.count
            return loss

        if not self.trusts:
            self.opt._passes.head_reuse.distrust()
        return self.opt.step(lambda: run(ROWS), curvature_closure=lambda: run(HEAD))


class Checkpointed(nn.Module):
    def __init__(self, body) -> None:
        super().__init__()
        self.body = body

    def forward(self, x):
        return checkpoint(self.body, x, use_reentrant=False)


def convolutions():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (2, 3, 3)), nn.Conv2d(2, 8, 2, groups=2), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(32, 3),
    ).double()  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [lambda: network(18, 6, 3), convolutions, lambda: Checkpointed(network(18, 6, 3))],
    ids=["linear", "convolutions in groups", "checkpointed"],
)
def test_training_with_probes_is_training_with_samples(make):
    model = make()
    one = Trained(model, trusts=True)
    other = Trained(copy.deepcopy(model), trusts=False)
    x, y = data(ROWS, 18, 3)
    for _ in range(5):
        one.step(x, y)
        other.step(x, y)
    for mine, theirs in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-11, atol=1e-13)
    assert one.products[Run.SAMPLE] < other.products[Run.SAMPLE]
    assert torch.equal(one.evaluations[Run.PROBE], one.evaluations[Run.FIRST])


def test_a_probe_computes_no_layer():
    trained = Trained(network(18, 6, 3), trusts=True)
    x, y = data(ROWS, 18, 3)
    trained.step(x, y)
    trained.products = dict.fromkeys(Run, 0)
    trained.step(x, y)
    assert trained.products[Run.PROBE] == 0
    assert trained.products[Run.FIRST] > trained.products[Run.SECOND] > 0
