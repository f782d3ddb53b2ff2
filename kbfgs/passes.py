"""The runs of the closures of one step, and what makes them comparable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from kbfgs.batch_head import BatchHead, curvature_rows
from kbfgs.capture import Capture, LayerRecord, Run
from kbfgs.checks import DeferredChecks
from kbfgs.errors import ClosureError
from kbfgs.head_reuse import HeadReuse, head_record, samples_agree
from kbfgs.layers.base import LayerAdapter
from kbfgs.replay import replayed
from kbfgs.scaling import LossScaling
from kbfgs.second_pass import RandomState, refuse_batch_dependent, second_pass
from kbfgs.verdicts import (
    check_same_batch,
    check_sample_records,
    check_second_records,
    judge_first_records,
)

Closure = Callable[[], Tensor]


@dataclass(frozen=True)
class FirstPass:
    """The first run of the closure.

    Attributes:
        loss: What it returned.
        rows: This rank's rows.
        records: What each layer saw, by name.
        unfit: Layers that cannot be preconditioned, with the reason.
        sample: The curvature rows where they are a part of the mini-batch, else None.
    """

    loss: Tensor
    rows: int
    records: dict[str, LayerRecord]
    unfit: dict[str, str]
    sample: CurvatureSample | None = None

    @property
    def curvature_records(self) -> dict[str, LayerRecord]:
        """What each layer saw of the curvature rows, by name."""
        return self.records if self.sample is None else self.sample.records


@dataclass(frozen=True)
class CurvatureSample:
    """The first rows of the mini-batch alone, at the weights before the step.

    Attributes:
        loss: Their mean loss.
        rows: This rank's rows.
        records: What each layer saw, by name.
    """

    loss: Tensor
    rows: int
    records: dict[str, LayerRecord]


@dataclass(frozen=True)
class SecondPass:
    """The second run, at the new weights.

    Attributes:
        loss: What it returned.
        records: What each layer saw, by name.
    """

    loss: Tensor
    records: dict[str, LayerRecord]


class TwoPasses:
    """Runs the closures of one step on the same mini-batch.

    Args:
        model: The model, possibly wrapped in DDP.
        capture: The hooks on it.
        checks: Where verdicts on tensors go.
        scaling: What the closures scale their losses by.
        fraction: f, the part of the mini-batch that is run again.

    Attributes:
        head_reuse: Whether the first run may stand for the sample of its first rows.
    """

    def __init__(
        self,
        model: nn.Module,
        capture: Capture,
        checks: DeferredChecks,
        *,
        scaling: LossScaling,
        fraction: float = 1.0,
    ) -> None:
        self._model = model
        self._fraction = fraction
        self._capture = capture
        capture.head = BatchHead(fraction)
        self._checks = checks
        self._scaling = scaling
        self.head_reuse = HeadReuse()
        self._random_state: RandomState | None = None
        self._batch_means: list[Tensor] = []

    def first(self, closure: Closure, adapters: Sequence[LayerAdapter]) -> FirstPass:
        """Run the closure with weight gradients.

        Raises:
            ClosureError: It does not run the model, or does not call backward.
            UnsupportedModelError: No layer is left to precondition, or one was moved.
        """
        for adapter in adapters:
            adapter.check_unmoved()
        self._random_state = RandomState.now(self._model)
        self._scaling.begin()
        self._capture.keep_heads = self.head_reuse.is_trusted
        loss, records = self._run(closure, Run.FIRST)
        self._batch_means = self._capture.batch_means
        return FirstPass(loss, self._capture.rows, records, judge_first_records(adapters, records))

    def sample(
        self, closure: Closure, first: FirstPass, adapters: Mapping[str, LayerAdapter]
    ) -> FirstPass:
        """Record the first ⌈f·B⌉ of the B rows alone, without weight gradients.

        Their means of h and g at the weights before the step then differ from those of the second
        run by the step alone: random numbers, too, are drawn for as many rows. Where the first
        run is known to tell these means, a probe alone is run.

        Args:
            closure: The curvature closure.
            first: The first run.
            adapters: The preconditioned layers by name.

        Returns:
            The first run with the sample.

        Raises:
            ClosureError: It ran other rows.
            UnsupportedModelError: A layer treats the rows of a batch together.
        """
        refuse_batch_dependent(self._model)
        implied = self._implied(first, adapters)
        if implied is not None and self.head_reuse.is_trusted:
            probe = self._run_part(closure, first, adapters, kind=Run.PROBE)
            if self.head_reuse.confirms(implied, probe.records):
                return replace(first, sample=replace(probe, records=implied))
        sample = self._run_part(closure, first, adapters, kind=Run.SAMPLE)
        self.head_reuse.distrust()
        if implied is not None and samples_agree(implied, sample.records):
            probe = self._run_part(closure, first, adapters, kind=Run.PROBE)
            self.head_reuse.trust(sample.records, probe.records)
        return replace(first, sample=sample)

    def _run_part(
        self,
        closure: Closure,
        first: FirstPass,
        adapters: Mapping[str, LayerAdapter],
        *,
        kind: Run,
    ) -> CurvatureSample:
        """Run the first rows alone, at the weights before the step."""
        before = {name: first.records[name] for name in adapters}
        known: dict[nn.Module, Tensor] = {
            adapters[name].module: record.head_output
            for name, record in before.items()
            if kind is Run.PROBE and record.head_output is not None
        }
        with replayed(known):
            loss, records = self._run_again(closure, kind)
        check_sample_records(
            before,
            records,
            rows=first.rows,
            wanted=self._wanted(first),
            backward=kind is Run.SAMPLE,
        )
        self._check_batch()
        return CurvatureSample(loss, self._capture.rows, records)

    def _wanted(self, first: FirstPass) -> int:
        return curvature_rows(self._fraction, first.rows)

    def _implied(
        self, first: FirstPass, adapters: Mapping[str, LayerAdapter]
    ) -> dict[str, LayerRecord] | None:
        """What the first run says of its first rows, or None where it does not tell.

        On a GPU samples are run: to read whether they agree would make the host wait.
        """
        assert self._random_state is not None
        drew = not self._random_state.equals(RandomState.now(self._model))
        if drew or first.loss.device.type != "cpu":
            return None
        wanted = self._wanted(first)
        heads: dict[str, LayerRecord] = {}
        for name, adapter in adapters.items():
            head = head_record(first.records[name], adapter, rows=first.rows, wanted=wanted)
            if head is None:
                return None
            heads[name] = head
        return heads

    def second(self, closure: Closure, first: Mapping[str, LayerRecord]) -> SecondPass:
        """Run the same rows at the new weights, without weight gradients.

        Args:
            closure: The closure whose rows `first` holds.
            first: The records of the preconditioned layers before the step.

        Raises:
            ClosureError: The layers saw something else than in the first run.
        """
        loss, records = self._run_again(closure, Run.SECOND)
        check_second_records(first, records)
        self._check_batch()
        return SecondPass(loss, records)

    def _check_batch(self) -> None:
        """Refuse a run of other rows than the first run's; a part may hold fewer tensors."""
        before, after = self._batch_means, self._capture.batch_means
        if self._fraction < 1:
            before = before[: len(after)]
        check_same_batch(before, after, checks=self._checks)

    def _run_again(self, closure: Closure, run: Run) -> tuple[Tensor, dict[str, LayerRecord]]:
        assert self._random_state is not None
        with second_pass(self._model, self._random_state):
            return self._run(closure, run)

    def _run(self, closure: Closure, run: Run) -> tuple[Tensor, dict[str, LayerRecord]]:
        self._capture.begin(run)
        try:
            with torch.enable_grad():
                loss = closure()
        except RuntimeError as error:
            if not run.repeats or "does not require grad" not in str(error):
                raise
            raise ClosureError(
                "the closure differentiates a term of the weights alone, but weights need no "
                "gradient when it is run again: add the terms up before one backward(), or leave "
                "this one out where opt.in_second_pass"
            ) from error
        finally:
            records = self._capture.end()
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise ClosureError(f"the closure must return the loss as a scalar tensor, got {loss!r}")
        if run is Run.FIRST:
            self._scaling.unscale_parameters()
        for record in records.values():
            if record.gradient_sum is not None:
                record.gradient_sum = self._scaling.unscale(record.gradient_sum)
        return loss.detach().reshape(()), records
