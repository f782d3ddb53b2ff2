"""Time, memory and messages of an optimizer step on the MNIST autoencoder, SGD's step being 1.

The optimizers take turns, step by step, in one process, so that a busy machine slows all alike:

    OMP_NUM_THREADS=1 python -m benchmarks.optimizer_step [--rounds 3] [--only K-BFGS Adam] \
        [--device cuda] [--json FILE]

A round is twenty steps of each, so that work done every tenth or twentieth step counts with its
share. The pictures are drawn, so that training on them gets somewhere as on real ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks import operations
from benchmarks.autoencoder import MNIST_SIZES, autoencoder, drawn_pictures
from benchmarks.contenders import CONTENDERS, Trainer
from kbfgs import KBFGS, KFAC

WAITS = {"cuda": ("Synchronize", "Memcpy DtoH"), "cpu": ("aten::_local_scalar_dense",)}
"""What a profiler calls it where the host waits; on a CPU the reading of a number from a tensor."""

MINI_BATCHES = 20


@dataclass(frozen=True)
class Row:
    """One optimizer beside SGD.

    Attributes:
        name: Its name in the table of contenders.
        milliseconds: Median over the rounds of a step's mean time.
        ratio: Median over the rounds of the mean step in units of SGD's mean in that round.
        best_ratio: The fastest round in units of SGD's fastest round.
        cpu_ratio: As `ratio`, in CPU-seconds of this process.
        state_bytes: Bytes of the tensors that the optimizer keeps between steps.
        waits: Calls in one step that wait for the device on CUDA, by name.
    """

    name: str
    milliseconds: float
    ratio: float
    best_ratio: float
    cpu_ratio: float
    state_bytes: int
    waits: dict[str, int]


@dataclass(frozen=True)
class PhaseRow:
    """One phase of a step, in units of SGD's step.

    Attributes:
        name: A field of `PhaseSeconds`.
        measured: Mean time.
        counted: Floating-point operations; None where none are counted.
    """

    name: str
    measured: float
    counted: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    pictures = drawn_pictures(MINI_BATCHES * options.batch, options.sizes[0]).to(device)
    batches = pictures.split(options.batch)
    names = ["SGD", *(name for name in options.only if name != "SGD")]
    trainers = {name: _trainer(name, options.sizes, device) for name in names}
    for name, trainer in trainers.items():
        for step in range(CONTENDERS[name].early_steps):
            trainer.step(batches[step % MINI_BATCHES])
    phases: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    rounds = [_round(trainers, batches, phases, steps=options.steps) for _ in range(options.rounds)]
    rows = [_row(name, trainers[name], rounds, batches[0]) for name in names]
    layers = operations.shapes(options.sizes)
    step_seconds = rows[0].milliseconds / 1e3
    by_phase = {
        name: _phase_rows(name, phases[name], layers, options.batch, step_seconds)
        for name in names
        if phases[name]
    }
    wire = _wire(layers)
    print(f"batch {options.batch}, {device}, {torch.get_num_threads()} thread(s)")
    _print_rows(rows)
    for name, table in by_phase.items():
        _print_phases(name, table)
    _print_wire(wire)
    if options.json is not None:
        result = {
            "device": str(device),
            "threads": torch.get_num_threads(),
            "batch": options.batch,
            "rows": [asdict(row) for row in rows],
            "phases": {name: [asdict(row) for row in table] for name, table in by_phase.items()},
            "bytes": wire,
        }
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="steps of each in a round")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(MNIST_SIZES))
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the tables to this file")
    return parser


def _trainer(name: str, sizes: Sequence[int], device: torch.device) -> Trainer:
    contender = CONTENDERS[name]
    return contender.build(autoencoder(sizes).to(device), contender.points[0])


Round = dict[str, tuple[float, float]]


def _round(
    trainers: dict[str, Trainer],
    batches: Sequence[Tensor],
    phases: dict[str, list[dict[str, float]]],
    *,
    steps: int,
) -> Round:
    """Wall and CPU seconds of a mean step of each; notes the phases of each K-BFGS step."""
    wall = dict.fromkeys(trainers, 0.0)
    cpu = dict.fromkeys(trainers, 0.0)
    for step in range(steps):
        batch = batches[step % len(batches)]
        for name, trainer in trainers.items():
            seconds, cpu_seconds = timed(partial(trainer.step, batch), batch.device)
            wall[name] += seconds
            cpu[name] += cpu_seconds
            if isinstance(trainer.optimizers[0], KBFGS | KFAC):
                phases[name].append(asdict(trainer.optimizers[0].diagnostics().seconds))
    return {name: (wall[name] / steps, cpu[name] / steps) for name in trainers}


def timed(step: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Wall and CPU seconds of one step; on CUDA until the device has done it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start, cpu_start = time.perf_counter(), time.process_time()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, time.process_time() - cpu_start


def _row(name: str, trainer: Trainer, rounds: Sequence[Round], batch: Tensor) -> Row:
    walls = [one[name][0] for one in rounds]
    return Row(
        name=name,
        milliseconds=1e3 * statistics.median(walls),
        ratio=statistics.median(one[name][0] / one["SGD"][0] for one in rounds),
        best_ratio=min(walls) / min(one["SGD"][0] for one in rounds),
        cpu_ratio=statistics.median(one[name][1] / one["SGD"][1] for one in rounds),
        state_bytes=state_bytes(trainer),
        waits=waits(lambda: trainer.step(batch), batch.device),
    )


def state_bytes(trainer: Trainer) -> int:
    """Bytes of all tensors that the optimizers keep, the parameters and gradients left out."""
    theirs = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}
    kept = {}
    for optimizer in trainer.optimizers:
        for tensor in _tensors(vars(optimizer), set()):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in theirs:
                kept[storage.data_ptr()] = storage.nbytes()
    return sum(kept.values())


def _tensors(value: Any, seen: set[int]) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    inside: list[Any] = []
    if isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, list | tuple):
        inside = list(value)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        inside = list(vars(value).values())
    for one in inside:
        yield from _tensors(one, seen)


def waits(step: Callable[[], object], device: torch.device) -> dict[str, int]:
    """What waits for the device in one step, by the profiler; empty is what a step should be.

    On CUDA the waits of the profiler itself are left out, and numbers that are read from tensors
    on the host are none. On a CPU it counts these, which cost nothing there: KBFGS reads its
    verdicts at once on a CPU and every fiftieth step on CUDA.
    """
    return dict(_waits(step, device) - _waits(lambda: None, device))


def _waits(step: Callable[[], object], device: torch.device) -> Counter[str]:
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
        torch.cuda.synchronize(device)
    with profile(activities=activities) as seen:
        step()
    return Counter(
        {
            event.key: event.count
            for event in seen.key_averages()
            if any(name in event.key for name in WAITS[device.type])
        }
    )


def _phase_rows(
    name: str,
    seconds: Sequence[dict[str, float]],
    layers: Sequence[operations.Shape],
    rows: int,
    step_seconds: float,
) -> list[PhaseRow]:
    count = CONTENDERS[name].count
    counted = {} if count is None else count(layers, rows)
    base = operations.gradient(layers, rows)
    return [
        PhaseRow(
            phase,
            statistics.fmean(one[phase] for one in seconds) / step_seconds,
            counted[phase] / base if phase in counted else None,
        )
        for phase in seconds[0]
    ]


def _wire(layers: Sequence[operations.Shape]) -> dict[str, int]:
    return {
        "gradient": operations.gradient_bytes(layers),
        "K-BFGS": operations.vector_bytes(layers, ranks=2),
        "K-FAC": operations.kfac_bytes(layers),
    }


def _print_rows(rows: Sequence[Row]) -> None:
    print(f"{'optimizer':<16}{'ms':>8}{'ratio':>8}{'best':>8}{'CPU':>8}{'state MB':>10}  waits")
    for row in rows:
        print(
            f"{row.name:<16}{row.milliseconds:>8.1f}{row.ratio:>8.2f}{row.best_ratio:>8.2f}"
            f"{row.cpu_ratio:>8.2f}{row.state_bytes / 1e6:>10.1f}  {row.waits or 'none'}"
        )


def _print_phases(name: str, table: Sequence[PhaseRow]) -> None:
    print(f"\n{name} by phase, SGD's step = 1 (mean time; counted operations)")
    for row in table:
        counted = "" if row.counted is None else f"{row.counted:>8.2f}"
        print(f"  {row.name:<16}{row.measured:>8.2f}{counted}")
    total = sum(row.counted for row in table if row.counted is not None)
    print(f"  {'total':<16}{sum(row.measured for row in table):>8.2f}{total:>8.2f}")


def _print_wire(wire: dict[str, int]) -> None:
    print("\nbytes a step sends between 2 ranks, computed")
    for name, count in wire.items():
        print(f"  {name:<16}{count:>12,}  {100 * count / wire['gradient']:>7.2f} % of the gradient")


if __name__ == "__main__":
    main()
