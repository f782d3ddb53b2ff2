"""Processes that train over gloo, for tests that compare them with one."""

from __future__ import annotations

import copy
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

from kbfgs import KBFGS, curvature_rows
from kbfgs.errors import KBFGSError
from tests.support.networks import (
    STATE_NAMES,
    closure_for,
    half_squared_error,
    linears,
    network,
    relative,
)

TIMEOUT_SECONDS = 120
Batch = tuple[Tensor, Tensor]


def run_ranks(
    scenario: Callable[..., Any], folder: Path, *args: object, ranks: int = 2
) -> list[Any]:
    """Run `scenario(rank, *args)` in a process for each rank; returns what each gave back."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_enter, args=(scenario, rank, ranks, str(folder), *args))
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT_SECONDS)
    for process in processes:
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in processes] == [0] * ranks
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(ranks)]


def _enter(scenario: Callable[..., Any], rank: int, ranks: int, folder: str, *args: object) -> None:
    os.environ.update(GLOO_SOCKET_IFNAME="lo", MASTER_ADDR="127.0.0.1", OMP_NUM_THREADS="1")
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=ranks
    )
    try:
        torch.save(scenario(rank, *args), Path(folder) / f"{rank}.pt")
        dist.barrier()
    finally:
        dist.destroy_process_group()
    # Where a gloo thread lets go of a tensor while the interpreter shuts down, torch aborts.
    sys.stdout.flush()
    os._exit(0)


def shard(batch: Batch, rank: int, *, cut: int | None) -> Batch:
    """This rank's rows: every R-th one, or with a cut the first `cut`, and the others shared."""
    x, y = batch
    ranks = dist.get_world_size()
    if cut is None:
        return x[rank::ranks], y[rank::ranks]
    if rank == 0:
        return x[:cut], y[:cut]
    return x[cut + rank - 1 :: ranks - 1], y[cut + rank - 1 :: ranks - 1]


def build(sizes: tuple[int, ...], **options: Any) -> tuple[nn.Module, KBFGS]:
    """A network in DDP with its optimizer."""
    model = DistributedDataParallel(network(*sizes))
    return model, KBFGS(model, **options)


def one_step(
    opt: KBFGS, model: nn.Module, mine: Batch, rows: int, *, weighting: str | None
) -> None:
    """A step on this rank's part of a mini-batch of `rows` rows."""
    x, y = mine
    factor = len(x) * dist.get_world_size() / rows if weighting == "loss" else 1.0

    def run(count: int) -> Tensor:
        opt.zero_grad()
        loss = factor * half_squared_error(model(x[:count]), y[:count])
        loss.backward()
        return loss

    part = curvature_rows(opt.config.curvature_fraction, len(x))
    opt.step(lambda: run(len(x)), curvature_closure=lambda: run(part))


def summed_state(opt: KBFGS) -> dict[str, Tensor]:
    """The layers' state with A summed over the ranks, where each holds a share of it."""
    result = {}
    saved = opt.state_dict()["kbfgs"]
    for name, layer in saved["layers"].items():
        for key in filter(layer.__contains__, STATE_NAMES):
            value = layer[key].clone()
            if key == "input_factor" and not saved["consolidated"]:
                dist.all_reduce(value)
            result[f"{name}.{key}"] = value
    return result


def free_run(
    rank: int,
    sizes: tuple[int, ...],
    batches: list[Batch],
    cuts: list[int | None],
    options: dict[str, Any],
) -> list[dict[str, Tensor]]:
    """Warm start, then a step on each mini-batch; weights and state after every step."""
    model, opt = build(sizes, **options)
    with opt.warm_start():
        for batch, cut in zip(batches[:3], cuts, strict=False):
            model(shard(batch, rank, cut=cut)[0])
    history = []
    for batch, cut in zip(batches, cuts, strict=True):
        mine = shard(batch, rank, cut=cut)
        one_step(opt, model, mine, len(batch[0]), weighting=options.get("row_weighting"))
        weights = {name: p.detach().clone() for name, p in model.module.named_parameters()}
        history.append(weights | summed_state(opt))
    return history


def restarted_run(
    rank: int,
    sizes: tuple[int, ...],
    batches: list[Batch],
    cuts: list[int | None],
    options: dict[str, Any],
    trajectory: list[dict[str, Any]],
) -> float:
    """Each step from one rank's state; the largest relative difference after any step."""
    model, opt = build(sizes, **options)
    worst = 0.0
    for index, (batch, cut) in enumerate(zip(batches, cuts, strict=True)):
        start, end = trajectory[index], trajectory[index + 1]
        model.module.load_state_dict(start["model"])
        opt.load_state_dict(start["opt"])
        mine = shard(batch, rank, cut=cut)
        one_step(opt, model, mine, len(batch[0]), weighting=options.get("row_weighting"))
        found = dict(model.module.state_dict()) | summed_state(opt)
        wanted = dict(end["model"]) | flat_state(end["opt"])
        worst = max(worst, *(relative(found[key], wanted[key]) for key in found))
    return worst


def flat_state(state: dict[str, Any]) -> dict[str, Tensor]:
    """The layers' state of a one-rank state_dict, named as in `summed_state`."""
    layers = state["kbfgs"]["layers"]
    return {
        f"{name}.{key}": layer[key]
        for name, layer in layers.items()
        for key in filter(layer.__contains__, STATE_NAMES)
    }


