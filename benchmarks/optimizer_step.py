"""Time of an optimizer step on the MNIST autoencoder, in units of SGD with momentum.

The optimizers take turns, step by step, in one process, so that a busy machine slows all alike:

    OMP_NUM_THREADS=1 python benchmarks/optimizer_step.py --steps 20

The pictures are random: a step costs the same on them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from kbfgs import KBFGS

MNIST_AUTOENCODER = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
LINEAR_CODE = 3


def autoencoder(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them, but after the code."""
    torch.manual_seed(0)
    modules: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        modules.append(nn.Linear(fan_in, fan_out))
        if index not in (LINEAR_CODE, len(sizes) - 2):
            modules.append(nn.ReLU())
    return nn.Sequential(*modules)


def make_step(
    name: str, sizes: tuple[int, ...], batch: Tensor
) -> tuple[Callable[[], object], torch.optim.Optimizer]:
    """A function that takes one training step with the optimizer of this name."""
    model = autoencoder(sizes).to(batch.device)
    optimizer: torch.optim.Optimizer
    match name:
        case "sgd":
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
        case "adam":
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        case "kbfgs":
            optimizer = KBFGS(model, lr=0.3, damping=0.3)
        case _:
            raise ValueError(f"unknown optimizer {name!r}")
    loss_function = nn.BCEWithLogitsLoss(reduction="sum")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = loss_function(model(batch), batch) / len(batch)
        loss.backward()
        return loss

    return lambda: optimizer.step(closure), optimizer


def timed(step: Callable[[], object], device: torch.device) -> float:
    """Seconds of one step."""
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def main() -> None:
    """Print the median step time of each optimizer and its ratio to SGD's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    batch = torch.rand(options.batch, MNIST_AUTOENCODER[0], device=device)
    steps = {name: make_step(name, MNIST_AUTOENCODER, batch) for name in ("sgd", "adam", "kbfgs")}
    for step, _ in steps.values():
        for _ in range(2):
            step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.steps):
        for name, (step, _) in steps.items():
            seconds[name].append(timed(step, device))
    base = statistics.median(seconds["sgd"])
    print(f"batch {options.batch}, {device}, {torch.get_num_threads()} thread(s)")
    print(f"{'optimizer':<10}{'median ms':>10}{'best ms':>10}{'ratio':>8}{'best ratio':>12}")
    for name, values in seconds.items():
        median, best = statistics.median(values), min(values)
        print(
            f"{name:<10}{1e3 * median:>10.1f}{1e3 * best:>10.1f}{median / base:>8.2f}"
            f"{best / min(seconds['sgd']):>12.2f}"
        )
    optimizer = steps["kbfgs"][1]
    assert isinstance(optimizer, KBFGS)
    print("K-BFGS by phase, last step:", optimizer.diagnostics().seconds)


if __name__ == "__main__":
    main()
