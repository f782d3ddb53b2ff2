"""What was run for a report: without it nobody can tell whether two answer the same question."""

from service.contracts.base import Contract
from service.contracts.schedule import Schedule
from service.contracts.tuning import TuningSpec
from service.contracts.workers import Workers


class Work(Contract):
    """What every run was given beside its optimizer, its problem and its epochs."""

    batch_sizes: dict[str, int]
    """Rows of a mini-batch, by problem."""
    workers: Workers
    """DDP ranks of a trial, or the bounds of their number."""
    schedules: dict[str, Schedule]
    """Of the learning rate, by contender, as far as it is not searched."""
    tuning: TuningSpec
    """What each search might spend."""
    devices: tuple[str, ...] = ()
    """Where the finals ran, as far as their workers told it."""
