"""Sealed files: what torch can save, replaced as a whole, with a digest that proves it whole."""

import hashlib
import io
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import torch

from workers.storage import at_the_storage

MAGIC = b"kbfgs-checkpoint-1\n"
DIGEST_BYTES = 32


class CheckpointDamaged(Exception):
    """The file is not what was written, or belongs to another run."""


@at_the_storage()
def seal(path: Path, fields: dict[str, Any]) -> str:
    """Put a file in the place of the one before; a crash leaves the one or the other.

    Args:
        path: Where it lies; its folder is made.
        fields: What it holds.

    Returns:
        Its digest in hexadecimal.

    Raises:
        StorageFailed: If it could not be written.
    """
    buffer = io.BytesIO()
    torch.save(fields, buffer)
    payload = buffer.getbuffer()
    digest = hashlib.sha256(payload)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.stem}-{uuid.uuid4().hex}"
    try:
        with temporary.open("wb") as file:
            file.write(MAGIC)
            file.write(digest.digest())
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return digest.hexdigest()


@at_the_storage()
def name_too(path: Path, other: Path) -> None:
    """Give a file a second name, in the place of what had it; a crash leaves one or the other.

    Args:
        path: The file.
        other: Its second name, in the same folder.

    Raises:
        StorageFailed: If it could not be given.
    """
    temporary = path.parent / f".{other.stem}-{uuid.uuid4().hex}"
    try:
        try:
            temporary.hardlink_to(path)
        except OSError:  # not every file system has links
            shutil.copyfile(path, temporary)
        temporary.replace(other)
    finally:  # where both were one file already, replacing does nothing
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


@at_the_storage()
def unseal(path: Path, *, digest: str | None = None) -> dict[str, Any]:
    """What a file holds, its tensors in main memory: whoever loads a state moves them.

    Args:
        path: The file.
        digest: What :func:`seal` gave for it, where it must be that very one.

    Raises:
        CheckpointDamaged: If it is not whole, or another one.
        FileNotFoundError: If it is not there.
        StorageFailed: If it could not be read.
    """
    content = path.read_bytes()
    header = len(MAGIC) + DIGEST_BYTES
    if len(content) < header or not content.startswith(MAGIC):
        raise CheckpointDamaged("it does not begin as a checkpoint does")
    payload, written = content[header:], content[len(MAGIC) : header]
    if hashlib.sha256(payload).digest() != written or digest not in (None, written.hex()):
        raise CheckpointDamaged("its content does not have the digest that was written")
    fields: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return fields


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
