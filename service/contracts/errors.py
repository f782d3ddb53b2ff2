"""Errors about a spec, each with the field it is about and what is allowed there."""

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.contracts.base import Contract

WHOLE = "(whole)"
"""The field of an error that is about all of the input."""


class FieldError(Contract):
    """One thing that is wrong with an input."""

    field: str
    """Where: ``contenders[0].space.lr.log``."""
    message: str
    allowed: tuple[str, ...] | None = None
    """The allowed values, where they can be listed."""


class SpecRefused(ValueError):
    """The spec cannot be run; ``errors`` says which fields and why."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = tuple(errors)


def field_path(location: Sequence[int | str]) -> str:
    """``("contenders", 0, "space")`` as ``contenders[0].space``."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def first_error(error: ValidationError) -> str:
    """The first of pydantic's errors in one line: ``studies[0].kind: Field required``."""
    first = error.errors(include_url=False)[0]
    path = field_path(first["loc"])
    return f"{path}: {first['msg']}" if path else str(first["msg"])


def from_validation(
    error: ValidationError, data: object, *, known: Sequence[str] = ()
) -> tuple[FieldError, ...]:
    """Pydantic's errors as field errors, one for each field.

    Args:
        error: What pydantic raised.
        data: The input it was raised for; fields are named as they stand there.
        known: Field names of the model, listed where an unknown top-level field was given.
    """
    merged: dict[str, FieldError] = {}
    for detail in error.errors(include_url=False):
        found = _from_detail(detail, data, known)
        earlier = merged.get(found.field)
        if earlier is None:
            merged[found.field] = found
        elif found.message not in earlier.message:
            merged[found.field] = FieldError(
                field=found.field,
                message=f"{earlier.message}, or: {found.message}",
                allowed=(*(earlier.allowed or ()), *(found.allowed or ())) or None,
            )
    return tuple(merged.values())


def _from_detail(detail: ErrorDetails, data: object, known: Sequence[str]) -> FieldError:
    path = field_path(_present(detail["loc"], data, missing=detail["type"] == "missing"))
    context = detail.get("ctx", {})
    message = str(detail["msg"]).removeprefix("Value error, ")
    allowed: tuple[str, ...] | None = None
    match detail["type"]:
        case "extra_forbidden":
            message = "unknown field"
            allowed = tuple(known) if len(detail["loc"]) == 1 and known else None
        case "literal_error" | "enum":
            allowed = tuple(re.findall(r"'([^']*)'", str(context["expected"]))) or (
                str(context["expected"]),
            )
        case kind if kind.startswith(("greater", "less", "string_pattern")):
            message = f"{message}, got {detail['input']!r}"
    if not path and ": " in message:
        path, message = message.split(": ", 1)
    return FieldError(field=path or WHOLE, message=message, allowed=allowed)


def _present(
    location: Sequence[int | str], data: object, *, missing: bool
) -> tuple[int | str, ...]:
    """The parts of a location that stand in the input, without the tags of unions."""
    kept: list[int | str] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(data, Mapping) and (part in data or (missing and last)):
            kept.append(part)
            data = data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int):
            kept.append(part)
            data = data[part] if part < len(data) else None
    return tuple(kept)
