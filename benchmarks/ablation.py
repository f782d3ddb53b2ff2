"""What each part of K-BFGS is worth: training losses with one part left out or replaced.

    OMP_NUM_THREADS=1 python -m benchmarks.ablation [--epochs 5] [--seeds 3] [--variants NAME ...]

The problem is `mnist-5k-autoencoder`. Each variant is tried at the same settings from one seed;
where its training loss after the last epoch is lowest, it trains on fresh seeds for the table.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kbfgs import KBFGS, Ablation, NonFiniteLossError
from workers.evaluation import evaluate
from workers.problems.autoencoders import mnist_5k_autoencoder
from workers.problems.base import Split

BATCH_SIZE = 200
POINTS = ((0.1, 0.01), (0.3, 0.1), (0.3, 0.3))


@dataclass(frozen=True)
class Variant:
    """The method with one part changed."""

    ablation: Ablation | None = None
    memory: int | None = None


VARIANTS = {
    "K-BFGS": Variant(),
    "K-BFGS(L), 100 pairs": Variant(memory=100),
    "K-BFGS(L), 10 pairs": Variant(memory=10),
    "H_g = I": Variant(Ablation(identity_output_factor=True)),
    "(A + λ_A I)⁻¹ in every step": Variant(Ablation(input_inverse_every=1)),
    "(A + λ_A I)⁻¹ every 20 steps": Variant(Ablation(input_inverse_every=20)),
    "Powell's damping only": Variant(Ablation(identity_damping=False)),
    "identity damping only": Variant(Ablation(powell_damping=False)),
    "no damping": Variant(Ablation(powell_damping=False, identity_damping=False)),
}


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        losses: Training loss after each epoch; infinite from where it was no longer finite.
        seconds: CPU-seconds of optimization of an epoch.
        skipped: The part of the updates of H_g that were skipped.
    """

    losses: tuple[float, ...]
    seconds: float
    skipped: float


def train(variant: Variant, *, lr: float, damping: float, epochs: int, seed: int) -> Run:
    """Train the autoencoder from this seed's weights in this seed's order of mini-batches."""
    problem = mnist_5k_autoencoder()
    data = problem.load(torch.device("cpu")).train
    torch.manual_seed(seed)
    model = problem.build_model()
    optimizer = KBFGS(
        model, lr=lr, damping=damping, memory=variant.memory, ablation=variant.ablation
    )
    order = torch.Generator().manual_seed(seed)
    with optimizer.warm_start():
        for batch in data.cut(BATCH_SIZE):
            model(batch.inputs)
    losses, seconds = [], 0.0
    for _ in range(epochs):
        start = time.process_time()
        finite = _epoch(optimizer, model, data, torch.randperm(len(data), generator=order))
        seconds += time.process_time() - start
        losses.append(_whole_loss(model, data) if finite else math.inf)
        if not math.isfinite(losses[-1]):
            break
    losses += [math.inf] * (epochs - len(losses))
    diagnostics = optimizer.diagnostics()
    updates = max(diagnostics.steps, 1) * len(diagnostics.layers)
    skipped = sum(layer.skipped_output_updates for layer in diagnostics.layers)
    return Run(tuple(losses), seconds / epochs, skipped / updates)


def _epoch(optimizer: KBFGS, model: torch.nn.Module, data: Split, order: Tensor) -> bool:
    """One pass over the data; whether the loss stayed finite."""
    problem = mnist_5k_autoencoder()
    for batch in map(data.take, torch.split(order, BATCH_SIZE)):

        def closure(batch: Split = batch) -> Tensor:
            optimizer.zero_grad()
            loss = problem.loss(model(batch.inputs), batch.targets)
            loss.backward()
            return loss

        try:
            optimizer.step(closure)
        except NonFiniteLossError:
            return False
    return True


def _whole_loss(model: torch.nn.Module, data: Split) -> float:
    loss = evaluate(model, mnist_5k_autoencoder(), data).loss
    return math.inf if loss is None else loss


def median_losses(runs: Sequence[Run]) -> list[float]:
    """The median over the runs after each epoch."""
    return [statistics.median(losses) for losses in zip(*(run.losses for run in runs), strict=True)]


def row(name: str, finals: Sequence[Run], *, at: tuple[float, float], shown: Sequence[int]) -> str:
    """A line of the table: a variant at its best settings, medians over the seeds."""
    medians = median_losses(finals)
    losses = " | ".join(f"{medians[epoch - 1]:.1f}" for epoch in shown)
    diverged = sum(math.isinf(run.losses[-1]) for run in finals)
    seconds = statistics.median(run.seconds for run in finals)
    skipped = statistics.mean(run.skipped for run in finals)
    return (
        f"| {name} | {losses} | lr {at[0]:g}, damping {at[1]:g} | {diverged} of {len(finals)} | "
        f"{skipped:.1%} | {seconds:.2f} |"
    )


def compared(variant: Variant, *, epochs: int, seeds: int) -> tuple[tuple[float, float], list[Run]]:
    """A variant's best settings by the seed of the search, and its runs there on fresh seeds."""

    def run(point: tuple[float, float], seed: int) -> Run:
        return train(variant, lr=point[0], damping=point[1], epochs=epochs, seed=seed)

    best = min(POINTS, key=lambda point: run(point, 0).losses[-1])
    return best, [run(best, 1 + seed) for seed in range(seeds)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    options = parser.parse_args(arguments)
    shown = sorted({1, math.ceil(options.epochs / 2), options.epochs})
    columns = [
        *(f"epoch {epoch}" for epoch in shown),
        "at", "diverged", "H_g updates skipped", "CPU seconds an epoch",
    ]  # fmt: skip
    print(
        f"{options.seeds} seeds, {torch.get_num_threads()} thread(s), torch {torch.__version__}\n"
    )
    print("| variant | " + " | ".join(columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    for name in options.variants:
        best, finals = compared(VARIANTS[name], epochs=options.epochs, seeds=options.seeds)
        print(row(name, finals, at=best, shown=shown), flush=True)


if __name__ == "__main__":
    main()
