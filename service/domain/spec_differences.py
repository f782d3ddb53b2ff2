"""What differs between two specs, field by field, their defaults spelled out."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.contracts.catalogue import Catalogue
from service.contracts.errors import SpecRefused
from service.contracts.numbers import DASH
from service.contracts.spec import ComparisonSpec
from service.domain.capsules import batch_sizes, spelled_out

_LABELS = {"name", "priority", "tags"}
"""They say what a comparison is called and when it runs, and nothing of what it finds."""


@dataclass(frozen=True, slots=True)
class SpecDifference:
    """A field that two specs have otherwise."""

    field: str
    """As ``contenders.adam.space.lr.log``: contenders by name, whatever their order."""
    then: str
    """As a spec says it, unrounded; a dash where the spec does not have the field."""
    now: str


def spec_differences(
    then: ComparisonSpec, now: ComparisonSpec, *, catalogue: Catalogue
) -> tuple[SpecDifference, ...]:
    """Every field in which a later spec differs from an earlier one, in the order of the earlier.

    Args:
        then: The earlier one.
        now: The later one.
        catalogue: Where defaults are found; where it no longer has what one of the two names, they
            are compared as they were submitted.
    """
    try:
        specs = [spelled_out(spec, catalogue) for spec in (then, now)]
    except SpecRefused:
        specs = [then, now]
    before, after = (dict(_fields(_document(spec, catalogue))) for spec in specs)
    return tuple(
        SpecDifference(field, _words(before, field), _words(after, field))
        for field in before | after
        if field not in before or field not in after or before[field] != after[field]
    )


def _document(spec: ComparisonSpec, catalogue: Catalogue) -> dict[str, object]:
    document = spec.model_dump(mode="json", exclude_none=True, exclude=_LABELS)
    contenders = zip(spec.contenders, document["contenders"], strict=True)
    return {
        **document,
        "contenders": {given.label: one for given, one in contenders},
        "baseline": spec.baseline_label,
        "batch_size": batch_sizes(spec, catalogue),
    }


def _fields(document: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Every value with the way to it; a list is one value."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _words(fields: Mapping[str, object], field: str) -> str:
    if field not in fields:
        return DASH
    value = fields[field]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
