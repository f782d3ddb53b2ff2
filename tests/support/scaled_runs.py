"""Runs of KBFGS and KFAC whose losses a gradient scaler scales, on one rank or under DDP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel

from kbfgs import KBFGS, KFAC, curvature_rows
from tests.support.gloo_ranks import Batch, shard
from tests.support.networks import half_squared_error, network


def float16() -> torch.autocast:
    """Autocast in float16 on the CPU."""
    return torch.autocast("cpu", dtype=torch.float16)


@dataclass
class ScaledRun:
    """A training run.

    Attributes:
        model: The model, possibly in DDP.
        opt: Its optimizer.
        scaler: What the losses are scaled by, or None.
        precision: What each forward runs in.
        again: Whether K-FAC's fisher_closure runs the model once more.
        clip: Called after the last backward of a closure.
        overflow: Where gradients become infinite: in the "first" run of the closure, or in the
            "second", which is also K-FAC's backward from sampled targets.
    """

    model: nn.Module
    opt: KBFGS | KFAC
    scaler: GradScaler | None = None
    precision: Callable[[], AbstractContextManager[Any]] = nullcontext
    again: bool = False
    clip: Callable[[], object] | None = None
    overflow: str | None = None
    _outputs: Tensor = field(default_factory=lambda: torch.empty(0))

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The mean loss in the dtype of the targets."""
        with self.precision():
            self._outputs = self.model(x)
        second = isinstance(self.opt, KBFGS) and self.opt.in_second_pass
        return self._loss_of_outputs(y, run="second" if second else "first")

    def closure(self, x: Tensor, y: Tensor, *, parts: int = 1) -> Callable[[], Tensor]:
        """The closure of a loop with a scaler, over so many micro-batches."""

        def run() -> Tensor:
            self.opt.zero_grad()
            total = torch.zeros((), dtype=y.dtype, device=y.device)
            for inputs, targets in zip(x.chunk(parts), y.chunk(parts), strict=True):
                loss = self.loss(inputs, targets) / parts
                scaled = loss if self.scaler is None else self.scaler.scale(loss)
                scaled.backward(retain_graph=isinstance(self.opt, KFAC) and not self.again)
                total += loss.detach()
            if self.clip is not None:
                self.clip()
            return total

        return run

    def step(self, x: Tensor, y: Tensor, *, parts: int = 1) -> float:
        """One step and the scaler's update; the loss."""
        closure = self.closure(x, y, parts=parts)
        if isinstance(self.opt, KFAC):
            loss = self.opt.step(closure, lambda: self._fisher_loss(x, y))
        else:
            rows = curvature_rows(self.opt.config.curvature_fraction, len(x))
            loss = self.opt.step(closure, self.closure(x[:rows], y[:rows], parts=parts))
        if self.scaler is not None:
            self.scaler.update()
        return float(loss)

    def _fisher_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The loss on targets that stand for sampled ones."""
        if self.again:
            with self.precision():
                self._outputs = self.model(x)
        return self._loss_of_outputs(-y, run="second")

    def _loss_of_outputs(self, y: Tensor, *, run: str) -> Tensor:
        outputs = self._outputs
        if self.overflow == run:
            outputs = outputs.clone()  # whose hook acts before those of the last layer
            outputs.register_hook(lambda gradient: torch.full_like(gradient, torch.inf))
        return half_squared_error(outputs.to(y.dtype), y)

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of all weights and of the optimizer's state, by name."""
        saved = self.opt.state_dict()
        weights = self.model.named_parameters()
        found = {f"model.{n.removeprefix('module.')}": p.detach().clone() for n, p in weights}
        for name, layer in saved["kbfgs"]["layers"].items():
            found |= {f"{name}.{key}": value.clone() for key, value in layer.items()}
        for index, state in saved["inner"]["state"].items():
            found |= {f"inner.{index}.{key}": value.clone() for key, value in state.items()}
        numbers = {"steps": saved["kbfgs"]["steps"], **saved["kbfgs"].get("ratio_test", {})}
        return found | {key: torch.tensor(value) for key, value in numbers.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two snapshots have the same names and bits."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def run_of_a_rank(
    rank: int,
    sizes: tuple[int, ...],
    batches: Sequence[Batch],
    overflows: dict[str, list[str | None]],
) -> dict[str, list[tuple[float, int, dict[str, Tensor]]]]:
    """Both methods under DDP; rank 1 alone overflows, as told for each step.

    Returns:
        For each method the scale, the skipped steps and a snapshot after each step.
    """
    history: dict[str, list[tuple[float, int, dict[str, Tensor]]]] = {}
    for method in (KBFGS, KFAC):
        model, scaler = DistributedDataParallel(network(*sizes)), GradScaler("cpu")
        run = ScaledRun(model, method(model, lr=0.1, damping=0.3, grad_scaler=scaler), scaler)
        kept = history[method.__name__] = []
        for batch, overflow in zip(batches, overflows[method.__name__], strict=True):
            run.overflow = overflow if rank == 1 else None
            run.step(*shard(batch, rank, cut=None))
            skipped = run.opt.diagnostics().overflowed_steps
            kept.append((scaler.get_scale(), skipped, run.snapshot()))
    return history
