"""A model that is compiled after the optimizer was built trains as the plain one does."""

import copy

import torch
from torch import Tensor, nn

from kbfgs import KBFGS
from tests.support.networks import closure_for, data


class WithNorm(nn.Module):
    """Has a norm, so that the inner AdamW has something to train."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_a_model_compiled_after_the_optimizer_was_built_gives_the_same_losses():
    torch.manual_seed(0)
    plain = WithNorm()
    model = copy.deepcopy(plain)
    opt = KBFGS(model)
    forward = torch.compile(model, backend="eager")
    x, y = data(30, 6, 4, dtype=torch.float32)
    closure = closure_for(opt, forward, x, y)
    compiled = [opt.step(closure) for _ in range(12)]

    opt = KBFGS(plain)
    assert compiled == [opt.step(closure_for(opt, plain, x, y)) for _ in range(12)]
    assert compiled[-1] < 0.8 * compiled[0]
