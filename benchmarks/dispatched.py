"""Operations that a step on the MNIST autoencoder hands to the device, by phase.

Each is a kernel on a GPU, to a good approximation, and where kernels are small their number is
what a step costs. They are counted on a device without values, by the path that a GPU takes:

    python -m benchmarks.dispatched [--only K-BFGS Adam] [--sizes 784 1000 ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.autoencoder import MNIST_SIZES, autoencoder
from benchmarks.contenders import CONTENDERS
from kbfgs import KBFGS, KFAC
from kbfgs.curvature.dense import DenseInverse
from kbfgs.phases import PhaseClock

DEVICE = torch.device("meta")
NAMES = ("SGD", "Adam", "K-FAC", "K-BFGS", "K-BFGS(L)")
# What hands out memory, another view of it or a mark for profilers; other views say what they are.
FREE = (
    *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view"),
    *("_record_function_enter_new", "_record_function_exit"),
)


class Dispatched(TorchDispatchMode):
    """Counts the operations that compute something; a moment of its own is the count until then.

    Attributes:
        count: Operations so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.count += kernels(func, args)
        return func(*args, **(kwargs or {}))

    def stamp(self) -> int:
        """This moment."""
        return self.count

    def between(self, first: int, last: int) -> float:
        """Operations from one moment to another."""
        return last - first


def kernels(func: Any, args: Sequence[Any]) -> int:
    """What one operation launches on a GPU.

    One on lists of tensors takes them all at once where they are contiguous, of one dtype, on one
    device and alike from list to list, and else one by one.
    """
    name = func.overloadpacket.__name__
    if func.is_view or name in FREE:
        return 0
    if not name.startswith("_foreach_"):
        return 1
    lists = [each for each in args if isinstance(each, list | tuple) and _holds_tensors(each)]
    kinds = {(tensor.dtype, tensor.device) for each in lists for tensor in each}
    alike = all(len({tensor.shape for tensor in group}) == 1 for group in zip(*lists, strict=True))
    dense = all(tensor.is_contiguous() for each in lists for tensor in each)
    return 1 if len(kinds) == 1 and alike and dense else len(lists[0])


def _holds_tensors(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Tensor) for value in values)


@dataclass(frozen=True)
class Counted:
    """A step of one optimizer.

    Attributes:
        total: Its operations.
        phases: Those of each phase; none for the optimizers of others.
    """

    total: int
    phases: Mapping[str, float]


def count_step(name: str, sizes: Sequence[int], rows: int) -> Counted:
    """Count a usual step of a contender, one in which K-FAC inverts nothing."""
    contender = CONTENDERS[name]
    trainer = contender.build(autoencoder(sizes).to(DEVICE), contender.points[0])
    optimizer = trainer.optimizers[0]
    if isinstance(optimizer, KBFGS):
        start_inverses(optimizer)
    elif not isinstance(optimizer, KFAC):
        optimizer.param_groups[0]["foreach"] = True  # as on CUDA
    pictures = torch.empty(rows, sizes[0], device=DEVICE)
    for _ in range(contender.early_steps + 1):
        trainer.step(pictures)
    with Dispatched() as counted:
        if isinstance(optimizer, KBFGS | KFAC):
            optimizer._clock = PhaseClock(counted)
        trainer.step(pictures)
    phases = asdict(optimizer.phase_seconds) if isinstance(optimizer, KBFGS | KFAC) else {}
    return Counted(counted.count, phases)


def start_inverses(optimizer: KBFGS) -> None:
    """Let each H_a be there: to invert A reads whether that could be done."""
    for layer in optimizer._preconditioner.layers.values():
        factor = layer.state.input_factor
        factor.inverse = DenseInverse(factor.share)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(MNIST_SIZES))
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    options = parser.parse_args(arguments)
    found = {name: count_step(name, options.sizes, options.batch) for name in options.only}
    phases = list(dict.fromkeys(phase for one in found.values() for phase in one.phases))
    print(f"{'operations':<12}{'step':>8}" + "".join(f"{phase:>15}" for phase in phases))
    for name, one in found.items():
        by_phase = "".join(f"{one.phases.get(phase, 0):>15.0f}" for phase in phases)
        print(f"{name:<12}{one.total:>8}{by_phase}")


if __name__ == "__main__":
    main()
