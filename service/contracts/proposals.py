"""What a search goes by while it runs: what was tried, and where trials may end early."""

from typing import Annotated, Literal

from pydantic import Field

from service.contracts.base import Contract, SettingValue
from service.contracts.metrics import Metric
from service.contracts.space import Space


class Tried(Contract):
    """A trial that has its point already, and what became of it."""

    trial_id: str
    point: dict[str, SettingValue]
    state: Literal["running", "stopped", "ended"]
    """``stopped`` where its search ended it early."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs of its last loss."""
    loss: float | None = None
    """The last loss of those that points are chosen by; None where it diverged or failed."""


class Proposals(Contract):
    """What points are proposed from."""

    space: Space
    metric: Metric
    tried: tuple[Tried, ...]
    """In the order of their numbers; trials that say nothing of their point are left out."""
    open: dict[str, int]
    """The trials without a point, each with the seed of its proposal."""


class Rungs(Contract):
    """Where trials may be stopped early, and what came to these epochs so far."""

    epochs: tuple[int, ...]
    reduction_factor: int
    metric: Metric
    losses: dict[str, dict[int, float | None]]
    """By trial and rung, of the trials that have gone on from there or ended; None where the loss
    was not finite."""
    stops: dict[str, int] | None = None
    """In a rerun, the epochs after which trials are stopped whatever came there; None where they
    are judged."""
