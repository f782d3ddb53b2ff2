"""Layers are worked on together: one operation for the vectors and scalars of all of them.

The pairs, means and dampings of the layers are small next to their matrices, and on a GPU each
operation on one of them costs as much as on all. They stand as rows of one array. The matrices stay
where they are, and each costs its own product, but for small ones of one shape: stacks of equal
layers and the groups of a convolution have many of them, and one call multiplies all of a kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from operator import add
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from kbfgs.curvature.dense import DenseInverse, DenseInverses, Matrices
from kbfgs.curvature.output import OutputInverses, together
from kbfgs.curvature.pairs import MeanChanges, PairAverage, PairRules, learn_pairs
from kbfgs.damping import identity_threshold
from kbfgs.distributed.exchange import LayerMeans
from kbfgs.padded import cut, numbers, padded
from kbfgs.preconditioned import LayerKind, PreconditionedLayer, StepSettings

# With sides of 64 four layers take half the time together, with 128 about as long as one by one.
LARGEST_SIDE = 128
# Zeros behind vectors from which on, on a CPU, they cost more than a further group of layers.
MOST_EMPTY_ON_CPU = 20_000
# Elsewhere they cost next to nothing but memory: 16 MB in float32 for each of six arrays.
MOST_EMPTY = 1 << 22

T = TypeVar("T")
Sides = tuple[int, int]


class Plan(NamedTuple):
    """Layers that are worked on together.

    Attributes:
        indices: Where they stand among all layers; those of one shape are next to each other.
        runs: Slices of `indices`, of small layers of one shape or of one layer.
        outputs: Rows of H_g of each.
        inputs: Rows of H_a of each.
    """

    indices: list[int]
    runs: list[slice]
    outputs: list[int]
    inputs: list[int]


class LayerGroup:
    """Layers of one dtype on one device with one form of H_g; made anew for each stage of a step.

    Lists are in their order.

    Args:
        layers: All layers.
        plan: Which of them belong to the group, and how.

    Attributes:
        indices: Where they stand among all layers.
        runs: Slices of `indices`, of layers that share their products of matrices.
    """

    def __init__(self, layers: Sequence[PreconditionedLayer], plan: Plan) -> None:
        self.indices, self.runs, self._outputs, self._inputs = plan
        self._layers = self.pick(layers)
        self._states = [layer.state for layer in self._layers]

    def pick(self, of_all: Sequence[T]) -> list[T]:
        """What belongs to these layers."""
        return [of_all[index] for index in self.indices]

    @cached_property
    def _input_inverses(self) -> DenseInverses:
        inverses = [state.input_factor.require_inverse().matrix for state in self._states]
        return DenseInverses(inverses, self.runs)

    @cached_property
    def _output_inverses(self) -> OutputInverses:
        return together([state.output_inverse for state in self._states], self.runs)

    def directions(self) -> Sequence[Tensor]:
        """H_g M H_a of each, shape (d_out, d_in + 1)."""
        inner = self._output_inverses.times_each([state.momentum for state in self._states])
        return self._input_inverses.each_times(inner)

    def probe(self, means: Sequence[LayerMeans]) -> Iterable[tuple[Tensor, Tensor]]:
        """s_a = H_a mean(ā), and this rank's part of A s_a, of each."""
        inputs = [_inputs(mean) for mean in means]
        # The one of ā = [a; 1] stands behind a; where there is no bias it is not looked at.
        mean_inputs = padded(inputs, width=max(self._inputs), fill=1.0)[0]
        steps = self._input_inverses.times(mean_inputs)
        shares = Matrices([state.input_factor.share for state in self._states], self.runs)
        actions = shares.times(steps)
        return zip(cut(steps, self._inputs), cut(actions, self._inputs), strict=True)

    def learn_curvature(
        self,
        first: Sequence[LayerMeans],
        second: Sequence[LayerMeans],
        *,
        settings: StepSettings,
        accepted: Tensor | None,
    ) -> None:
        """Average the pairs, and update each H_g by a damped copy."""
        steps = [state.pair.step for state in self._states]
        changes = [state.pair.change for state in self._states]
        step, change, *means = padded(
            steps,
            changes,
            [mean.outputs for mean in first],
            [mean.gradients for mean in first],
            [mean.outputs for mean in second],
            [mean.gradients for mean in second],
            width=max(self._outputs),
        ).unbind()
        outputs, gradients, new_outputs, new_gradients = means
        outcome = learn_pairs(
            PairAverage(step, change),
            self._output_inverses,
            MeanChanges(new_outputs - outputs, new_gradients - gradients, gradients),
            rules=self._rules(settings, like=step),
            accepted=accepted,
        )
        averages = [*cut(step, self._outputs), *cut(change, self._outputs)]
        torch._foreach_copy_([*steps, *changes], averages)
        torch._foreach_copy_(
            [state.curvature for state in self._states], list(outcome.curvature.unbind())
        )
        counts = [state.counts[:3] for state in self._states]
        torch._foreach_add_(counts, list(outcome.counts.unbind()))

    def act(
        self, steps: Sequence[Tensor], actions: Sequence[Tensor], *, settings: StepSettings
    ) -> None:
        """Update each H_a by the Hessian action (s_a, A s_a + λ_A √|T| s_a)."""
        step, action = padded(steps, actions, width=max(self._inputs)).unbind()
        dampings = [settings.input_damping(state.positions) for state in self._states]
        change = torch.addcmul(action, step, numbers(dampings, like=step)[:, None])
        allowed = torch.ones(len(step), dtype=torch.bool, device=step.device)
        made = self._input_inverses.update(step, change, floor=0.0, allowed=allowed)
        skipped = (~made).to(torch.int64)
        torch._foreach_add_([state.counts[3] for state in self._states], list(skipped.unbind()))

    def _rules(self, settings: StepSettings, *, like: Tensor) -> PairRules:
        ablation = self._layers[0].ablation
        thresholds = [
            identity_threshold(settings.damping, positions=state.positions)
            for state in self._states
        ]
        return PairRules(
            decay=settings.factor_decay,
            powell=settings.powell if ablation.powell_damping else None,
            identity=numbers(thresholds, like=like) if ablation.identity_damping else None,
        )


