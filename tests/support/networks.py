"""Small fully connected networks, and the bridge between `KBFGS` and the paper's transcription."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from kbfgs import KBFGS
from kbfgs.curvature.limited import LimitedInverse
from tests.support.paper_oracle import PaperState

STATE_NAMES = {
    "momentum": "momentum",
    "input_factor": "A",
    "input_inverse": "H_a",
    "output_inverse": "H_g",
    "pair_step": "s",
    "pair_change": "y",
}


def network(
    *sizes: int, seed: int = 0, dtype: torch.dtype = torch.float64, inplace: bool = True
) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        modules: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            modules += [nn.Linear(fan_in, fan_out), nn.ReLU(inplace=inplace)]
        return nn.Sequential(*modules[:-1]).to(dtype)


def data(
    rows: int, inputs: int, outputs: int, *, seed: int = 1, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Normal inputs, and targets that a network can learn a part of."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, inputs, dtype=torch.float64, generator=generator)
    mix = torch.randn(inputs, outputs, dtype=torch.float64, generator=generator)
    return x.to(dtype), torch.tanh(x @ mix).to(dtype)


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Summed over features, mean over rows."""
    return 0.5 * ((outputs - targets) ** 2).sum(1).mean()


def closure_for(opt: KBFGS, model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """The closure of a plain training loop."""

    def closure() -> Tensor:
        opt.zero_grad()
        loss = half_squared_error(model(x), y)
        loss.backward()
        return loss

    return closure


def linears(model: nn.Module) -> dict[str, nn.Linear]:
    """The Linear layers by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}


def weight_matrices(model: nn.Module) -> list[Tensor]:
    """W̄ = [W b] of each Linear layer."""
    return [
        torch.cat([m.weight.detach(), m.bias.detach()[:, None]], dim=1)
        for m in linears(model).values()
    ]


def put_state(opt: KBFGS, model: nn.Module, state: PaperState) -> None:
    """Set a model and its optimizer to a state of the paper's transcription."""
    saved = opt.state_dict()
    saved["kbfgs"]["steps"] = state.steps
    for index, (name, module) in enumerate(linears(model).items()):
        with torch.no_grad():
            module.weight.copy_(state.weights[index][:, :-1])
            module.bias.copy_(state.weights[index][:, -1])
        layer = saved["kbfgs"]["layers"][name]
        for key, symbol in STATE_NAMES.items():
            if key == "input_inverse" and state.steps == 0 and not state.warm:
                continue
            if key in layer or key == "input_inverse":
                layer[key] = getattr(state, symbol)[index].clone()
        if "output_pairs" in layer:
            layer.update(ring_of(state.pairs[index], like=layer, turned_by=state.steps))
    opt.load_state_dict(saved)


def ring_of(
    pairs: list[tuple[Tensor, Tensor]], *, like: dict[str, Tensor], turned_by: int
) -> dict[str, Tensor]:
    """A limited memory that holds these pairs, oldest first; a full ring starts anywhere."""
    _, memory, dim = like["output_pairs"].shape
    first = turned_by % memory if len(pairs) == memory else 0
    ring = torch.zeros(2, memory, dim, dtype=torch.float64)
    for age, (s, y) in enumerate(pairs):
        ring[:, (first + age) % memory] = torch.stack((s, y))
    return {
        "output_pairs": ring,
        "output_pair_cross": ring[0] @ ring[1].T,
        "output_pair_gram": ring[1] @ ring[1].T,
        "output_pair_oldest": torch.tensor([(first + len(pairs)) % memory]),
    }


def output_inverse(layer: dict[str, Tensor]) -> Tensor:
    """H_g as a matrix, from a layer's state in whichever form."""
    if "output_inverse" in layer:
        return layer["output_inverse"]
    outputs = layer["pair_step"]
    if "output_pairs" not in layer:
        return torch.eye(len(outputs), dtype=outputs.dtype)
    pairs = layer["output_pairs"]
    limited = LimitedInverse(len(outputs), memory=pairs.shape[1], like=pairs)
    for key, tensor in limited.tensors().items():
        tensor.copy_(layer[f"output_{key}"])
    return limited.times(torch.eye(len(outputs), dtype=pairs.dtype))


def difference(opt: KBFGS, model: nn.Module, state: PaperState) -> float:
    """The largest relative difference of any weight or state matrix, in Frobenius norm."""
    pairs = list(zip(weight_matrices(model), state.weights, strict=True))
    layers = opt.state_dict()["kbfgs"]["layers"]
    for index, name in enumerate(linears(model)):
        ours = {**layers[name], "output_inverse": output_inverse(layers[name])}
        pairs += [(ours[key], getattr(state, symbol)[index]) for key, symbol in STATE_NAMES.items()]
    return max(relative(ours, theirs) for ours, theirs in pairs)


def relative(ours: Tensor, theirs: Tensor) -> float:
    """‖ours - theirs‖ / ‖theirs‖."""
    return float(
        (ours.double() - theirs.double()).norm() / theirs.double().norm().clamp(min=1e-300)
    )
