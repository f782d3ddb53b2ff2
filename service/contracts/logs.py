"""What drivers and trials print: numbered chunks on their way, and as people read them."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from service.contracts.base import Contract
from service.contracts.text import Identity, Moment, storable

TRIAL_BYTES = 256 << 10
"""Of a trial's output at most so much is kept, and then its end."""
DRIVER_BYTES = 1 << 20
"""Of a driver's output, alike."""
STUDY_CHARACTERS = 16 << 20
"""Of a whole study, over all its attempts, the service keeps at most so much."""
CHUNK_CHARACTERS = 32 << 10
"""A chunk is no longer."""
BATCH_CHUNKS = 16
"""A batch has no more."""


class LogChunk(Contract):
    """A piece of what a driver or a trial printed."""

    number: Annotated[int, Field(ge=0, lt=2**31)]
    """Counts the chunks of this attempt: the same number is the same chunk."""
    trial_id: Identity | None = None
    """The trial that printed it; None for the driver."""
    rank: Annotated[int, Field(ge=0)] = 0
    """Which of the trial's workers, from 0."""
    at: Moment
    """When the driver read it."""
    text: Annotated[str, Field(max_length=CHUNK_CHARACTERS), AfterValidator(storable)]


class LogBatch(Contract):
    """Chunks of one attempt of one study, in the order of their numbers."""

    attempt: Annotated[int, Field(ge=1)]
    chunks: Annotated[tuple[LogChunk, ...], Field(max_length=BATCH_CHUNKS)]


class LogReceipt(Contract):
    """How many chunks of a batch are stored now, repeats included; the rest was too much."""

    stored: int


class LogEntry(Contract):
    """A stored chunk."""

    number: int
    """Grows within the comparison, not without gaps: ask for what comes after it."""
    study_id: str
    trial_id: str | None
    rank: int = 0
    """Which of the trial's workers, from 0."""
    attempt: int
    at: datetime
    text: str

    @property
    def source(self) -> tuple[str, int]:
        """Who printed it, and in which attempt."""
        worker = f", rank {self.rank}" if self.rank else ""
        return f"{self.trial_id or f'driver of {self.study_id}'}{worker}", self.attempt

    @property
    def heading(self) -> str:
        """A line that says so."""
        name, attempt = self.source
        return f"==> {name}, attempt {attempt} <==\n"


class LogPage(Contract):
    """Some entries in their order."""

    items: tuple[LogEntry, ...]
    last: int
    """Where the next page begins: the number of the last entry, or what was asked for."""

    @property
    def text(self) -> str:
        """The words of all entries; a line says whose they are wherever that changes."""
        return "".join(
            entry.text if before and before.source == entry.source else entry.heading + entry.text
            for before, entry in zip((None, *self.items), self.items, strict=False)
        )
