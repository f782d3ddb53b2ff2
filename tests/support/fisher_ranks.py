"""K-FAC in two processes, for tests that compare them with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kbfgs import KFAC, merge_states
from tests.support.networks import half_squared_error, network

WORLD_SIZE = 2
SampledBatch = tuple[Tensor, Tensor, Tensor]


def sampled_loss(targets: Iterator[Tensor]) -> Callable[[Tensor], Tensor]:
    """The fisher_loss of a warm start with given targets."""
    return lambda outputs: half_squared_error(outputs, next(targets))


def train(
    model: nn.Module, opt: KFAC, batches: list[SampledBatch], factors: list[float], *, again: bool
) -> list[dict[str, Any]]:
    """Warm start, then a step on each mini-batch; weights, layers' state and bytes after each."""
    with opt.warm_start(sampled_loss(iter([sampled for _, _, sampled in batches[:2]]))):
        for x, _, _ in batches[:2]:
            model(x)
    history = []
    for (x, y, sampled), factor in zip(batches, factors, strict=True):
        outputs: list[Tensor] = []

        def closure(x: Tensor = x, y: Tensor = y, factor: float = factor) -> Tensor:
            opt.zero_grad()
            outputs[:] = [model(x)]  # noqa: B023 - called within this step
            loss = factor * half_squared_error(outputs[0], y)  # noqa: B023
            loss.backward(retain_graph=not again)
            return loss

        def fisher_closure(x: Tensor = x, sampled: Tensor = sampled) -> Tensor:
            return half_squared_error(model(x) if again else outputs[0], sampled)  # noqa: B023

        opt.step(closure, fisher_closure)
        saved = opt.state_dict()["kbfgs"]["layers"]
        history.append(
            {name: p.detach().clone() for name, p in model.named_parameters()}
            | {f"{n}.{key}": v.clone() for n, layer in saved.items() for key, v in layer.items()}
            | {"bytes": opt.diagnostics().bytes_sent}
        )
    return history


def two_ranks(
    rank: int,
    sizes: tuple[int, ...],
    batches: list[SampledBatch],
    cut: int | None,
    options: dict[str, Any],
    again: bool,
) -> list[dict[str, Any]]:
    """Every second row on each rank, or those on one side of `cut`; shares are summed."""
    model = DistributedDataParallel(network(*sizes))
    opt = KFAC(model, **options)
    rows = slice(rank, None, WORLD_SIZE)
    if cut is not None:
        rows = slice(0, cut) if rank == 0 else slice(cut, None)
    mine = [(x[rows], y[rows], sampled[rows]) for x, y, sampled in batches]
    by_loss = options.get("row_weighting") == "loss"
    factors = [
        len(part[0]) * WORLD_SIZE / len(whole[0]) if by_loss else 1.0
        for part, whole in zip(mine, batches, strict=True)
    ]
    history = train(model, opt, mine, factors, again=again)
    for values in history:
        for name in [key for key in values if key.endswith("_factor")]:
            dist.all_reduce(values[name])
    saved: list[Any] = [None] * WORLD_SIZE
    dist.all_gather_object(saved, opt.state_dict())
    merged = merge_states(saved)["kbfgs"]["layers"]
    again_opt = KFAC(model, **{key: v for key, v in options.items() if key != "row_weighting"})
    again_opt.load_state_dict(merge_states(saved))
    loaded = again_opt.state_dict()["kbfgs"]["layers"]
    for name, layer in merged.items():
        for key in ("input_factor", "output_factor"):
            history[-1][f"merged {name}.{key}"] = layer[key]
            total = loaded[name][key].clone()
            dist.all_reduce(total)
            history[-1][f"loaded {name}.{key}"] = total
    return [{k.removeprefix("module."): v for k, v in values.items()} for values in history]


def one_rank(
    sizes: tuple[int, ...], batches: list[SampledBatch], options: dict[str, Any]
) -> list[dict[str, Any]]:
    """The same in this process alone, with all rows."""
    torch.set_num_threads(1)
    model = network(*sizes)
    return train(model, KFAC(model, **options), batches, [1.0] * len(batches), again=False)
