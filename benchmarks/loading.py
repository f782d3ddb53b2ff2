"""What data cost: time of loading and of cutting batches, beside training time.

    OMP_NUM_THREADS=1 python -m benchmarks.loading [--problems NAME ...] [--steps 20]

A batch is cut as in training, its rows in an epoch's random order, and augmented where the problem
says so. SGD's steps are the cheapest there are: data weigh most beside them. Data are loaded as in
the second run on a machine; what the first one pays to make them ready is shown apart. Every row
was looked at once, as the evaluation of the first weights does, so that memory-mapped pages are
there. Shares are those of the problem's usual budget. Seconds are CPU-seconds of one process,
which other processes don't stretch.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

import torch
from torch import Tensor, nn

from kbfgs import KBFGS
from service.contracts.catalogue import ProblemEntry, built_in
from workers.problems import Augmenting, DataMissing, Problem, Split, build_problem
from workers.seeding import epoch_order
from workers.step import optimization_step

CPU = torch.device("cpu")
UNTIMED_STEPS = 5
LOOKED_AT_TOGETHER = 1000
OPTIMIZERS: Mapping[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "SGD": lambda model: torch.optim.SGD(model.parameters(), lr=1e-6),
    "K-BFGS": lambda model: KBFGS(model, lr=1e-3),
}


@dataclass(frozen=True)
class Cost:
    """What a run of a problem takes, in seconds.

    Attributes:
        prepared: Until the data could be loaded: unpacked or made, where they were not.
        loaded: Loading them.
        batching: Cutting a batch.
        training: A step, by optimizer.
        steps: How many there are in the usual budget.
    """

    prepared: float
    loaded: float
    batching: float
    training: Mapping[str, float]
    steps: int

    def share(self, optimizer: str) -> float:
        """Loading, once, and batching in units of training time."""
        training = self.training[optimizer] * self.steps
        return (self.loaded + self.batching * self.steps) / training


def cost(entry: ProblemEntry, *, steps: int) -> Cost:
    """Measure one problem.

    Raises:
        DataMissing: If its data are not there.
    """
    problem = build_problem(entry.name)
    start = time.process_time()
    problem.load(CPU)
    prepared = time.process_time()
    train = problem.load(CPU).train
    loaded = time.process_time()
    for _ in train.cut(LOOKED_AT_TOGETHER):
        pass
    batching, training = [], {}
    for name in OPTIMIZERS:
        cutting, training[name] = _loop(problem, train, name, batch=entry.batch_size, steps=steps)
        batching.append(cutting)
    return Cost(
        prepared=prepared - start,
        loaded=loaded - prepared,
        batching=statistics.mean(batching),
        training=training,
        steps=entry.epochs * math.ceil(len(train) / entry.batch_size),
    )


def _loop(
    problem: Problem, train: Split, optimizer: str, *, batch: int, steps: int
) -> tuple[float, float]:
    """Median seconds of cutting a batch and of a step."""
    torch.manual_seed(0)
    model = problem.build_model().train()
    stepper = OPTIMIZERS[optimizer](model)
    augmenting = problem if isinstance(problem, Augmenting) else None
    cutting, training = [], []
    for rows in islice(_rows(len(train), batch), UNTIMED_STEPS + steps):
        start = time.process_time()
        seen = train.take(rows)
        if augmenting is not None:
            seen = augmenting.augment(seen, rows, seed=0, epoch=0)
        cut = time.process_time()
        optimization_step(model, stepper, problem=problem, batch=seen)
        cutting.append(cut - start)
        training.append(time.process_time() - cut)
    return statistics.median(cutting[UNTIMED_STEPS:]), statistics.median(training[UNTIMED_STEPS:])


def _rows(rows: int, batch: int) -> Iterator[Tensor]:
    """The rows of mini-batches without end, each epoch in its own order."""
    for epoch in count():
        yield from torch.split(epoch_order(0, epoch, rows), batch)


def row(entry: ProblemEntry, *, steps: int) -> str:
    """A line of the table."""
    try:
        found = cost(entry, steps=steps)
    except DataMissing:
        return f"| {entry.name} | {entry.data} is missing |" + " |" * (2 + 2 * len(OPTIMIZERS))
    cells = [
        entry.name,
        f"{found.prepared:.2f}",
        f"{1e3 * found.loaded:.1f}",
        f"{1e3 * found.batching:.2f}",
    ]
    for name, seconds in found.training.items():
        cells += [f"{1e3 * seconds:.1f}", f"{found.share(name):.2%}"]
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    entries = {entry.name: entry for entry in built_in().problems}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=entries, default=list(entries))
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args(arguments)
    titles = ["problem", "made ready, s", "loaded, ms", "a batch, ms"]
    for name in OPTIMIZERS:
        titles += [f"a step of {name}, ms", "share"]
    print(f"| {' | '.join(titles)} |")
    print("| --- " * len(titles) + "|")
    for name in options.problems:
        print(row(entries[name], steps=options.steps), flush=True)


if __name__ == "__main__":
    main()