def error_of(rank: int, sizes: tuple[int, ...], batch: Batch, cut: int) -> str:
    """What a step on uneven rows without any weighting says."""
    model, opt = build(sizes)
    before = [p.detach().clone() for p in model.parameters()]
    try:
        one_step(opt, model, shard(batch, rank, cut=cut), len(batch[0]), weighting=None)
    except KBFGSError as error:
        unchanged = all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
        return f"{type(error).__name__}: {error} unchanged={unchanged}"
    return "no error"


def refused_settings(rank: int, sizes: tuple[int, ...]) -> dict[str, str]:
    """What settings say under which the ranks would drift apart."""
    found = {}
    attempts: dict[str, Callable[[], KBFGS]] = {
        "plain model": lambda: KBFGS(network(*sizes)),
        "reduce=None in DDP": lambda: KBFGS(DistributedDataParallel(network(*sizes)), reduce=None),
        "independent ranks": lambda: KBFGS(network(*sizes), reduce=None),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
            found[name] = "accepted"
        except KBFGSError as error:
            found[name] = str(error)
    return found


def resumed_run(
    rank: int, sizes: tuple[int, ...], batches: list[Batch]
) -> tuple[bool, int, int, list[str]]:
    """Whether a run that is saved and loaded halfway ends with the same bits.

    Also the bytes sent for curvature in one step, the bytes of the gradients, and which layers
    exist.
    """
    model, opt = build(sizes)
    half = len(batches) // 2
    for batch in batches[:half]:
        one_step(opt, model, shard(batch, rank, cut=None), len(batch[0]), weighting=None)
    twin, twin_opt = build(sizes)
    twin.load_state_dict(model.state_dict())
    twin_opt.load_state_dict(opt.state_dict())
    for each, each_opt in ((model, opt), (twin, twin_opt)):
        for batch in batches[half:]:
            mine = shard(batch, rank, cut=None)
            one_step(each_opt, each, mine, len(batch[0]), weighting=None)
    same = all(
        torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )
    gradients = sum(p.numel() * p.element_size() for p in model.parameters())
    return same, opt.diagnostics().bytes_sent, gradients, list(linears(model.module))


def buffers_and_broadcasts(rank: int) -> dict[str, Any]:
    """Batch norm under DDP: what the ranks' buffers are after two steps, and who broadcasts."""
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).double()
    # With find_unused_parameters DDP would reduce in a second run that is not under no_sync.
    model = DistributedDataParallel(inner, find_unused_parameters=True)
    opt = KBFGS(model)
    broadcasts = []
    original = model._sync_buffers

    def counting() -> None:
        broadcasts.append(opt.in_second_pass)
        original()

    model._sync_buffers = counting  # type: ignore[method-assign]
    reductions = []

    def average(_state, bucket):  # type: ignore[no-untyped-def]
        reductions.append(opt.in_second_pass)
        return default_hooks.allreduce_hook(None, bucket)

    model.register_comm_hook(None, average)
    generator = torch.Generator().manual_seed(5 + rank)
    for _ in range(3):
        x = torch.randn(8, 4, dtype=torch.float64, generator=generator)
        opt.step(closure_for(opt, model, x, x[:, :2]))
    norm = inner[1]
    last = inner[3].weight.grad
    kept = last is not None and bool(last.norm() > 0)
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.num_batches_tracked is not None
    return {
        "broadcasts": broadcasts,
        "reductions": reductions,
        "batches": int(norm.num_batches_tracked),
        "kept": kept,
    }


def consolidated_run(rank: int, sizes: tuple[int, ...], batches: list[Batch]) -> dict[str, Any]:
    """States after some steps: this rank's own, and the consolidated one, as rank 0 saves it."""
    model, opt = build(sizes)
    for batch in batches:
        one_step(opt, model, shard(batch, rank, cut=None), len(batch[0]), weighting=None)
    own = copy.deepcopy(opt.state_dict())
    opt.consolidate()
    whole = copy.deepcopy(opt.state_dict())
    one_step(opt, model, shard(batches[0], rank, cut=None), len(batches[0][0]), weighting=None)
    after = opt.state_dict()["kbfgs"]["consolidated"]
    return {"own": own, "whole": whole, "after": after, "model": model.module.state_dict()}


def loaded_run(
    rank: int, sizes: tuple[int, ...], start: dict[str, Any], batches: list[Batch]
) -> dict[str, Tensor]:
    """Steps from a saved model and optimizer; weights and state at the end."""
    model, opt = build(sizes)
    model.module.load_state_dict(start["model"])
    opt.load_state_dict(start["opt"])
    for batch in batches:
        one_step(opt, model, shard(batch, rank, cut=None), len(batch[0]), weighting=None)
    return dict(model.module.state_dict()) | summed_state(opt)


def bytes_of_step(
    rank: int, networks: dict[str, tuple[int, ...]], reduce: str
) -> dict[str, tuple[int, int]]:
    """For float32 networks: bytes sent for curvature in the second step, and the gradients'."""
    found = {}
    for name, sizes in networks.items():
        model = DistributedDataParallel(network(*sizes, dtype=torch.float32))
        opt = KBFGS(model, reduce=reduce)
        x = torch.rand(4, sizes[0], generator=torch.Generator().manual_seed(rank))
        for _ in range(2):
            one_step(opt, model, (x, x[:, : sizes[-1]]), 8, weighting=None)
        gradients = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
        found[name] = (opt.diagnostics().bytes_sent, gradients)
    return found
