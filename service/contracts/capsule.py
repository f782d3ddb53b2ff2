"""A comparison as one document that can be run again, with what came of it.

What has a default in a spec is spelled out in a capsule: another version, whose defaults or whose
way to draw points differ, runs the same.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import FailFast, Field

from service.contracts.base import Contract, Name
from service.contracts.events import Count, Environment, Loss
from service.contracts.points import Point, Seed, Seeds
from service.contracts.spec import MOST_EPOCHS, ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.contracts.text import Identity, Moment

KIND = "capsule"
MOST_TRIALS = MOST_EPOCHS
"""As many as a comparison may have, each of one epoch; a server reads what fits into a body."""
MOST_ENVIRONMENTS = 10_000

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""


class CapsuleTrial(Contract):
    """One training run: where it stood in the comparison, and what it measured."""

    kind: StudyKind
    problem: Name
    contender: Name
    point: Point
    """The searched settings; a search that learns has the point that it proposed."""
    seed: Seed
    state: TrialState
    epochs: Count = 0
    """Epochs that it did; a trial that its search stopped early is stopped there again."""
    losses: Digest | None = None
    """Of its losses after every epoch; None where it was lost or cancelled, or never began."""
    final_loss: Loss = None
    """The deciding loss after the last epoch."""
    environment: Annotated[int, Field(ge=0)] | None = None
    """Where it ran, as a place in the capsule's list."""

    @property
    def runs_again(self) -> bool:
        """Whether a rerun has it: not what a person cancelled, nor what ended before it began."""
        if self.state is TrialState.STOPPED:
            return self.losses is not None
        if self.state is TrialState.FAILED:
            return bool(self.point) or self.environment is not None
        return self.state is not TrialState.CANCELLED


class Origin(Contract):
    """The capsule that a comparison ran again."""

    comparison_id: Identity
    """The comparison that it was made of."""
    checksum: Digest


class Capsule(Contract):
    """A comparison that has finished, complete enough to be run again."""

    kind: Literal["capsule"] = "capsule"
    schema_version: Literal[1] = 1
    comparison_id: Identity
    """The comparison that it was made of."""
    rerun_of: Origin | None = None
    """What that comparison ran again itself; None where it was a first run."""
    made_at: Moment
    spec: ComparisonSpec
    """With every setting of every contender and every space spelled out."""
    seeds: Seeds
    batch_sizes: dict[Name, Annotated[int, Field(ge=1)]]
    """Rows of a mini-batch, by problem."""
    cancelled: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    """Contenders that were cancelled: they take no part in a rerun."""
    environments: Annotated[
        tuple[Environment, ...], Field(max_length=MOST_ENVIRONMENTS), FailFast()
    ]
    """Versions, hardware, git revision and data sets of the trials, each set once."""
    trials: Annotated[tuple[CapsuleTrial, ...], Field(max_length=MOST_TRIALS), FailFast()]
    """In the order in which they were planned; finals at a point that was chosen once and is no
    longer are left out."""
    checksum: Digest
    """Of the rest of the document."""

    @property
    def named(self) -> str:
        """What it is called: ``capsule 5f3a9c01 of comparison kq3vxe7a2m``."""
        return f"capsule {self.checksum[:8]} of comparison {self.comparison_id}"

    @property
    def origin(self) -> Origin:
        """What a rerun's own capsule says of this one."""
        return Origin(comparison_id=self.comparison_id, checksum=self.checksum)

    def chosen(self, problem: str) -> dict[str, Point]:
        """The point of each contender's finals on a problem, as far as they run again."""
        return {
            trial.contender: trial.point
            for trial in self.trials
            if trial.kind is StudyKind.FINALS and trial.problem == problem and trial.runs_again
        }


def checksum_of(document: Mapping[str, object]) -> str:
    """SHA-256 of a capsule as it stands in a file, without its checksum.

    Of the document and not of what is read from it: a later version, which knows fields that this
    one lacks, finds the same. And so does who wrote it anew: many tools write 1.0 as 1.
    """
    rest = {name: value for name, value in document.items() if name != "checksum"}
    plain = json.loads(json.dumps(rest), parse_float=_number)
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _number(written: str) -> float:
    """A number with its point or exponent; as RFC 8785 has it, a whole one has neither."""
    value = float(written)
    return int(value) if value.is_integer() else value


def is_capsule(document: object) -> bool:
    """Whether a parsed document says that it is one."""
    return isinstance(document, Mapping) and document.get("kind") == KIND
