"""The two runs of the closure, and what makes them comparable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kbfgs.capture import Capture, LayerRecord, Run
from kbfgs.checks import DeferredChecks
from kbfgs.errors import ClosureError
from kbfgs.layers.base import LayerAdapter
from kbfgs.second_pass import RandomState, second_pass
from kbfgs.verdicts import check_same_batch, check_second_records, judge_first_records

Closure = Callable[[], Tensor]


@dataclass(frozen=True)
class FirstPass:
    """The first run of the closure.

    Attributes:
        loss: What it returned.
        rows: This rank's rows.
        records: What each layer saw, by name.
        unfit: Layers that cannot be preconditioned, with the reason.
    """

    loss: Tensor
    rows: int
    records: dict[str, LayerRecord]
    unfit: dict[str, str]


@dataclass(frozen=True)
class SecondPass:
    """The second run of the closure, at the new weights.

    Attributes:
        loss: What it returned.
        records: What each layer saw, by name.
    """

    loss: Tensor
    records: dict[str, LayerRecord]


class TwoPasses:
    """Runs the closure of one step twice on the same mini-batch.

    Args:
        model: The model, possibly wrapped in DDP.
        capture: The hooks on it.
        checks: Where verdicts on tensors go.
    """

    def __init__(self, model: nn.Module, capture: Capture, checks: DeferredChecks) -> None:
        self._model = model
        self._capture = capture
        self._checks = checks
        self._random_state: RandomState | None = None
        self._batch_means: list[Tensor] = []

    def first(self, closure: Closure, adapters: Sequence[LayerAdapter]) -> FirstPass:
        """Run the closure with weight gradients.

        Raises:
            ClosureError: It does not run the model, or does not call backward.
            UnsupportedModelError: No layer is left to precondition.
        """
        self._random_state = RandomState.now(self._model)
        loss, records = self._run(closure, Run.FIRST)
        self._batch_means = self._capture.batch_means
        return FirstPass(loss, self._capture.rows, records, judge_first_records(adapters, records))

    def second(self, closure: Closure, first: dict[str, LayerRecord]) -> SecondPass:
        """Run the closure again, without weight gradients.

        Args:
            closure: The same closure.
            first: The records of the preconditioned layers in the first run.

        Raises:
            ClosureError: The layers saw something else than in the first run.
        """
        assert self._random_state is not None
        with second_pass(self._model, self._random_state):
            loss, records = self._run(closure, Run.SECOND)
        check_second_records(first, records)
        check_same_batch(self._batch_means, self._capture.batch_means, checks=self._checks)
        return SecondPass(loss, records)

    def _run(self, closure: Closure, run: Run) -> tuple[Tensor, dict[str, LayerRecord]]:
        self._capture.begin(run)
        try:
            with torch.enable_grad():
                loss = closure()
        finally:
            records = self._capture.end()
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise ClosureError(f"the closure must return the loss as a scalar tensor, got {loss!r}")
        return loss.detach().reshape(()), records
