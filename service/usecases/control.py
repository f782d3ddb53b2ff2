"""What people do to a comparison that is there: steer it or a part, extend, edit, delete it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.contracts.catalogue import Catalogue
from service.contracts.edit import Edit
from service.contracts.extension import Extension
from service.contracts.views import ComparisonView, TrialView
from service.domain import ids
from service.domain.errors import Forbidden, NotFound
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Actor, ComparisonRecord, Role, TrialRecord
from service.usecases.deleting import delete
from service.usecases.extending import extend
from service.usecases.labelling import relabel
from service.usecases.ledger import Ledger
from service.usecases.steering import Steering
from service.usecases.views import comparison_views, trial_view


@dataclass(frozen=True, slots=True)
class Control:
    """What the creator of a comparison, or an admin, may do to it.

    Every method may be repeated, and raises NotFound where there is no such thing, Forbidden
    where another key created the comparison and the asker is no admin, and TransitionRefused
    where its state does not allow the change.
    """

    units: Units
    catalogue: Catalogue
    clock: Clock

    def cancel(
        self, comparison_id: str, *, actor: Actor, contender: str | None = None
    ) -> ComparisonView:
        """End a comparison, or one contender: it drops out, and the others go on."""
        with self._steering(comparison_id, actor, "cancelled") as steering:
            if contender is None:
                steering.cancel()
            else:
                steering.cancel_contender(contender)
        return self._view(comparison_id)

    def cancel_trial(self, trial_id: str, *, actor: Actor) -> TrialView:
        """End one trial alone."""
        with self._steering(ids.comparison_of(trial_id), actor, "cancelled") as steering:
            steering.cancel_trial(_trial(steering.unit, trial_id))
        return self._trial_view(trial_id)

    def pause(
        self, comparison_id: str, *, actor: Actor, contender: str | None = None
    ) -> ComparisonView:
        """Hold a comparison, or what one contender has in the queue or running."""
        with self._steering(comparison_id, actor, "paused") as steering:
            if contender is None:
                steering.pause()
            else:
                steering.pause_contender(contender)
        return self._view(comparison_id)

    def pause_trial(self, trial_id: str, *, actor: Actor) -> TrialView:
        """Hold one trial alone."""
        with self._steering(ids.comparison_of(trial_id), actor, "paused") as steering:
            steering.pause_trial(_trial(steering.unit, trial_id))
        return self._trial_view(trial_id)

    def resume(
        self, comparison_id: str, *, actor: Actor, contender: str | None = None
    ) -> ComparisonView:
        """Let everything go on that is held in a comparison, or of one contender."""
        with self._steering(comparison_id, actor, "resumed") as steering:
            if contender is None:
                steering.resume()
            else:
                steering.resume_contender(contender)
        return self._view(comparison_id)

    def resume_trial(self, trial_id: str, *, actor: Actor) -> TrialView:
        """Let one trial go on from its checkpoint."""
        with self._steering(ids.comparison_of(trial_id), actor, "resumed") as steering:
            steering.resume_trial(_trial(steering.unit, trial_id))
        return self._trial_view(trial_id)

    def extend(self, comparison_id: str, extension: Extension, *, actor: Actor) -> ComparisonView:
        """Give a comparison more points, epochs, seeds or contenders; what ran is used again.

        One that has finished goes on, and its report is interim until it finishes again.

        Raises:
            InvalidSpec: Where a comparison cannot have that.
        """
        with self._steering(comparison_id, actor, "extended") as steering:
            extend(
                steering.unit,
                steering.ledger,
                steering.comparison,
                extension,
                catalogue=self.catalogue,
                actor=actor.name,
                clock=self.clock,
            )
        return self._view(comparison_id)

    def edit(self, comparison_id: str, edit: Edit, *, actor: Actor) -> ComparisonView:
        """Call a comparison otherwise, give it other tags or another priority, in any state.

        Raises:
            InvalidSpec: Where no comparison can be called so.
        """
        with self._steering(comparison_id, actor, "edited") as steering:
            relabel(steering.unit, steering.ledger, steering.comparison, edit)
        return self._view(comparison_id)

    def delete(self, comparison_id: str, *, actor: Actor) -> None:
        """Remove a comparison that has ended, with its rows, logs and checkpoints.

        Raises:
            Conflict: Where it has not ended.
        """
        with self._steering(comparison_id, actor, "deleted") as steering:
            delete(steering.unit, steering.comparison, actor=actor.name, now=self.clock.now())

    @contextmanager
    def _steering(self, comparison_id: str, actor: Actor, done: str) -> Iterator[Steering]:
        """The comparison in the hand of someone who may change it; stored at the block's end."""
        with self.units.write() as unit:
            comparison = unit.comparisons.lock(comparison_id)
            if comparison is None:
                raise NotFound(f"there is no comparison {comparison_id}")
            _check_rights(comparison, actor, done)
            with Ledger(unit, comparison.id, actor=actor.name, clock=self.clock) as ledger:
                yield Steering(unit, ledger, comparison, f"{done} by {actor.name}")

    def _view(self, comparison_id: str) -> ComparisonView:
        with self.units.read() as unit:
            comparison = unit.comparisons.get(comparison_id)
            if comparison is None:  # it was deleted meanwhile
                raise NotFound(f"there is no comparison {comparison_id}")
            return comparison_views(unit, [comparison], now=self.clock.now())[0]

    def _trial_view(self, trial_id: str) -> TrialView:
        with self.units.read() as unit:
            return trial_view(_trial(unit, trial_id))


def _check_rights(comparison: ComparisonRecord, actor: Actor, done: str) -> None:
    if actor.key_id != comparison.owner_key and not actor.role.covers(Role.ADMIN):
        raise Forbidden(
            f"comparison {comparison.id} was created with the key {comparison.owner!r}: "
            f"it can be {done} with that key or an admin's"
        )


def _trial(unit: UnitOfWork, trial_id: str) -> TrialRecord:
    trials = unit.trials.of(ids.comparison_of(trial_id), trial_ids=[trial_id])
    if not trials:
        raise NotFound(f"there is no trial {trial_id}")
    return trials[0]
