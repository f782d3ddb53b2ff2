"""A step on two gloo ranks against one: its time by phase, and the bytes that are sent.

Both take the same mini-batches; each rank has half of the rows. Every process has one thread.
Gradients travel during the first pass, so that their part of it is not told apart.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn

from service.contracts.catalogue import built_in
from service.contracts.usage import Phase, Usage
from workers.memory import PeakMemory
from workers.optimizers import build_optimizer
from workers.problems import build_problem
from workers.ranks import ALONE, Group, Ranks
from workers.ranks.parts import cut
from workers.step import optimization_step
from workers.usage import UsageMeter

WARM_UP = 3
OPTIMIZERS = ("kbfgs", "kbfgs-l", "kfac", "adam", "sgd")


@dataclass(frozen=True)
class Timing:
    """Medians over the steps, in milliseconds, and bytes a step."""

    step: float
    phases: dict[Phase, float]
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
        phases += [
            (name, phase, one.phases.get(phase, 0.0), value) for phase, value in two.phases.items()
        ]
    print("\n| optimizer | phase | 1 rank, ms | 2 ranks, ms |\n| --- | --- | --- | --- |")
    for name, phase, first, second in phases:
        print(f"| {name} | {phase.words} | {first:.1f} | {second:.1f} |")


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
    times: list[float] = []
    taken: list[Usage] = []
    memory = PeakMemory(torch.device("cpu"))
    for number in range(WARM_UP + steps):
        batch, weight = parts[number % len(parts)]
        meter = UsageMeter(optimizer, model, memory=memory)
        began = time.perf_counter()
        result = optimization_step(
            model, optimizer, problem=problem, batch=batch, weight=weight, clock=meter.clock
        )
        seconds = time.perf_counter() - began
        meter.add_step(result.reductions)
        if number >= WARM_UP:
            times.append(1e3 * seconds)
            taken.append(meter.read())
    return Timing(
        step=statistics.median(times),
        phases=_phases(taken),
        curvature_bytes=taken[-1].curvature_bytes,
        gradient_bytes=taken[-1].gradient_bytes,
    )


def _phases(steps: Sequence[Usage]) -> dict[Phase, float]:
    """Medians in milliseconds of the phases that the optimizer has."""
    medians = {
        phase: 1e3 * statistics.median(step.phases.get(phase, 0.0) for step in steps)
        for phase in Phase
    }
    told = {phase for step in steps for phase in step.phases}
    return {phase: value for phase, value in medians.items() if phase in told}


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
