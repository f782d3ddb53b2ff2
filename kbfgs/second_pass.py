"""The conditions under which the closure runs a second time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from kbfgs.distributed.ddp import without_synchronization
from kbfgs.errors import UnsupportedModelError
from kbfgs.registry import clean_name


@dataclass(frozen=True, eq=False)
class RandomState:
    """The state of torch's random generators, on the CPU and on some CUDA devices."""

    cpu: Tensor
    cuda: dict[torch.device, Tensor]

    @classmethod
    def now(cls, model: nn.Module) -> RandomState:
        """The generators' state on the CPU and on the CUDA devices that a model uses."""
        devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
        return cls(torch.get_rng_state(), {d: torch.cuda.get_rng_state(d) for d in devices})

    def equals(self, other: RandomState) -> bool:
        """Whether nothing was drawn between the two."""
        return torch.equal(self.cpu, other.cpu) and all(
            torch.equal(state, other.cuda[device]) for device, state in self.cuda.items()
        )

    def restore(self) -> None:
        """Set the generators back."""
        torch.set_rng_state(self.cpu)
        for device, state in self.cuda.items():
            torch.cuda.set_rng_state(state, device)


def refuse_batch_dependent(model: nn.Module) -> None:
    """Refuse a second pass over a part of the batch where a layer uses the batch's statistics.

    Raises:
        UnsupportedModelError: Names the layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            raise UnsupportedModelError(
                f"layer {clean_name(name)!r} is a {type(module).__name__} that normalizes by the "
                "statistics of its batch, which a part of the batch does not have: set "
                "curvature_fraction=1.0, or put the layer in eval mode"
            )


@contextmanager
def second_pass(model: nn.Module, random_state: RandomState) -> Iterator[None]:
    """Repeat the first pass without weight gradients and without traces.

    Inside, no parameter requires a gradient, every `grad` is None, batch norm uses the batch's
    statistics and leaves its buffers alone, the random generators stand where they stood before
    the first pass, and a DDP model does not communicate. Afterwards all of it is as before.

    Args:
        model: The model, possibly wrapped in DDP.
        random_state: The generators' state before the first pass.
    """
    with ExitStack() as stack:
        stack.enter_context(_without_weight_gradients(model))
        stack.enter_context(without_running_statistics(model))
        stack.enter_context(without_synchronization(model))
        stack.callback(RandomState.now(model).restore)
        random_state.restore()
        yield


@contextmanager
def _without_weight_gradients(model: nn.Module) -> Iterator[None]:
    """Turn off what requires gradients now, and nothing else back on afterwards."""
    parameters = list(model.parameters())
    gradients = [parameter.grad for parameter in parameters]
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    try:
        for parameter in parameters:
            parameter.grad = None
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient


@contextmanager
def without_running_statistics(model: nn.Module) -> Iterator[None]:
    """Let batch norm use the batch's statistics and leave its buffers alone."""
    norms = [
        module
        for module in model.modules()
        if isinstance(module, _NormBase) and module.training and module.track_running_stats
    ]
    try:
        for norm in norms:
            norm.track_running_stats = False
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Run in eval mode without gradients; modes and random generators are restored."""
    training = [module for module in model.modules() if module.training]
    random_state = RandomState.now(model)
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
        random_state.restore()
