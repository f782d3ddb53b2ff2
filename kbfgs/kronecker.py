"""What the optimizers with Kronecker factors share: groups, warm start, state, checks."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from kbfgs.capture import Capture, LayerRecord, Run
from kbfgs.checks import READ_EVERY_STEPS, DeferredChecks
from kbfgs.distributed.communicator import Communicator
from kbfgs.distributed.ddp import check_ranks, communicator_for, unwrap
from kbfgs.errors import (
    ConfigurationError,
    KBFGSError,
    NonFiniteLossError,
    StateError,
    UnsupportedModelError,
)
from kbfgs.interfaces import Layers, Options
from kbfgs.layers.base import LayerAdapter
from kbfgs.passes import FirstPass
from kbfgs.phases import PhaseClock, PhaseSeconds
from kbfgs.registry import Assignment, FirstOrderParameter, assign, clean_name
from kbfgs.scaling import scaling_for
from kbfgs.second_pass import evaluation
from kbfgs.state import check_saved

logger = logging.getLogger(__name__)

Preconditioning = TypeVar("Preconditioning", bound=Layers)


class KroneckerOptimizer(torch.optim.Optimizer, ABC, Generic[Preconditioning]):
    """An optimizer that preconditions layers by Kronecker factors, and trains the rest by AdamW.

    There are always two parameter groups: the preconditioned parameters, with `lr`, and the
    others, with `other_lr`; schedulers act on both.

    Args:
        model: The model, or its DistributedDataParallel wrapper.
        options: The validated options.
        settings: The dataclass of the numbers that may change from step to step; they stand in
            the first parameter group.
        precondition: Makes the layers' curvature from their adapters and the ranks.
        grad_scaler: Scales the losses of the closures, which may then run in float16.

    Raises:
        ConfigurationError: The scaler is none.
        UnsupportedModelError: No layer can be preconditioned.

    Attributes:
        method: The method's name, as it stands in messages and in the state.
        forms_output_factor: Whether the output side's factor must be formed, so that a layer whose
            output side is larger than `max_factor_dim` goes to AdamW.
    """

    forms_output_factor: ClassVar[bool] = True
    method: ClassVar[str]

    def __init__(
        self,
        model: nn.Module,
        options: Options,
        settings: type[Any],
        precondition: Callable[[tuple[LayerAdapter, ...], Communicator], Preconditioning],
        *,
        grad_scaler: GradScaler | None,
    ) -> None:
        assignment = assign(
            unwrap(model),
            max_factor_dim=options.max_factor_dim,
            limit_outputs=self.forms_output_factor,
        )
        self._model = model
        self._clock = PhaseClock.on(assignment.adapters[0].parameters[0].device)
        self._preconditioner = precondition(
            assignment.adapters,
            communicator_for(model, reduce=options.reduce, clock=self._clock),
        )
        self._first_order = [entry for entry, _ in assignment.first_order]
        self._left_out: dict[str, str] = {}
        self._capture = Capture(
            unwrap(model),
            assignment.adapters,
            fixed_inputs=not any(p.requires_grad for _, p in assignment.first_order),
        )
        self._checks = DeferredChecks()
        self._steps = 0
        self._capped: Tensor | int = 0
        self._overflowed = 0
        self._built = False
        numbers = {field.name: getattr(options, field.name) for field in fields(settings)}
        self._build_groups(assignment, options, numbers)
        self._built = True
        self._scaling = scaling_for(unwrap(model), self, grad_scaler)
        self._capture.scaled_loss = self._scaling.active

    @abstractmethod
    def _start_from(self, records: Mapping[str, LayerRecord]) -> None:
        """Warm start from what the layers saw."""

    @contextmanager
    def warm_start(self) -> Iterator[None]:
        """Set A to the mean of ā āᵀ over the forwards run inside, and invert A + √λ I.

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
        for name in seen:
            self._preconditioner.layers[name].adapter.check_unmoved()
        self._start_from(seen)

    @property
    def phase_seconds(self) -> PhaseSeconds:
        """The last step by phase; on CUDA it waits for the step's end."""
        return PhaseSeconds(**self._clock.seconds())

    @property
    def bytes_sent(self) -> int:
        """Bytes that this rank handed to the network for curvature since the last step began."""
        return self._preconditioner.communicator.bytes_sent

    def unscale_(self) -> None:
        """Divide the gradients by the `grad_scaler`'s scale now instead of after the closure.

        For a closure that clips: to be called after its last backward, in the place of
        `scaler.unscale_(opt)`. It does nothing where the closure is run again, and without a
        scaler.

        Raises:
            ClosureError: The loss was not scaled, or `scaler.update()` was not called.
        """
        self._scaling.unscale_parameters()

    def __getstate__(self) -> dict[str, Any]:
        """Refused: the hooks would stay on the model that they are on.

        Raises:
            KBFGSError: Names the way out.
        """
        name = type(self).__name__
        raise KBFGSError(
            f"{name} watches its own model and cannot be copied or pickled: copy the model, build "
            f"{name} over the copy and load this one's state_dict() there"
        )

    def state_dict(self) -> dict[str, Any]:
        """This rank's state; never communicates.

        The factors keep their dtype. Continuing from it is bit for bit the same run. Where ranks
        share a factor it holds this rank's share, unless they consolidated since the last step.
        """
        packed = super().state_dict()
        packed["inner"] = self._inner.state_dict()
        packed["kbfgs"] = {
            "format": 1,
            "method": self.method,
            "rank": self._preconditioner.communicator.rank,
            "world_size": self._preconditioner.communicator.world_size,
            "consolidated": self._consolidated,
            "shapes": self._shapes(),
            "steps": self._steps,
            "capped_steps": int(self._capped),
            "left_out": dict(self._left_out),
            "layers": self._saved_layers(),
        }
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave on the same rank of as many ranks.

        A state that was consolidated, or is of one process, fits every rank of any number.

        Raises:
            StateError: The state is of another model, or holds another rank's share.
        """
        saved = state_dict.get("kbfgs", {})
        if saved.get("method", self.method) != self.method:
            raise StateError(f"the state is {saved['method']}'s, this optimizer is {self.method}")
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
        self._inner.load_state_dict(self._moved(state_dict["inner"]))
        self._load_layers(saved["layers"], consolidated=saved["consolidated"])
        self._steps = saved["steps"]
        self._capped = saved["capped_steps"]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refused: build a new optimizer over the model with its new layers."""
        if self._built:
            raise ConfigurationError(
                f"{type(self).__name__} has two fixed groups: build a new one over the model"
            )
        super().add_param_group(param_group)

    def _build_groups(
        self, assignment: Assignment, options: Options, numbers: dict[str, float]
    ) -> None:
        """Two groups: the preconditioned parameters, and those of the inner AdamW."""
        # The groups of a convolution share its parameters.
        preconditioned = list(
            dict.fromkeys(p for adapter in assignment.adapters for p in adapter.parameters)
        )
        others = [parameter for _, parameter in assignment.first_order]
        groups: list[dict[str, Any]] = [
            {"params": preconditioned, **numbers},
            {"params": others, "lr": options.other_lr, "weight_decay": options.weight_decay},
        ]
        super().__init__(groups, {"lr": options.lr, "weight_decay": options.weight_decay})
        # On CUDA its step counts stay there, where a rejected step can restore them, also those of
        # layers that leave in the first step.
        self._inner = torch.optim.AdamW(
            [{"params": others}],
            lr=options.other_lr,
            capturable=all(parameter.is_cuda for parameter in (*preconditioned, *others)),
        )

    @property
    def _consolidated(self) -> bool:
        """Whether this rank's state is all there is, and not a share of it."""
        return True

    def _saved_layers(self) -> dict[str, dict[str, Tensor]]:
        return {n: layer.state.tensors() for n, layer in self._preconditioner.layers.items()}

    def _load_layers(
        self,
        saved: Mapping[str, dict[str, Tensor]],
        *,
        consolidated: bool,  # noqa: ARG002 - for those whose ranks hold shares
    ) -> None:
        for name, layer in self._preconditioner.layers.items():
            layer.state.load(saved[name])

    def _shapes(self) -> dict[str, list[int]]:
        parameters = unwrap(self._model).named_parameters()
        return {clean_name(name): list(parameter.shape) for name, parameter in parameters}

    def _settle_layers(self, first: FirstPass) -> None:
        """In the first step, hand layers that do not fit over to the inner AdamW."""
        if first.unfit and self._steps:
            name, reason = next(iter(first.unfit.items()))
            raise UnsupportedModelError(
                f"layer {name!r} took part in the first step, but now {reason}: a preconditioned "
                "layer must be used in every step, so freeze it before building the optimizer"
            )
        for name, reason in first.unfit.items():
            logger.warning(
                "layer %r is trained by AdamW instead of %s: %s", name, self.method, reason
            )
            self._leave_out(name, reason)

    def _leave_out(self, name: str, reason: str) -> None:
        adapter = self._preconditioner.leave_out(name)
        self._capture.drop(name)
        self._left_out[name] = reason
        taken = {id(parameter) for parameter in adapter.parameters}
        preconditioned, others = self.param_groups
        preconditioned["params"] = [p for p in preconditioned["params"] if id(p) not in taken]
        known = {id(parameter) for parameter in others["params"]}
        for part, parameter in zip(("weight", "bias"), adapter.parameters, strict=False):
            if id(parameter) not in known:
                others["params"] = [*others["params"], parameter]
                entry = FirstOrderParameter(f"{adapter.module_name}.{part}", reason)
                self._first_order.append(entry)

    def _begin_step(self, *, reduce: str | None) -> None:
        check_ranks(self._preconditioner.communicator, reduce=reduce)
        self._clock.reset()
        self._preconditioner.communicator.bytes_sent = 0

    def _skip_step(self, loss: Tensor) -> Tensor:
        """Leave all as it was before a step whose gradients overflowed, on every rank.

        Args:
            loss: The loss that was differentiated, a scalar.

        Returns:
            The loss.

        Raises:
            NonFiniteLossError: The loss is not finite either: no scale of the gradients helps.
        """
        (total,) = self._preconditioner.communicator.sum_together([loss.float()])
        self._require_finite(total)
        self._checks.read()
        self._overflowed += 1
        return loss

    def _require_finite(self, loss: Tensor) -> None:
        message = f"the loss is not finite in step {self._steps + 1}: lower lr or raise damping"
        self._checks.require(torch.isfinite(loss), NonFiniteLossError, message)

    def _link_inner(self) -> None:
        """Show the inner AdamW the second group as it stands."""
        group = self.param_groups[1]
        own = self._inner.param_groups[0]
        own.update({key: group[key] for key in ("params", "lr", "weight_decay")})

    def _moved(self, inner: dict[str, Any]) -> dict[str, Any]:
        """A state of the inner AdamW for where its parameters are now."""
        moved = copy.deepcopy(inner)
        moved["param_groups"][0]["capturable"] = self._inner.param_groups[0]["capturable"]
        return moved

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