def _inputs(mean: LayerMeans) -> Tensor:
    assert mean.inputs is not None
    return mean.inputs


def group_layers(layers: Sequence[PreconditionedLayer]) -> list[LayerGroup]:
    """All layers, those that can be worked on together in one group."""
    return [LayerGroup(layers, plan) for plan in plans(tuple(layer.kind for layer in layers))]


def in_order(groups: Iterable[LayerGroup], work: Callable[[LayerGroup], Iterable[T]]) -> list[T]:
    """What work on the groups gives for each layer, in the order of all layers."""
    found = {
        index: result
        for group in groups
        for index, result in zip(group.indices, work(group), strict=True)
    }
    return [found[index] for index in range(len(found))]


@lru_cache(maxsize=16)
def plans(kinds: tuple[LayerKind, ...]) -> tuple[Plan, ...]:
    """Which layers are worked on together."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for index, kind in enumerate(kinds):
        alike[kind.dtype, kind.device, kind.form].append(index)
    return tuple(
        Plan(
            part,
            _runs([kinds[index] for index in part]),
            [kinds[index].outputs for index in part],
            [kinds[index].inputs for index in part],
        )
        for indices in alike.values()
        for part in _parts(sorted(indices, key=lambda index: kinds[index][3:]), kinds)
    )


def _parts(indices: Sequence[int], kinds: Sequence[LayerKind]) -> Iterator[list[int]]:
    """The layers in as few parts as leave little of the arrays of their vectors empty."""
    most = MOST_EMPTY_ON_CPU if kinds[indices[0]].device.type == "cpu" else MOST_EMPTY
    part: list[int] = []
    longest = total = (0, 0)
    for index in indices:
        sides = kinds[index].outputs, kinds[index].inputs
        if (
            part
            and _empty(len(part) + 1, _each(max, longest, sides), _each(add, total, sides)) > most
        ):
            yield part
            part, longest, total = [], (0, 0), (0, 0)
        part.append(index)
        longest, total = _each(max, longest, sides), _each(add, total, sides)
    yield part


def _empty(rows: int, longest: Sides, total: Sides) -> int:
    """What of two arrays with so many rows is not filled."""
    return rows * sum(longest) - sum(total)


def _each(function: Callable[[int, int], int], one: Sides, other: Sides) -> Sides:
    return function(one[0], other[0]), function(one[1], other[1])


def _runs(kinds: Sequence[LayerKind]) -> list[slice]:
    """Neighbours of one shape with small dense factors, and all others by themselves."""
    runs: list[slice] = []
    for index, kind in enumerate(kinds):
        small = kind.form is DenseInverse and max(kind.outputs, kind.inputs) <= LARGEST_SIDE
        if small and index > 0 and kinds[index - 1] == kind:
            runs[-1] = slice(runs[-1].start, index + 1)
        else:
            runs.append(slice(index, index + 1))
    return runs
