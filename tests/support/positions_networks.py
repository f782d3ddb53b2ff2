"""Networks with convolutions and sequences, each as a module and as the oracle sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kbfgs import KBFGS
from tests.support.gloo_ranks import Batch, shard
from tests.support.networks import STATE_NAMES, closure_for, relative
from tests.support.paper_oracle import PaperState
from tests.support.positions_oracle import Apply, image, patches


@dataclass
class Case:
    """A model, the names of its matrices, and the same network over the oracle's `apply`."""

    model: nn.Module
    names: list[str]
    network: Callable[[Apply, Tensor], Tensor]
    inputs: tuple[int, ...]


def convolution(channels: int = 2, **options: Any) -> Case:
    """A Conv2d with these options, ReLU, a Linear on the mean of each channel."""
    groups = options.get("groups", 1)
    conv = nn.Conv2d(channels, 4 * groups, **options)
    model = nn.Sequential(
        conv, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * groups, 3)
    )
    kernel = conv.kernel_size
    same = tuple(d * (k - 1) // 2 for d, k in zip(conv.dilation, kernel, strict=True))
    geometry = {
        "stride": conv.stride,
        "padding": same if conv.padding == "same" else conv.padding,
        "dilation": conv.dilation,
        "mode": conv.padding_mode,
    }

    def network(apply: Apply, x: Tensor) -> Tensor:
        parts = []
        for group, block in enumerate(x.chunk(groups, dim=1)):
            rows, size = patches(block, kernel, **geometry)
            parts.append(image(apply(group, rows), size))
        hidden = torch.relu(torch.cat(parts, dim=1)).mean((2, 3))
        return apply(groups, hidden[:, None])[:, 0]

    names = ["0"] if groups == 1 else [f"0[{k}]" for k in range(groups)]
    return Case(model.double(), [*names, "4"], network, (channels, 5, 4))


class TimeSteps(nn.Module):
    """A Linear over (batch, time, features), one called twice, a flattened one, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice = nn.Linear(5, 4), nn.Linear(4, 4)
        self.flat, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        x = torch.tanh(self.twice(torch.tanh(self.twice(x))))
        x = torch.tanh(self.flat(x.reshape(-1, 4))).reshape(len(x), -1, 4)
        return self.head(x.mean(1))


def sequences() -> Case:
    """Positions from a sequence, from a second call, and hidden in a layer's rows."""

    def network(apply: Apply, x: Tensor) -> Tensor:
        x = torch.tanh(apply(0, x))
        x = torch.tanh(apply(1, torch.tanh(apply(1, x))))
        x = torch.tanh(apply(2, x))
        return apply(3, x.mean(1, keepdim=True))[:, 0]

    return Case(TimeSteps().double(), ["first", "twice", "flat", "head"], network, (6, 5))


def sequence_run(
    rank: int, stream: list[Batch], cut: int | None, weighting: str | None
) -> dict[str, Tensor]:
    """The weights after a step on this rank's rows of each mini-batch."""
    torch.manual_seed(0)
    model = sequences().model
    ddp = DistributedDataParallel(model)
    opt = KBFGS(
        ddp, lr=0.1, damping=0.3, weight_decay=1e-2, safeguard=None, row_weighting=weighting
    )
    for batch in stream:
        x, y = shard(batch, rank, cut=cut)
        opt.step(closure_for(opt, ddp, x, y))
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def matrices(case: Case) -> list[Tensor]:
    """W̄ = [W b] of each block, as copies."""
    found = []
    for name in case.names:
        weight, bias = _block(case.model, name)
        found.append(torch.cat([weight.flatten(1), bias[:, None]], dim=1).clone())
    return found


def put(opt: KBFGS, case: Case, state: PaperState) -> None:
    """Set a model and its optimizer to a state of the oracle."""
    saved = opt.state_dict()
    saved["kbfgs"]["steps"] = state.steps
    for index, name in enumerate(case.names):
        weight, bias = _block(case.model, name)
        weight.copy_(state.weights[index][:, :-1].reshape(weight.shape))
        bias.copy_(state.weights[index][:, -1])
        for key, symbol in STATE_NAMES.items():
            if key != "input_inverse" or state.steps:
                saved["kbfgs"]["layers"][name][key] = getattr(state, symbol)[index].clone()
    opt.load_state_dict(saved)


def apart(opt: KBFGS, case: Case, state: PaperState) -> float:
    """The largest relative difference of any weight or state matrix."""
    layers = opt.state_dict()["kbfgs"]["layers"]
    pairs = list(zip(matrices(case), state.weights, strict=True))
    for index, name in enumerate(case.names):
        pairs += [(layers[name][k], getattr(state, v)[index]) for k, v in STATE_NAMES.items()]
    return max(relative(ours, theirs) for ours, theirs in pairs)


def _block(model: nn.Module, name: str) -> tuple[Tensor, Tensor]:
    """The weight and bias of a module, or of one of its groups as in "conv[1]"."""
    name, _, group = name.partition("[")
    module = model.get_submodule(name)
    weight, bias = module.weight.detach(), module.bias.detach()
    if not group:
        return weight, bias
    count = len(weight) // module.groups
    rows = slice(int(group[:-1]) * count, (int(group[:-1]) + 1) * count)
    return weight[rows], bias[rows]
