"""Points of a search that learns: each follows from what the trials before it came to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from service.contracts.base import SettingValue
from service.contracts.events import TrialEnded, TrialPoint
from service.contracts.metrics import Metric
from service.contracts.plan import Point
from service.contracts.proposals import Proposals, Tried
from service.contracts.space import (
    Dimension,
    LogRange,
    Space,
    Values,
    in_order,
    is_active,
    is_number,
    settled,
)
from service.contracts.states import OWN_FAILURES

if TYPE_CHECKING:
    import optuna


def propose(space: Space, tried: Iterable[Tried], *, seed: int) -> Point:
    """The next point by a tree-structured Parzen estimator (Bergstra et al. 2011).

    A pure function: the sampler is made anew from the seed and shown the trials before each
    point, so that a search that starts over goes on as it would have.

    Args:
        space: What is searched.
        tried: The points before this one with what became of them, in their order.
        seed: This proposal's own.

    Returns:
        A point of the space, with the settings that are searched there.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.add_trials([_frozen(space, one) for one in tried])
    asked = study.ask()
    chosen: Point = {}
    for name in in_order(space):
        if is_active(space, name, chosen):
            chosen[name] = _asked(asked, name, space[name])
    return {name: chosen[name] for name in sorted(chosen)}


class Points:
    """The points of a search that learns: those that its trials have, and the next ones.

    Args:
        proposals: What the service knows of the search; None where all points were drawn before.
    """

    def __init__(self, proposals: Proposals | None = None) -> None:
        known = proposals or Proposals(space={}, metric=Metric.TRAIN_LOSS, tried=(), open={})
        self._space, self._metric = known.space, known.metric
        self._tried = {tried.trial_id: tried for tried in known.tried}
        self._open = dict(known.open)

    def give(self, trial_id: str) -> Point | None:
        """The point of a trial that has none yet; None where it has one."""
        seed = self._open.pop(trial_id, None)
        if seed is None:
            return None
        point = propose(self._space, self._tried.values(), seed=seed)
        self._tried[trial_id] = Tried(trial_id=trial_id, point=point, state="running")
        return point

    def hear(self, event: TrialPoint | TrialEnded) -> None:
        """Learn from what a trial measured, and from how it ended."""
        tried = self._tried.get(event.trial_id)
        if tried is None:
            return
        if isinstance(event, TrialPoint):
            measured = {"epochs": event.point.epoch, "loss": event.point.value(self._metric)}
            self._tried[event.trial_id] = tried.model_copy(update=measured)
        elif event.outcome == "failed" and event.failure not in OWN_FAILURES:
            del self._tried[event.trial_id]
        else:
            self._tried[event.trial_id] = _ended(tried, event.outcome)


def _ended(tried: Tried, outcome: str) -> Tried:
    """The trial after its end; only what it measured to the last counts."""
    if outcome == "stopped" and tried.loss is not None:
        return tried.model_copy(update={"state": "stopped"})
    loss = tried.loss if outcome == "finished" else None
    return tried.model_copy(update={"state": "ended", "loss": loss})


def _frozen(space: Space, tried: Tried) -> optuna.trial.FrozenTrial:
    """A trial as Optuna holds it; one that was stopped early ranks behind those that were not."""
    import optuna

    states = optuna.trial.TrialState
    state = {"running": states.RUNNING, "stopped": states.PRUNED, "ended": states.COMPLETE}
    value = math.inf if tried.loss is None else tried.loss
    return optuna.trial.create_trial(
        state=state[tried.state],
        value=value if tried.state == "ended" else None,
        intermediate_values={tried.epochs: value} if tried.state == "stopped" else {},
        params={name: _plain(space[name], setting) for name, setting in tried.point.items()},
        distributions={name: _distribution(space[name]) for name in tried.point},
    )


def _asked(asked: optuna.Trial, name: str, dimension: Dimension) -> SettingValue:
    """The value that the sampler gives a setting; of a list it is asked for the position."""
    if isinstance(dimension, Values):
        positions = range(len(dimension.values))
        return dimension.values[asked.suggest_categorical(name, tuple(positions))]
    low, high = dimension.bounds
    scale = isinstance(dimension, LogRange)
    return settled(dimension, asked.suggest_float(name, low, high, log=scale))


def _distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    """Ranges as they are; of a list the positions, for its values may be of any kind."""
    import optuna

    if isinstance(dimension, Values):
        return optuna.distributions.CategoricalDistribution(tuple(range(len(dimension.values))))
    low, high = dimension.bounds
    scale = isinstance(dimension, LogRange)
    return optuna.distributions.FloatDistribution(low, high, log=scale)


def _plain(dimension: Dimension, value: SettingValue) -> float | int:
    """A value as the sampler holds it."""
    if isinstance(dimension, Values):
        return dimension.values.index(value)
    assert is_number(value), "a range has numbers"
    return value
