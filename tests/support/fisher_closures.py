"""The closures of a K-FAC step with given targets, and the bridge to the transcription."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from kbfgs import KFAC
from tests.support.kfac_oracle import FisherState
from tests.support.networks import half_squared_error, linears, relative, weight_matrices

STATE_NAMES = {
    "momentum": "momentum",
    "input_factor": "A",
    "input_inverse": "A_inverse",
    "output_factor": "G",
    "output_inverse": "G_inverse",
}


def fisher_closures(
    opt: KFAC, model: nn.Module, x: Tensor, y: Tensor, sampled: Tensor, *, again: bool = False
) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    """The closure and the fisher_closure; `again` runs the model a second time."""
    outputs: list[Tensor] = []

    def closure() -> Tensor:
        opt.zero_grad()
        outputs[:] = [model(x)]
        loss = half_squared_error(outputs[0], y)
        loss.backward(retain_graph=not again)
        return loss

    def fisher_closure() -> Tensor:
        return half_squared_error(model(x) if again else outputs[0], sampled)

    return closure, fisher_closure


def put_fisher_state(opt: KFAC, model: nn.Module, state: FisherState) -> None:
    """Set a model and its optimizer to a state of the transcription."""
    saved = opt.state_dict()
    saved["kbfgs"]["steps"] = state.steps
    for index, (name, module) in enumerate(linears(model).items()):
        with torch.no_grad():
            module.weight.copy_(state.weights[index][:, :-1])
            module.bias.copy_(state.weights[index][:, -1])
        layer = saved["kbfgs"]["layers"][name]
        for key, symbol in STATE_NAMES.items():
            value = getattr(state, symbol)[index]
            layer[key] = torch.zeros_like(layer[key]) if value is None else value.clone()
        layer["input_known"] = torch.tensor(state.A[index] is not None)
        layer["output_known"] = torch.tensor(state.G[index] is not None)
    opt.load_state_dict(saved)


def fisher_difference(opt: KFAC, model: nn.Module, state: FisherState) -> float:
    """The largest relative difference of any weight or state matrix, in Frobenius norm."""
    pairs = list(zip(weight_matrices(model), state.weights, strict=True))
    layers = opt.state_dict()["kbfgs"]["layers"]
    for index, name in enumerate(linears(model)):
        pairs += [
            (layers[name][key], getattr(state, symbol)[index])
            for key, symbol in STATE_NAMES.items()
        ]
    return max(relative(ours, theirs) for ours, theirs in pairs)
