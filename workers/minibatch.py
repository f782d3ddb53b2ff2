"""One mini-batch as an optimizer sees it: losses and gradients on demand, each one counted."""

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kbfgs.phases import PhaseClock
from service.contracts.usage import Phase
from workers.problems.base import Problem, Split


class MiniBatch:
    """A mini-batch with the model and the loss that it is for.

    Args:
        model: What is trained.
        problem: Its loss and its predictive distribution.
        rows: Inputs and targets, of this rank alone.
        weight: What the loss is multiplied by before it is differentiated: n R / N for n of the
            N rows that R ranks share, so that the mean over the ranks of their gradients, and of
            their losses, is the mean over all rows.
        clock: Times the passes.

    Attributes:
        gradient_evaluations: Backward passes so far, in units of the whole mini-batch: one over
            a part of the rows counts that part, one without weight gradients counts like one
            with them.
        reductions: How often the ranks summed the gradients of all weights.
    """

    def __init__(
        self,
        model: nn.Module,
        problem: Problem,
        rows: Split,
        *,
        weight: float = 1.0,
        clock: PhaseClock | None = None,
    ) -> None:
        self._model, self._problem, self._rows = model, problem, rows
        self._weight = weight
        self._outputs: Tensor | None = None
        self._clock = clock or PhaseClock()
        self.gradient_evaluations = 0.0
        self.reductions = 0

    def __len__(self) -> int:
        """Its rows."""
        return len(self._rows)

    def forward(self) -> Tensor:
        """The model's outputs."""
        outputs: Tensor = self._model(self._rows.inputs)
        return outputs

    def backward(self, *, first: int | None = None, keep_graph: bool = False) -> Tensor:
        """What ``Optimizer.step`` takes as a closure: new gradients, and the loss.

        Args:
            first: How many rows, from the first one on; all of them by default.
            keep_graph: Keep the graph for :meth:`sampled_loss`.

        Returns:
            The mean loss over these rows, weighted.
        """
        rows = len(self) if first is None else first
        phase = Phase.SECOND_PASS if self.gradient_evaluations else Phase.FIRST_PASS
        self.gradient_evaluations += rows / len(self)
        with self._clock.phase(phase):
            self._model.zero_grad(set_to_none=True)
            outputs: Tensor = self._model(self._rows.inputs[:rows])
            loss = self._problem.loss(outputs, self._rows.targets[:rows])
            if self._weight != 1:
                loss = loss * self._weight
            loss.backward(retain_graph=keep_graph)  # type: ignore[no-untyped-call]
        self.reductions += self._sums_gradients()
        self._outputs = outputs if keep_graph else None
        return loss

    def sampled_loss(self, outputs: Tensor | None = None) -> Tensor:
        """The mean loss on targets drawn from the model's own distribution, never weighted.

        Whoever asks differentiates it once, which is counted here.

        Args:
            outputs: Of which the targets are drawn; those of the last :meth:`backward` that kept
                its graph by default.
        """
        if outputs is None:
            assert self._outputs is not None, "backward(keep_graph=True) comes first"
            outputs = self._outputs
        self.gradient_evaluations += 1
        # Drawing from a probability that is NaN would end the process's use of a GPU; the loss
        # of such outputs is NaN all the same.
        finite = torch.nan_to_num(outputs.detach())
        return self._problem.loss(outputs, self._problem.sample_targets(finite))

    def _sums_gradients(self) -> bool:
        """Whether a backward pass now sums the gradients over the ranks."""
        model = self._model
        return isinstance(model, DistributedDataParallel) and model.require_backward_grad_sync
