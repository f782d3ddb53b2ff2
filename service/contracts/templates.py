"""Comparisons that are ready to be submitted, or to be changed first."""

from service.contracts.base import Contract
from service.contracts.spec import ComparisonSpec


class TemplateView(Contract):
    """A ready comparison."""

    name: str
    title: str
    """The comparison's name."""
    summary: str
    """What it is for."""
    trials: int
    """Of the search and the finals together."""
    epochs: int
    """Of all trials together."""
    text: str
    """YAML with remarks: what a person changes and submits."""
    spec: ComparisonSpec
    """The same with every default filled in."""
