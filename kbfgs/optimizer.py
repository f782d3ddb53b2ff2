"""K-BFGS as a `torch.optim.Optimizer`: the steps of the algorithm, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from kbfgs.capture import LayerRecord
from kbfgs.config import (
    Ablation,
    KBFGSConfig,
    Reduce,
    RowWeighting,
    Safeguard,
)
from kbfgs.diagnostics import Diagnostics, layer_diagnostics
from kbfgs.distributed.ddp import average_by_rows
from kbfgs.distributed.exchange import FirstMeans
from kbfgs.errors import ClosureError
from kbfgs.head_reuse import HeadReuse
from kbfgs.kronecker import KroneckerOptimizer
from kbfgs.passes import Closure, TwoPasses
from kbfgs.precision import keeps_precision
from kbfgs.preconditioned import StepSettings
from kbfgs.preconditioner import Judge, Preconditioner
from kbfgs.ratio_test import RatioTest


class KBFGS(KroneckerOptimizer[Preconditioner]):
    """Kronecker-factored quasi-Newton (Goldfarb, Ren, Bahamou 2020) for any model.

    Linear and Conv2d layers get the step H_g M H_a, all other parameters an inner AdamW. There
    are always two parameter groups: the preconditioned parameters, with `lr`, and the others,
    with `other_lr`; schedulers act on both.

    Args:
        model: The model, or its DistributedDataParallel wrapper. Move it to its device and freeze
            what is to be frozen first; compile it afterwards.
        lr: Step size α of the preconditioned layers.
        damping: λ.
        momentum: Decay of the gradient's moving average.
        factor_decay: Decay of the moving averages of A, s and y.
        weight_decay: τ.
        powell: μ₁.
        other_lr: Learning rate of the inner AdamW.
        safeguard: Limits of a step; None is the paper exactly.
        reduce: What ranks exchange under DDP.
        row_weighting: Who corrects DDP's average when the ranks' rows differ.
        max_factor_dim: Layers with a larger input side go to the inner AdamW.
        memory: p; K-BFGS(L) keeps the last p pairs instead of H_g.
        ablation: Parts of the method that are left out.
        curvature_fraction: f; A, h and g over the first ⌈f·B⌉ of B rows, by `curvature_closure`.
        update_every: T; A, H_a and H_g change, by a second pass, in every T-th step alone.
        grad_scaler: A `torch.amp.GradScaler`: the closures scale their losses by it and may run in
            float16; the optimizer unscales, and skips a step that overflows.

    Raises:
        ConfigurationError: An option is out of its bounds or not supported.
        UnsupportedModelError: No layer can be preconditioned.
    """

    forms_output_factor = False
    method = "K-BFGS"

    def __init__(
        self,
        model: nn.Module,
        lr: float = 0.3,
        damping: float = 0.3,
        *,
        momentum: float = 0.9,
        factor_decay: float = 0.9,
        weight_decay: float = 0.0,
        powell: float = 0.2,
        other_lr: float = 1e-3,
        safeguard: Safeguard | None = Safeguard(),  # noqa: B008 - frozen, so safe to share
        reduce: str | None = Reduce.VECTORS.value,
        row_weighting: str | None = None,
        max_factor_dim: int = 8192,
        memory: int | None = None,
        ablation: Ablation | None = None,
        curvature_fraction: float = 1.0,
        update_every: int = 1,
        grad_scaler: GradScaler | None = None,
    ) -> None:
        self.config = KBFGSConfig(
            lr=lr, damping=damping, momentum=momentum, factor_decay=factor_decay,
            weight_decay=weight_decay, powell=powell, other_lr=other_lr, safeguard=safeguard,
            reduce=reduce, row_weighting=row_weighting, max_factor_dim=max_factor_dim,
            memory=memory, ablation=ablation,
            curvature_fraction=curvature_fraction, update_every=update_every,
        )  # fmt: skip
        weighting = None if row_weighting is None else RowWeighting(row_weighting)
        super().__init__(
            model,
            self.config,
            StepSettings,
            partial(
                Preconditioner,
                curvature=self.config.curvature,
                safeguard=safeguard,
                weighting=weighting,
                reduce=reduce,
            ),
            grad_scaler=grad_scaler,
        )
        self._passes = TwoPasses(
            model,
            self._capture,
            self._checks,
            scaling=self._scaling,
            fraction=self.config.curvature_fraction,
        )
        self._ratio_test: RatioTest | None = None
        if safeguard is not None and safeguard.min_ratio is not None:
            self._ratio_test = RatioTest(
                min_ratio=safeguard.min_ratio,
                recovery=safeguard.recovery,
                device=self.param_groups[0]["params"][0].device,
            )
        if weighting is RowWeighting.HOOK:
            average_by_rows(model, self._capture.rows_so_far)

    @property
    def in_second_pass(self) -> bool:
        """Whether the model is being run again on the mini-batch of this step, or a part of it."""
        return self._capture.run.repeats

    @torch.no_grad()
    @keeps_precision
    def step(  # type: ignore[override]
        self, closure: Closure | None = None, curvature_closure: Closure | None = None
    ) -> Tensor:
        """Take one step on one mini-batch; the closure is run twice.

        With `curvature_fraction` < 1 the closure is run once, and `curvature_closure` before the
        step and after it. Where `update_every` skips the curvature, the closure is run once.

        Metrics, `scheduler.step()` and `next(loader)` belong outside of the closure.

        Args:
            closure: Clears the gradients, computes the mean loss over the mini-batch, calls
                backward on it and returns it.
            curvature_closure: Does the same as the closure on the first ⌈f·B⌉ of its B rows, f
                being `curvature_fraction`.

        Returns:
            The loss at the weights before the step, as the closure returned it. `p.grad` holds
            the gradient there.

        Raises:
            ClosureError: The closure does not do that.
            NonFiniteLossError: The loss is NaN or infinite.
            DistributedError: Uneven rows that nobody weights.
            UnsupportedModelError: A layer is called in a way that is not supported.
        """
        if closure is None:
            raise ClosureError("KBFGS.step needs a closure, as torch.optim.LBFGS does")
        second_closure = self._second_closure(closure, curvature_closure)
        learns = self._steps % self.config.update_every == 0
        settings = self._settings()
        self._begin_step(reduce=self.config.reduce)
        with self._clock.phase("first_pass"):
            first = self._passes.first(closure, self._preconditioner.adapters)
            if self._scaling.overflowed():
                return self._skip_step(first.loss)
            self._settle_layers(first)
            if learns and self.config.curvature_fraction < 1:
                adapters = {a.name: a for a in self._preconditioner.adapters}
                first = self._passes.sample(second_closure, first, adapters)
        with self._clock.phase("input_factors"):
            means = self._preconditioner.exchange_first(first)
            self._require_finite(means.loss)
            if learns:
                self._preconditioner.learn_inputs(first, means, settings, step=self._steps)
        with self._clock.phase("direction"):
            capped = self._move(means.loss, settings)
        if learns:
            with self._clock.phase("second_pass"):
                records = {n: first.curvature_records[n] for n in self._preconditioner.layers}
                second = self._passes.second(second_closure, records)
            with self._clock.phase("curvature"):
                judge = self._judge(means, dtype=first.loss.dtype)
                after = self._preconditioner.learn_curvature(second, means, settings, judge=judge)
                gradients = (a.gradients for a in (*means.layers, *after.layers))
                self._scaling.report(after.loss, gradients)
        self._finish_step(capped)
        return first.loss

    def consolidate(self) -> None:
        """Make the next `state_dict()` of any one rank fit any number of ranks.

        A collective: every rank calls it, between two steps. It holds until the next step.
        """
        self._preconditioner.consolidate()

    def state_dict(self) -> dict[str, Any]:
        """This rank's state; never communicates.

        The factors keep their dtype. Continuing from it is bit for bit the same run.
        """
        packed = super().state_dict()
        reuse = self._passes.head_reuse
        packed["kbfgs"]["head_reuse"] = {"heads": list(reuse.heads), "used": reuse.used}
        if self._ratio_test is not None:
            packed["kbfgs"]["ratio_test"] = self._ratio_test.values()
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave on the same rank of as many ranks.

        Raises:
            StateError: The state is of another model, rank or number of ranks.
        """
        super().load_state_dict(state_dict)
        self._passes.head_reuse = HeadReuse(**state_dict["kbfgs"].get("head_reuse", {}))
        if self._ratio_test is not None:
            self._ratio_test.load(**state_dict["kbfgs"].get("ratio_test", {}))

    def _move(self, loss: Tensor, settings: StepSettings) -> Tensor | None:
        """Step all parameters; tells whether the safeguard scaled the step down."""
        test = self._ratio_test
        if test is None:
            capped = self._preconditioner.move(loss, settings)
            self._step_inner()
            return capped
        preconditioned, others = (group["params"] for group in self.param_groups)
        test.begin([*preconditioned, *others], self._inner)
        capped = self._preconditioner.move(loss, settings, part=test.scale)
        self._step_inner()
        test.shorten(others)
        return capped

    def _judge(self, means: FirstMeans, *, dtype: torch.dtype) -> Judge | None:
        """From the loss of the curvature rows after the step to whether it stands."""
        if self._ratio_test is None:
            return None
        before, unit = means.curvature_loss, torch.finfo(dtype).eps
        return partial(self._ratio_test.settle, before, unit=unit)

    def _second_closure(self, closure: Closure, curvature_closure: Closure | None) -> Closure:
        """What is run again: by default the closure itself."""
        if curvature_closure is None and self.config.curvature_fraction < 1:
            raise ClosureError(
                f"curvature_fraction={self.config.curvature_fraction} needs a second closure: call "
                "step(closure, curvature_closure=...), which runs the first rows of the same batch"
            )
        return curvature_closure or closure

    def diagnostics(self) -> Diagnostics:
        """How the optimizer stands; reads the device, and never communicates."""
        self._checks.read()
        several = self._preconditioner.communicator.world_size > 1
        damping = None if several else self._settings().damping
        return Diagnostics(
            steps=self._steps,
            capped_steps=int(self._capped),
            rejected_steps=0 if self._ratio_test is None else int(self._ratio_test.rejected),
            overflowed_steps=self._overflowed,
            step_scale=1.0 if self._ratio_test is None else float(self._ratio_test.scale),
            seconds=self.phase_seconds,
            bytes_sent=self.bytes_sent,
            layers=tuple(
                layer_diagnostics(name, layer.state, damping=damping)
                for name, layer in self._preconditioner.layers.items()
            ),
            first_order=tuple(self._first_order),
        )

    @property
    def _consolidated(self) -> bool:
        return self._preconditioner.consolidated

    def _saved_layers(self) -> dict[str, dict[str, Tensor]]:
        return self._preconditioner.saved_layers()

    def _load_layers(self, saved: Mapping[str, dict[str, Tensor]], *, consolidated: bool) -> None:
        self._preconditioner.load_layers(saved, consolidated=consolidated)

    def _settings(self) -> StepSettings:
        group = self.param_groups[0]
        return StepSettings(**{f.name: float(group[f.name]) for f in fields(StepSettings)})

    def _start_from(self, records: Mapping[str, LayerRecord]) -> None:
        self._preconditioner.start_from(records, self._settings(), rows=self._capture.rows)
