"""Small layers of one shape work together: one call multiplies the matrices of all of them.

Stacks of equal layers and the groups of a convolution have many small matrices, for which the calls
cost more than what they compute. Large ones are better off by themselves, where nothing is copied.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from kbfgs.curvature.dense import DenseInverse, DenseInverses
from kbfgs.curvature.pairs import PairAverage
from kbfgs.distributed.exchange import LayerMeans
from kbfgs.preconditioned import PreconditionedLayer, StepSettings, learn_pair

# With sides of 64 four layers take half the time together, with 128 about as long as one by one.
LARGEST_SIDE = 128

T = TypeVar("T")


class LayerGroup(ABC):
    """Layers that are worked on together; lists are in their order.

    Args:
        indices: Where they stand among all layers.
    """

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = indices

    def pick(self, of_all: Sequence[T]) -> list[T]:
        """What belongs to these layers."""
        return [of_all[index] for index in self.indices]

    @abstractmethod
    def directions(self) -> Sequence[Tensor]:
        """H_g M H_a of each."""

    @abstractmethod
    def probe(self, means: Sequence[LayerMeans]) -> Iterable[tuple[Tensor, Tensor]]:
        """s_a = H_a mean(ā), and this rank's part of A s_a, of each."""

    @abstractmethod
    def learn_curvature(
        self,
        first: Sequence[LayerMeans],
        second: Sequence[LayerMeans],
        *,
        settings: StepSettings,
        accepted: Tensor | None,
    ) -> None:
        """Average the pairs, and update each H_g by a damped copy."""

    @abstractmethod
    def act(
        self, steps: Sequence[Tensor], actions: Sequence[Tensor], *, settings: StepSettings
    ) -> None:
        """Update each H_a by the Hessian action."""


def group_layers(layers: Sequence[PreconditionedLayer]) -> list[LayerGroup]:
    """All layers, the small ones of equal shape and positions together."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for index, layer in enumerate(layers):
        alike[_kind(layer) or index].append(index)
    return [
        OneLayer(indices, layers[indices[0]])
        if len(indices) == 1
        else EqualLayers(indices, [layers[index] for index in indices])
        for indices in alike.values()
    ]


def in_order(groups: Iterable[LayerGroup], work: Callable[[LayerGroup], Iterable[T]]) -> list[T]:
    """What work on the groups gives for each layer, in the order of all layers."""
    found = {
        index: result
        for group in groups
        for index, result in zip(group.indices, work(group), strict=True)
    }
    return [found[index] for index in range(len(found))]


def _kind(layer: PreconditionedLayer) -> Hashable | None:
    """What equal layers have in common, or None for one that works by itself."""
    rows, columns = layer.state.momentum.shape
    if max(rows, columns) > LARGEST_SIDE or type(layer.state.output_inverse) is not DenseInverse:
        return None
    weight = layer.adapter.weight
    return rows, columns, layer.positions, weight.dtype, weight.device


class OneLayer(LayerGroup):
    """A layer by itself."""

    def __init__(self, indices: Sequence[int], layer: PreconditionedLayer) -> None:
        super().__init__(indices)
        self._layer = layer

    def directions(self) -> Sequence[Tensor]:
        """H_g M H_a."""
        return [self._layer.direction()]

    def probe(self, means: Sequence[LayerMeans]) -> Iterable[tuple[Tensor, Tensor]]:
        """s_a and A s_a."""
        return [self._layer.probe(means[0])]

    def learn_curvature(
        self,
        first: Sequence[LayerMeans],
        second: Sequence[LayerMeans],
        *,
        settings: StepSettings,
        accepted: Tensor | None,
    ) -> None:
        """Average the pair, and update H_g by a damped copy."""
        self._layer.learn_curvature(first[0], second[0], settings=settings, accepted=accepted)

    def act(
        self, steps: Sequence[Tensor], actions: Sequence[Tensor], *, settings: StepSettings
    ) -> None:
        """Update H_a by the Hessian action."""
        self._layer.act(steps[0], actions[0], settings=settings)


class EqualLayers(LayerGroup):
    """Layers of one shape with dense factors; made anew for each stage of a step."""

    def __init__(self, indices: Sequence[int], layers: Sequence[PreconditionedLayer]) -> None:
        super().__init__(indices)
        self._layers = layers
        self._states = [layer.state for layer in layers]

    @cached_property
    def _input_inverses(self) -> DenseInverses:
        return DenseInverses([state.input_factor.require_inverse() for state in self._states])

    @cached_property
    def _output_inverses(self) -> DenseInverses:
        inverses = [state.output_inverse for state in self._states]
        return DenseInverses([each for each in inverses if isinstance(each, DenseInverse)])

    def directions(self) -> Sequence[Tensor]:
        """H_g M H_a of each."""
        momenta = torch.stack([state.momentum for state in self._states])
        inner = torch.bmm(self._output_inverses.stack, momenta)
        return torch.bmm(inner, self._input_inverses.stack).unbind()

    def probe(self, means: Sequence[LayerMeans]) -> Iterable[tuple[Tensor, Tensor]]:
        """s_a and A s_a of each."""
        inputs = [a.mean_input(mean) for a, mean in zip(self._layers, means, strict=True)]
        steps = self._input_inverses.times(torch.stack(inputs))
        shares = torch.stack([state.input_factor.share for state in self._states])
        actions = torch.bmm(shares, steps[..., None])[..., 0]
        return zip(steps.unbind(), actions.unbind(), strict=True)

    def learn_curvature(
        self,
        first: Sequence[LayerMeans],
        second: Sequence[LayerMeans],
        *,
        settings: StepSettings,
        accepted: Tensor | None,
    ) -> None:
        """Average the pairs, and update each H_g by a damped copy."""
        pairs = [state.pair for state in self._states]
        steps, changes = [pair.step for pair in pairs], [pair.change for pair in pairs]
        together = PairAverage(torch.stack(steps), torch.stack(changes))
        outcome = learn_pair(
            together,
            self._output_inverses,
            (_stacked(first), _stacked(second)),
            rules=self._layers[0].pair_rules(settings),
            accepted=accepted,
        )
        torch._foreach_copy_(steps, together.step.unbind())
        torch._foreach_copy_(changes, together.change.unbind())
        torch._foreach_copy_([s.curvature for s in self._states], outcome.curvature.unbind())
        counts = [state.counts[:3] for state in self._states]
        torch._foreach_add_(counts, outcome.counts.unbind())

    def act(
        self, steps: Sequence[Tensor], actions: Sequence[Tensor], *, settings: StepSettings
    ) -> None:
        """Update each H_a by the Hessian action."""
        step = torch.stack(tuple(steps))
        damping = settings.input_damping(self._layers[0].positions)
        change = torch.add(torch.stack(tuple(actions)), step, alpha=damping)
        allowed = torch.ones((), dtype=torch.bool, device=step.device)
        made = self._input_inverses.update(step, change, floor=0.0, allowed=allowed)
        skipped = (~made).to(torch.int64)
        torch._foreach_add_([state.counts[3] for state in self._states], skipped.unbind())


def _stacked(means: Sequence[LayerMeans]) -> LayerMeans:
    """The means of h and g of several layers as one."""
    return replace(
        means[0],
        inputs=None,
        outputs=torch.stack([mean.outputs for mean in means]),
        gradients=torch.stack([mean.gradients for mean in means]),
    )
