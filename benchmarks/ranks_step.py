"""A step on two gloo ranks against one: its time, K-BFGS's phases, and the bytes that are sent.

Both take the same mini-batches; each rank has half of the rows. Every process has one thread.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn

from kbfgs import KBFGS
from service.contracts.catalogue import built_in
from workers.optimizers import build_optimizer
from workers.problems import build_problem
from workers.ranks import ALONE, Group, Ranks
from workers.ranks.parts import cut
from workers.step import optimization_step

WARM_UP = 3
OPTIMIZERS = ("kbfgs", "kfac", "adam", "sgd")


@dataclass(frozen=True)
class Timing:
    """Medians over the steps, in milliseconds, and bytes a step."""

    step: float
    phases: dict[str, float]
    curvature_bytes: int
    gradient_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranks_step", description=__doc__)
    parser.add_argument("--problem", default="mnist-5k-autoencoder")
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--optimizers", nargs="+", default=OPTIMIZERS)
    options = parser.parse_args()
    print(f"{options.problem}, mini-batches of {options.batch_size} rows, medians of a step\n")
    print("| optimizer | 1 rank, ms | 2 ranks, ms | ratio | curvature, bytes | gradients, bytes |")
    print("| --- | --- | --- | --- | --- | --- |")
    phases = []
    for name in options.optimizers:
        arguments = (name, options.problem, options.batch_size, options.steps)
        one, two = timed(*arguments, ranks=ALONE), on_two(*arguments)
        print(
            f"| {name} | {one.step:.1f} | {two.step:.1f} | {two.step / one.step:.2f} "
            f"| {two.curvature_bytes:,} | {two.gradient_bytes:,} |"
        )
        phases += [(name, key, one.phases[key], two.phases[key]) for key in one.phases]
    print("\n| optimizer | phase | 1 rank, ms | 2 ranks, ms |\n| --- | --- | --- | --- |")
    for name, key, first, second in phases:
        print(f"| {name} | {key} | {first:.1f} | {second:.1f} |")


def timed(name: str, problem_name: str, batch_size: int, steps: int, *, ranks: Ranks) -> Timing:
    """Take steps and time them on this rank."""
    torch.set_num_threads(1)
    problem = build_problem(problem_name)
    torch.manual_seed(0)
    model: nn.Module = ranks.together(problem.build_model())
    entry = built_in().optimizer(name)
    assert entry is not None
    settings = {setting.name: setting.default for setting in entry.settings}
    optimizer = build_optimizer(name, model, settings)
    parts = list(cut(problem.load(torch.device("cpu")).train, batch_size, ranks))
    times, phases = [], []
    for number in range(WARM_UP + steps):
        batch, weight = parts[number % len(parts)]
        began = time.perf_counter()
        optimization_step(model, optimizer, problem=problem, batch=batch, weight=weight)
        if number >= WARM_UP:
            times.append(1e3 * (time.perf_counter() - began))
            if isinstance(optimizer, KBFGS):
                phases.append(asdict(optimizer.diagnostics().seconds))
    sent = getattr(optimizer, "diagnostics", None)
    return Timing(
        step=statistics.median(times),
        phases={k: 1e3 * statistics.median([p[k] for p in phases]) for k in phases[0]}
        if phases
        else {},
        curvature_bytes=sent().bytes_sent if sent is not None else 0,
        gradient_bytes=sum(weight.nbytes for weight in model.parameters()),
    )


def on_two(*arguments: object) -> Timing:
    """The same on two ranks, as rank 0 has it."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_rank, (folder, arguments), nprocs=2)
        found: Timing = torch.load(Path(folder) / "timing.pt", weights_only=False)
    return found


def _rank(rank: int, folder: str, arguments: tuple[str, str, int, int]) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    timing = timed(*arguments, ranks=Group())
    if rank == 0:
        torch.save(timing, Path(folder) / "timing.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
