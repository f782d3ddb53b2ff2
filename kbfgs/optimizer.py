"""K-BFGS as a `torch.optim.Optimizer`: the steps of the algorithm, in order."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from kbfgs.capture import Capture, Run
from kbfgs.checks import READ_EVERY_STEPS, DeferredChecks
from kbfgs.config import KBFGSConfig, Reduce, RowWeighting, Safeguard, refuse_unsupported
from kbfgs.diagnostics import Diagnostics, PhaseClock, layer_diagnostics
from kbfgs.distributed.ddp import average_by_rows, check_ranks, communicator_for, unwrap
from kbfgs.errors import (
    ClosureError,
    ConfigurationError,
    KBFGSError,
    NonFiniteLossError,
    UnsupportedModelError,
)
from kbfgs.passes import Closure, FirstPass, TwoPasses
from kbfgs.preconditioned import StepSettings
from kbfgs.preconditioner import Preconditioner
from kbfgs.registry import Assignment, FirstOrderParameter, assign, clean_name
from kbfgs.second_pass import evaluation
from kbfgs.state import check_saved

logger = logging.getLogger(__name__)


class KBFGS(torch.optim.Optimizer):
    """Kronecker-factored quasi-Newton (Goldfarb, Ren, Bahamou 2020) for any model.

    Linear layers get the step H_g M H_a, all other parameters an inner AdamW. There are always
    two parameter groups: the preconditioned parameters, with `lr`, and the others, with
    `other_lr`; schedulers act on both.

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
        max_factor_dim: Layers with a larger side go to the inner AdamW.
        **unsupported: Keywords of the interface that are not supported yet.

    Raises:
        ConfigurationError: An option is out of its bounds or not supported.
        UnsupportedModelError: No layer can be preconditioned.
    """

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
        **unsupported: object,
    ) -> None:
        refuse_unsupported(unsupported)
        self.config = KBFGSConfig(
            lr=lr, damping=damping, momentum=momentum, factor_decay=factor_decay,
            weight_decay=weight_decay, powell=powell, other_lr=other_lr, safeguard=safeguard,
            reduce=reduce, row_weighting=row_weighting, max_factor_dim=max_factor_dim,
        )  # fmt: skip
        weighting = None if row_weighting is None else RowWeighting(row_weighting)
        assignment = assign(unwrap(model), max_factor_dim=max_factor_dim)
        self._model = model
        self._preconditioner = Preconditioner(
            assignment.adapters,
            communicator_for(model, reduce=reduce),
            safeguard=safeguard,
            weighting=weighting,
        )
        self._first_order = [entry for entry, _ in assignment.first_order]
        self._left_out: dict[str, str] = {}
        self._capture = Capture(
            unwrap(model),
            assignment.adapters,
            fixed_inputs=not any(p.requires_grad for _, p in assignment.first_order),
        )
        self._checks = DeferredChecks()
        self._passes = TwoPasses(model, self._capture, self._checks)
        self._clock = PhaseClock()
        self._steps = 0
        self._capped: Tensor | int = 0
        self._built = False
        self._build_groups(assignment)
        self._built = True
        if weighting is RowWeighting.HOOK:
            average_by_rows(model, self._capture.rows_so_far)

    @property
    def in_second_pass(self) -> bool:
        """Whether the closure is being run for the second time in this step."""
        return self._capture.run is Run.SECOND

    @contextmanager
    def warm_start(self) -> Iterator[None]:
        """Set A to the mean of ā āᵀ over the forwards run inside, and H_a = (A + √λ I)⁻¹.

        The model runs in eval mode and without gradients; both, and the random generators, are
        restored. Without a warm start, A is the first mini-batch's.

        Raises:
            KBFGSError: A step was taken already, or no layer was called.
        """
        if self._steps:
            raise KBFGSError(f"warm_start must come before the first step, got {self._steps}")
        self._capture.begin(Run.WARM_START)
        try:
            with evaluation(self._model):
                yield
        finally:
            records = self._capture.end()
        seen = {n: r for n, r in records.items() if r.gram is not None and r.problem is None}
        if not seen:
            raise KBFGSError("no preconditioned layer was called inside warm_start()")
        self._preconditioner.start_from(seen, self._settings())

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Closure | None = None, curvature_closure: Closure | None = None
    ) -> Tensor:
        """Take one step on one mini-batch; the closure is run twice.

        Metrics, `scheduler.step()` and `next(loader)` belong outside of the closure.

        Args:
            closure: Clears the gradients, computes the mean loss over the mini-batch, calls
                backward on it and returns it.
            curvature_closure: Not supported yet.

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
        if curvature_closure is not None:
            raise ConfigurationError("curvature_closure is not supported yet: leave it out")
        check_ranks(self._preconditioner.communicator, reduce=self.config.reduce)
        self._clock.reset()
        self._preconditioner.communicator.bytes_sent = 0
        settings = self._settings()
        with self._clock.phase("first_pass"):
            first = self._passes.first(closure, self._preconditioner.adapters)
            self._settle_layers(first)
        with self._clock.phase("exchange"):
            means = self._preconditioner.exchange_first(first)
            self._require_finite(means.loss)
        with self._clock.phase("input_factors"):
            self._preconditioner.learn_inputs(first, means, settings, step=self._steps)
        with self._clock.phase("direction"):
            capped = self._preconditioner.move(means.loss, settings)
            self._step_inner()
        with self._clock.phase("second_pass"):
            records = {name: first.records[name] for name in self._preconditioner.layers}
            second = self._passes.second(closure, records)
        with self._clock.phase("curvature"):
            self._preconditioner.learn_curvature(second, means, settings)
        self._finish_step(capped)
        return first.loss

    def state_dict(self) -> dict[str, Any]:
        """This rank's state; never communicates.

        The factors keep their dtype. Continuing from it is bit for bit the same run.
        """
        packed = super().state_dict()
        packed["inner"] = self._inner.state_dict()
        packed["kbfgs"] = {
            "format": 1,
            "rank": self._preconditioner.communicator.rank,
            "world_size": self._preconditioner.communicator.world_size,
            "shapes": self._shapes(),
            "steps": self._steps,
            "capped_steps": int(self._capped),
            "left_out": dict(self._left_out),
            "layers": {
                name: layer.state.tensors() for name, layer in self._preconditioner.layers.items()
            },
        }
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave on the same rank of as many ranks.

        Raises:
            StateError: The state is of another model, rank or number of ranks.
        """
        saved = state_dict.get("kbfgs", {})
        check_saved(
            saved,
            shapes=self._shapes(),
            layers={name: layer.state for name, layer in self._preconditioner.layers.items()},
            rank=self._preconditioner.communicator.rank,
            world_size=self._preconditioner.communicator.world_size,
        )
        for name, reason in saved["left_out"].items():
            if name in self._preconditioner.layers:
                self._leave_out(name, reason)
        plain = {key: value for key, value in state_dict.items() if key not in ("kbfgs", "inner")}
        super().load_state_dict(plain)
        self._link_inner()
        self._inner.load_state_dict(copy.deepcopy(state_dict["inner"]))
        for name, layer in self._preconditioner.layers.items():
            layer.state.load(saved["layers"][name])
        self._steps = saved["steps"]
        self._capped = saved["capped_steps"]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused: build a new optimizer over the model with its new layers."""
        if self._built:
            raise ConfigurationError("KBFGS has two fixed groups: build a new one over the model")
        super().add_param_group(param_group)

    def diagnostics(self) -> Diagnostics:
        """How the optimizer stands; reads the device, and never communicates."""
        self._checks.read()
        several = self._preconditioner.communicator.world_size > 1
        damping = None if several else self._settings().factor_damping
        return Diagnostics(
            steps=self._steps,
            capped_steps=int(self._capped),
            seconds=self._clock.seconds(),
            bytes_sent=self._preconditioner.communicator.bytes_sent,
            layers=tuple(
                layer_diagnostics(name, layer.state, factor_damping=damping)
                for name, layer in self._preconditioner.layers.items()
            ),
            first_order=tuple(self._first_order),
        )

    def _build_groups(self, assignment: Assignment) -> None:
        """Two groups: the preconditioned parameters, and those of the inner AdamW."""
        config = self.config
        settings = {field.name: getattr(config, field.name) for field in fields(StepSettings)}
        preconditioned = [p for adapter in assignment.adapters for p in adapter.parameters]
        others = [parameter for _, parameter in assignment.first_order]
        groups: list[dict[str, Any]] = [
            {"params": preconditioned, **settings},
            {"params": others, "lr": config.other_lr, "weight_decay": config.weight_decay},
        ]
        super().__init__(groups, {"lr": config.lr, "weight_decay": config.weight_decay})
        self._inner = torch.optim.AdamW([{"params": others}], lr=config.other_lr)

    def _settings(self) -> StepSettings:
        group = self.param_groups[0]
        return StepSettings(**{f.name: float(group[f.name]) for f in fields(StepSettings)})

    def _shapes(self) -> dict[str, list[int]]:
        parameters = unwrap(self._model).named_parameters()
        return {clean_name(name): list(parameter.shape) for name, parameter in parameters}

    def _settle_layers(self, first: FirstPass) -> None:
        """In the first step, hand layers that do not fit over to the inner AdamW."""
        if first.unfit and self._steps:
            name, reason = next(iter(first.unfit.items()))
            raise UnsupportedModelError(
                f"layer {name!r} took part in the first step, but now {reason}: a preconditioned "
                "layer must be used in every step, so freeze it before building KBFGS"
            )
        for name, reason in first.unfit.items():
            logger.warning("layer %r is trained by AdamW instead of K-BFGS: %s", name, reason)
            self._leave_out(name, reason)

    def _leave_out(self, name: str, reason: str) -> None:
        adapter = self._preconditioner.layers.pop(name).adapter
        self._capture.drop(name)
        self._left_out[name] = reason
        taken = {id(parameter) for parameter in adapter.parameters}
        preconditioned, others = self.param_groups
        preconditioned["params"] = [p for p in preconditioned["params"] if id(p) not in taken]
        others["params"] = [*others["params"], *adapter.parameters]
        parts = ("weight", "bias")[: len(adapter.parameters)]
        self._first_order += [FirstOrderParameter(f"{name}.{part}", reason) for part in parts]

    def _require_finite(self, loss: Tensor) -> None:
        message = f"the loss is not finite in step {self._steps + 1}: lower lr or raise damping"
        self._checks.require(torch.isfinite(loss), NonFiniteLossError, message)

    def _link_inner(self) -> None:
        """Show the inner AdamW the second group as it stands."""
        group = self.param_groups[1]
        own = self._inner.param_groups[0]
        own.update({key: group[key] for key in ("params", "lr", "weight_decay")})

    def _step_inner(self) -> None:
        self._link_inner()
        if self.param_groups[1]["params"]:
            self._inner.step()

    def _finish_step(self, capped: Tensor | None) -> None:
        if capped is not None:
            self._capped = self._capped + capped
        self._steps += 1
        if self._steps % READ_EVERY_STEPS == 0:
            self._checks.read()
