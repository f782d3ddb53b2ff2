"""Shampoo of pytorch-optimizer, with a state that a checkpoint can hold."""

from typing import Any

import torch
from pytorch_optimizer import ScalableShampoo
from torch import Tensor


class SavedShampoo(ScalableShampoo):
    """Shampoo whose ``state_dict`` holds tensors alone.

    The library keeps objects in its state, which a checkpoint that is read safely cannot hold.
    What they learn are their tensors; all else follows from the settings and is made anew.
    """

    def state_dict(self) -> dict[str, Any]:
        """The state with each object as a dictionary of its tensors."""
        packed = super().state_dict()
        packed["state"] = {
            index: {name: _learned(value) for name, value in state.items()}
            for index, state in packed["state"].items()
        }
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` gave."""
        super().load_state_dict({**state_dict, "state": {}})
        saved = state_dict["state"]
        weights = [weight for group in self.param_groups for weight in group["params"]]
        for index, weight in enumerate(weights):
            weight.grad = torch.zeros_like(weight) if index in saved else None
        for group in self.param_groups:
            self.init_group(group)  # makes the objects of all weights with a gradient
        for index, state in saved.items():
            self._restore(self.state[weights[index]], _moved(state, weights[index].device))
        self.zero_grad()

    @staticmethod
    def _restore(state: dict[str, Any], saved: dict[str, Any]) -> None:
        for name, value in saved.items():
            if isinstance(value, Tensor):
                state[name] = value
            else:
                vars(state[name]).update(value)


def _moved(value: Any, device: torch.device) -> Any:
    """Tensors, and those in lists and dictionaries, on that device."""
    match value:
        case Tensor():
            return value.to(device)
        case dict():
            return {name: _moved(entry, device) for name, entry in value.items()}
        case list():
            return [_moved(entry, device) for entry in value]
        case _:
            return value


def _learned(value: object) -> object:
    """A tensor as it is; of an object its tensors and lists of tensors, by name."""
    if isinstance(value, Tensor):
        return value
    return {name: held for name, held in vars(value).items() if _holds_tensors(held)}


def _holds_tensors(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(entry, Tensor) for entry in value)
    return isinstance(value, Tensor)
