"""A trial's checkpoint: one file, replaced atomically, and never read where it is damaged."""

import hashlib
import io
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from service.contracts.events import MetricPoint

MAGIC = b"kbfgs-checkpoint-1\n"
DIGEST_BYTES = 32
_HISTORY = TypeAdapter(tuple[MetricPoint, ...])


class CheckpointDamaged(Exception):
    """The file is not what was written, or belongs to another run."""


@dataclass(frozen=True)
class Checkpoint:
    """A trial after its last whole epoch.

    Attributes:
        identity: Digest of what defines the run; a checkpoint of another run is refused.
        points: The figures so far, the initial weights first; the last one tells the position
            and the clock.
        state: Model, optimizer and generators; None for a trial that diverged.
        diverged: Why it diverged; None where it did not.
    """

    identity: str
    points: tuple[MetricPoint, ...]
    state: dict[str, Any] | None
    diverged: str | None = None


class CheckpointStore:
    """The checkpoint of one trial in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "checkpoint.pt"

    def save(self, checkpoint: Checkpoint) -> None:
        """Put it in the place of the one before; a crash leaves the one or the other."""
        buffer = io.BytesIO()
        torch.save(
            {
                "identity": checkpoint.identity,
                "points": _HISTORY.dump_json(checkpoint.points).decode(),
                "state": checkpoint.state,
                "diverged": checkpoint.diverged,
            },
            buffer,
        )
        payload = buffer.getbuffer()
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".checkpoint-{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as file:
                file.write(MAGIC)
                file.write(hashlib.sha256(payload).digest())
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(self._folder)

    def load(self, identity: str, device: torch.device) -> Checkpoint | None:
        """The checkpoint of this run, or None where there is none.

        Raises:
            CheckpointDamaged: If the file is not whole or belongs to another run.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        fields = _fields(content, device)
        if fields["identity"] != identity:
            raise CheckpointDamaged("it belongs to a run with other settings or plug-ins")
        return Checkpoint(
            identity=identity,
            points=_HISTORY.validate_json(fields["points"]),
            state=fields["state"],
            diverged=fields["diverged"],
        )


def _fields(content: bytes, device: torch.device) -> dict[str, Any]:
    header = len(MAGIC) + DIGEST_BYTES
    if len(content) < header or not content.startswith(MAGIC):
        raise CheckpointDamaged("it does not begin as a checkpoint does")
    payload = content[header:]
    if hashlib.sha256(payload).digest() != content[len(MAGIC) : header]:
        raise CheckpointDamaged("its content does not have the digest that was written")
    fields: dict[str, Any] = torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
    return fields


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
