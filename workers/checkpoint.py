"""A trial's checkpoints, the last and the best: replaced as a whole, never read where damaged."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from service.contracts.events import MetricPoint
from service.contracts.usage import Usage
from workers.ranks.base import ALONE, Ranks
from workers.ranks.joining import OWN, state_for
from workers.sealed import CheckpointDamaged, name_too, seal, unseal
from workers.storage import at_the_storage

__all__ = ["Checkpoint", "CheckpointDamaged", "CheckpointStore", "weights_of"]

_HISTORY = TypeAdapter(tuple[MetricPoint, ...])


@dataclass(frozen=True)
class Checkpoint:
    """A trial after its last whole epoch, as one of its ranks has it.

    Attributes:
        identity: Digest of what defines the run; a checkpoint of another run is refused.
        points: The figures so far, the initial weights first; the last one tells the position
            and the clock.
        state: Model, optimizer and generators; None for a trial that diverged.
        diverged: Why it diverged; None where it did not.
        ranks: How many ranks it was saved by.
        usage: What the trial had taken beside its time; None in one saved before that was kept.
        best_epoch: Of the best checkpoint by then, this one or an earlier one; None where no loss
            was finite.
    """

    identity: str
    points: tuple[MetricPoint, ...]
    state: dict[str, Any] | None
    diverged: str | None = None
    ranks: int = 1
    usage: Usage | None = None
    best_epoch: int | None = None


class CheckpointStore:
    """The last and the best checkpoint of one trial in its folder.

    One rank keeps one file. Of several, each writes what it alone knows to a file of a new name;
    once all have, rank 0 replaces the first file, which names theirs. Whatever breaks off, the
    first file names a whole set. The best one is the first file of its moment under a second name,
    which a process that was killed before it had given it makes up for.

    Args:
        folder: The trial's.
        ranks: Who saves and loads; all of them together.
    """

    def __init__(self, folder: Path, ranks: Ranks = ALONE) -> None:
        self._folder, self._ranks = folder, ranks
        self._path, self._best = folder / "checkpoint.pt", folder / "best.pt"
        self._best_shares: Sequence[str] = []

    def save(self, checkpoint: Checkpoint) -> None:
        """Put it in the place of the one before; a crash leaves the one or the other.

        Raises:
            StorageFailed: If it could not be written.
        """
        state, shares = checkpoint.state, []
        if state is not None and self._ranks.size > 1:
            shares = self._share({key: state[key] for key in OWN})
            state = {key: value for key, value in state.items() if key not in OWN}
        if self._ranks.rank > 0:
            return
        is_best = _is_best(checkpoint)
        if is_best:
            self._best_shares = shares
        fields = {
            "identity": checkpoint.identity,
            "points": _HISTORY.dump_json(checkpoint.points).decode(),
            "state": state,
            "diverged": checkpoint.diverged,
            "usage": checkpoint.usage.model_dump_json() if checkpoint.usage else None,
            "shares": shares,
            "best_epoch": checkpoint.best_epoch,
            "best_shares": self._best_shares,
        }
        seal(self._path, fields)
        if is_best:
            name_too(self._path, self._best)
        self._forget_all_but({*shares, *self._best_shares})

    def load(self, identity: str) -> Checkpoint | None:
        """The last checkpoint of this run as this rank continues it, or None where there is none.

        Raises:
            CheckpointDamaged: If a file is not whole or belongs to another run.
            StorageFailed: If one could not be read.
        """
        found = self._read(self._path, identity)
        if found is not None and _is_best(found) and self._ranks.rank == 0:
            name_too(self._path, self._best)
        return found

    def load_best(self, identity: str) -> Checkpoint | None:
        """The same of the best checkpoint, for where the last one is damaged."""
        return self._read(self._best, identity)

    def _read(self, path: Path, identity: str) -> Checkpoint | None:
        try:
            fields = unseal(path)
        except FileNotFoundError:
            return None
        if fields["identity"] != identity:
            raise CheckpointDamaged("it belongs to a run with other settings or plug-ins")
        shares = fields.get("shares", [])
        state = fields["state"]
        if state is not None:
            own = [self._own(share) for share in self._needed(shares)]
            state = state_for(self._ranks, state, own, saved_by=max(len(shares), 1))
        self._best_shares = fields.get("best_shares", [])
        return Checkpoint(
            identity=identity,
            points=_HISTORY.validate_json(fields["points"]),
            state=state,
            diverged=fields["diverged"],
            ranks=max(len(shares), 1),
            usage=Usage.model_validate_json(usage) if (usage := fields.get("usage")) else None,
            best_epoch=fields.get("best_epoch"),
        )

    def _share(self, own: dict[str, Any]) -> list[str]:
        """Write this rank's own state; ``name digest`` of all ranks' files, once they are there."""
        name = f"share-{uuid.uuid4().hex}.pt"
        digest = seal(self._folder / name, own)
        return self._ranks.gather_text(f"{name} {digest}")

    def _needed(self, shares: Sequence[str]) -> Sequence[str]:
        """This rank's own file, or where their number has changed those of all."""
        if len(shares) == self._ranks.size:
            return shares[self._ranks.rank : self._ranks.rank + 1]
        return shares

    def _own(self, share: str) -> dict[str, Any]:
        name, digest = share.split()
        try:
            return unseal(self._folder / name, digest=digest)
        except FileNotFoundError as error:
            raise CheckpointDamaged(f"the file {name} of one of its ranks is missing") from error

    @at_the_storage()
    def _forget_all_but(self, shares: Collection[str]) -> None:
        """Remove what ranks wrote for checkpoints that are neither the last nor the best."""
        kept = {share.split()[0] for share in shares}
        for path in self._folder.glob("share-*.pt"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    """The model's weights in a checkpoint, on the CPU, as ``load_state_dict`` takes them.

    Args:
        path: A ``best.pt`` or ``checkpoint.pt`` of a trial, of however many workers.

    Raises:
        CheckpointDamaged: If the file is not whole, or the trial had diverged.
        FileNotFoundError: If it is not there.
    """
    state = unseal(path)["state"]
    if state is None:
        raise CheckpointDamaged("its trial had diverged: it has no weights")
    weights: dict[str, torch.Tensor] = state["model"]
    return weights


def _is_best(checkpoint: Checkpoint) -> bool:
    """Whether it is the best one so far."""
    last = checkpoint.points[-1].epoch if checkpoint.points else None
    return checkpoint.state is not None and last is not None and last == checkpoint.best_epoch
