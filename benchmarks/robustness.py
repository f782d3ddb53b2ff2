"""How many runs of K-BFGS end in NaN over a grid of settings, with the safeguard and without.

    OMP_NUM_THREADS=1 python -m benchmarks.robustness --epochs 2 --out robustness.jsonl

trains `mnist-5k-autoencoder` in mini-batches of 200 for every lr, damping and curvature fraction of
the grid. Each run is a line of the file as soon as it ends; run again on the same file it goes on
where it stopped, and prints the tables of what the file holds.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from kbfgs import KBFGS, NonFiniteLossError, Safeguard, curvature_rows
from workers.evaluation import evaluate
from workers.problems import build_problem
from workers.problems.base import Problem, Split

LEARNING_RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
DAMPINGS = (0.01, 0.1, 0.3, 1.0, 3.0)
FRACTIONS = (0.1, 0.25, 1.0)
GUARDS = {"on": Safeguard(), "cap alone": Safeguard(min_ratio=None), "off": None}


@dataclass(frozen=True)
class Cell:
    """One run's settings."""

    guard: str
    fraction: float
    damping: float
    lr: float


@dataclass(frozen=True)
class Outcome:
    """How it ended: the training loss, NaN where it diverged, and what the safeguard did."""

    cell: Cell
    epochs: int
    loss: float
    capped: int
    rejected: int

    @property
    def diverged(self) -> bool:
        """Whether the loss or a weight is not finite."""
        return not math.isfinite(self.loss)


def train(cell: Cell, problem: Problem, data: Split, *, epochs: int, batch: int) -> Outcome:
    """Train from the same weights, over the same mini-batches."""
    torch.manual_seed(0)
    model = problem.build_model()
    optimizer = KBFGS(
        model,
        lr=cell.lr,
        damping=cell.damping,
        curvature_fraction=cell.fraction,
        safeguard=GUARDS[cell.guard],
    )
    with optimizer.warm_start():
        for part in data.cut(1000):
            model(part.inputs)
    order = torch.Generator().manual_seed(0)
    try:
        for _ in range(epochs):
            for rows in torch.randperm(len(data), generator=order).split(batch):
                part = rows[: curvature_rows(cell.fraction, len(rows))]
                optimizer.step(
                    closure_over(optimizer, model, problem, data, rows),
                    curvature_closure=closure_over(optimizer, model, problem, data, part),
                )
        found = evaluate(model, problem, data).loss
        loss = math.nan if found is None else found
    except NonFiniteLossError:
        loss = math.nan
    counted = optimizer.diagnostics()
    return Outcome(cell, epochs, loss, counted.capped_steps, counted.rejected_steps)


def closure_over(
    optimizer: KBFGS, model: torch.nn.Module, problem: Problem, data: Split, rows: Tensor
) -> Callable[[], Tensor]:
    """The closure on some rows."""
    batch = data.take(rows)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = problem.loss(model(batch.inputs), batch.targets)
        loss.backward()
        return loss

    return closure


def cells(guards: Sequence[str]) -> Iterator[Cell]:
    """The grid, the boldest steps first."""
    for lr, damping, fraction, guard in product(LEARNING_RATES[::-1], DAMPINGS, FRACTIONS, guards):
        yield Cell(guard, fraction, damping, lr)


def saved_outcomes(path: Path) -> list[Outcome]:
    """What the file holds."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Outcome(Cell(**line.pop("cell")), **line) for line in lines]


def print_tables(outcomes: Sequence[Outcome]) -> None:
    """Runs that ended in NaN, and the median loss of those that did not, by fraction."""
    print("runs that ended in NaN / runs (median training loss of the others)")
    print("f      " + "".join(f"{guard:>24}" for guard in GUARDS))
    for fraction in FRACTIONS:
        line = f"{fraction:<7}"
        for guard in GUARDS:
            runs = [o for o in outcomes if (o.cell.guard, o.cell.fraction) == (guard, fraction)]
            losses = [run.loss for run in runs if not run.diverged]
            median = f"{statistics.median(losses):.1f}" if losses else "-"
            line += f"{f'{len(runs) - len(losses)} / {len(runs)} ({median})':>24}"
        print(line)
    guarded = [o for o in outcomes if o.cell.guard == "on"]
    print(f"rejected steps with the safeguard on: {sum(o.rejected for o in guarded)}")
    print(f"largest loss with the safeguard on: {max((o.loss for o in guarded), default=0):.1f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/robustness.jsonl"))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--guards", nargs="+", default=["on", "off"], choices=list(GUARDS))
    options = parser.parse_args(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    problem = build_problem("mnist-5k-autoencoder")
    data = problem.load(torch.device("cpu")).train
    done = {(o.cell, o.epochs) for o in saved_outcomes(options.out)}
    for cell in cells(options.guards):
        if (cell, options.epochs) in done:
            continue
        outcome = train(cell, problem, data, epochs=options.epochs, batch=options.batch)
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
    print_tables([o for o in saved_outcomes(options.out) if o.epochs == options.epochs])


if __name__ == "__main__":
    main()
