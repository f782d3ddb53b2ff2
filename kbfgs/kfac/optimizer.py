"""K-FAC as a `torch.optim.Optimizer`: the steps of the algorithm, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import partial

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from kbfgs.capture import LayerRecord
from kbfgs.config import RowWeighting, Safeguard
from kbfgs.distributed.ddp import average_by_rows
from kbfgs.distributed.shares import scaled_factors
from kbfgs.errors import ClosureError
from kbfgs.kfac.config import REDUCE_FACTORS, KFACConfig, KFACSettings
from kbfgs.kfac.diagnostics import KFACDiagnostics, KFACLayerDiagnostics
from kbfgs.kfac.fisher import FisherGradients, FisherLoss, FisherPass, WarmStartFisher
from kbfgs.kfac.preconditioner import KFACPreconditioner
from kbfgs.kronecker import KroneckerOptimizer
from kbfgs.passes import Closure, FirstPass, TwoPasses
from kbfgs.precision import keeps_precision

# The factors change fast at first: they are inverted in each of so many steps.
EARLY_STEPS = 20


class KFAC(KroneckerOptimizer[KFACPreconditioner]):
    """Kronecker-factored approximate curvature (Martens, Grosse 2015) for any model.

    The layers that `KBFGS` preconditions get the step G⁻¹ M A⁻¹, all other parameters an inner
    AdamW. There are always two parameter groups: the preconditioned parameters, with `lr`, and
    the others, with `other_lr`; schedulers act on both.

    Args:
        model: The model, or its DistributedDataParallel wrapper. Move it to its device and freeze
            what is to be frozen first; compile it afterwards.
        lr: Step size α of the preconditioned layers.
        damping: λ.
        momentum: Decay of the gradient's moving average.
        factor_decay: Decay of the moving averages of A and G.
        weight_decay: τ.
        inverse_every: Steps between inversions, after 20 steps with one each.
        other_lr: Learning rate of the inner AdamW.
        safeguard: Limits of a step; None is plain K-FAC.
        reduce: "matrices" sums the factors over DDP's ranks; None leaves ranks independent.
        row_weighting: Who corrects DDP's average when the ranks' rows differ.
        max_factor_dim: Layers with a larger side go to the inner AdamW.
        grad_scaler: A `torch.amp.GradScaler`: the closure scales its loss by it and may run in
            float16; the optimizer unscales, and skips a step that overflows.

    Raises:
        ConfigurationError: An option is out of its bounds.
        UnsupportedModelError: No layer can be preconditioned.
    """

    method = "K-FAC"

    def __init__(
        self,
        model: nn.Module,
        lr: float = 1.0,
        damping: float = 3.0,
        *,
        momentum: float = 0.9,
        factor_decay: float = 0.9,
        weight_decay: float = 0.0,
        inverse_every: int = 20,
        other_lr: float = 1e-3,
        safeguard: Safeguard | None = Safeguard(),  # noqa: B008 - frozen, so safe to share
        reduce: str | None = REDUCE_FACTORS,
        row_weighting: str | None = None,
        max_factor_dim: int = 8192,
        grad_scaler: GradScaler | None = None,
    ) -> None:
        self.config = KFACConfig(
            lr=lr, damping=damping, momentum=momentum, factor_decay=factor_decay,
            weight_decay=weight_decay, inverse_every=inverse_every, other_lr=other_lr,
            safeguard=safeguard, reduce=reduce, row_weighting=row_weighting,
            max_factor_dim=max_factor_dim,
        )  # fmt: skip
        weighting = None if row_weighting is None else RowWeighting(row_weighting)
        super().__init__(
            model,
            self.config,
            KFACSettings,
            partial(KFACPreconditioner, safeguard=safeguard, weighting=weighting),
            grad_scaler=grad_scaler,
        )
        self._capture.keep_edges = True
        scaling = self._scaling
        self._passes = TwoPasses(model, self._capture, self._checks, scaling=scaling)
        self._fisher = FisherPass(model, self._capture, self._checks, scaling=scaling)
        if weighting is RowWeighting.HOOK:
            average_by_rows(model, self._capture.rows_so_far)

    @contextmanager
    def warm_start(self, fisher_loss: FisherLoss | None = None) -> Iterator[None]:
        """Set A to the mean of ā āᵀ over the forwards run inside, and G to the mean of g gᵀ.

        The model runs in eval mode; modes and random generators are restored, and no weight
        gradient is computed. Without a warm start, the first mini-batch gives the factors.

        Args:
            fisher_loss: Called with the output of each forward of the model; returns the mean
                loss on targets sampled from that output. None leaves G to the first mini-batch.

        Raises:
            KBFGSError: A step was taken already, or no layer was called.
        """
        with super().warm_start():
            if fisher_loss is None:
                yield
                return
            fisher = WarmStartFisher(self._capture, self._preconditioner.adapters, fisher_loss)
            with fisher.on(self._model):
                yield

    @torch.no_grad()
    @keeps_precision
    def step(  # type: ignore[override]
        self, closure: Closure | None = None, fisher_closure: Closure | None = None
    ) -> Tensor:
        """Take one step on one mini-batch.

        Two forms of `fisher_closure` are understood. The cheap one builds its loss from the
        outputs of the forward in `closure`, which keeps them and calls
        `backward(retain_graph=True)`. The other runs the model again on the same mini-batch.
        Neither calls backward: the optimizer differentiates with respect to the layers' outputs
        alone, and `p.grad` stays the gradient of `closure`.

        Args:
            closure: Clears the gradients, computes the mean loss over the mini-batch, calls
                backward on it and returns it.
            fisher_closure: Returns the mean loss over this rank's rows on targets sampled from
                the model's own distribution, without calling backward.

        Returns:
            The loss at the weights before the step, as the closure returned it.

        Raises:
            ClosureError: A closure does not do that.
            NonFiniteLossError: The loss is NaN or infinite.
            DistributedError: Uneven rows that nobody weights.
            IndefiniteFactorError: A factor is not finite, or not positive definite with its
                damping.
            UnsupportedModelError: A layer is called in a way that is not supported.
        """
        if closure is None or fisher_closure is None:
            raise ClosureError(
                "KFAC.step needs a closure and a fisher_closure, which returns the loss on "
                "targets sampled from the model's outputs"
            )
        settings = self._settings()
        self._begin_step(reduce=self.config.reduce)
        with self._clock.phase("first_pass"):
            first = self._passes.first(closure, self._preconditioner.adapters)
            if self._scaling.overflowed():
                return self._skip_step(first.loss)
            self._settle_layers(first)
            batch_means = self._capture.batch_means
        with self._clock.phase("input_factors"):
            means = self._preconditioner.exchange_first(first)
            self._require_finite(means.loss)
        with self._clock.phase("second_pass"):
            fisher = self._run_fisher(fisher_closure, first, batch_means)
            if fisher is None:
                return first.loss
        with self._clock.phase("input_factors"):
            self._preconditioner.learn_factors(
                first, fisher.gradients, means, settings=settings, step=self._steps
            )
        if self._steps < EARLY_STEPS or self._steps % self.config.inverse_every == 0:
            with self._clock.phase("curvature"):
                self._preconditioner.invert(settings, self._checks)
        with self._clock.phase("direction"):
            capped = self._preconditioner.move(means.loss, settings)
            self._step_inner()
        self._finish_step(capped)
        return first.loss

    def _run_fisher(
        self, closure: Closure, first: FirstPass, batch_means: list[Tensor]
    ) -> FisherGradients | None:
        """The gradients of the sampled loss; None where some rank's overflow skips the step."""
        records = {name: first.records[name] for name in self._preconditioner.layers}
        fisher = self._fisher.run(closure, records, batch_means)
        if not self._scaling.overflowed_anywhere(fisher.all, self._preconditioner.communicator):
            return fisher
        self._skip_step(fisher.loss)
        return None

    def diagnostics(self) -> KFACDiagnostics:
        """How the optimizer stands; reads the device, and never communicates."""
        self._checks.read()
        return KFACDiagnostics(
            steps=self._steps,
            capped_steps=int(self._capped),
            overflowed_steps=self._overflowed,
            seconds=self.phase_seconds,
            bytes_sent=self.bytes_sent,
            layers=tuple(self._layer_diagnostics()),
            first_order=tuple(self._first_order),
        )

    def _layer_diagnostics(self) -> Iterator[KFACLayerDiagnostics]:
        hidden = self._preconditioner.communicator.world_size > 1 or self._steps == 0
        settings = self._settings()
        for name, layer in self._preconditioner.layers.items():
            state = layer.state
            inputs, outputs = settings.factor_damping(state.positions)
            yield KFACLayerDiagnostics(
                name=name,
                input_residual=None if hidden else state.inputs.residual(damping=inputs),
                output_residual=None if hidden else state.outputs.residual(damping=outputs),
                bytes_held=state.bytes_held,
            )

    @property
    def _consolidated(self) -> bool:
        return self._preconditioner.communicator.world_size == 1

    def _load_layers(self, saved: Mapping[str, dict[str, Tensor]], *, consolidated: bool) -> None:
        ranks = self._preconditioner.communicator.world_size if consolidated else 1
        super()._load_layers(scaled_factors(saved, 1 / ranks), consolidated=consolidated)

    def _settings(self) -> KFACSettings:
        group = self.param_groups[0]
        return KFACSettings(**{f.name: float(group[f.name]) for f in fields(KFACSettings)})

    def _start_from(self, records: Mapping[str, LayerRecord]) -> None:
        self._preconditioner.start_from(records, rows=self._capture.rows)
