"""Errors about a spec, each with the field it is about and what is allowed there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.contracts.base import Contract

WHOLE = "(whole)"
"""The field of an error that is about all of the input."""
MOST_ERRORS = 50
"""Of more nothing is said: an answer must not be many times as long as what was asked."""
_LOOKED_AT = 20 * MOST_ERRORS
"""Pydantic has several for a field that may be one of several things."""
LONGEST_WORDS = 1000


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS]} …"


_Words = Annotated[str, AfterValidator(_cut)]


class FieldError(Contract):
    """One thing that is wrong with an input; what it repeats of it is cut off after a while."""

    field: _Words
    """Where: ``contenders[0].space.lr.log``."""
    message: _Words
    allowed: tuple[str, ...] | None = None
    """The allowed values, where they can be listed."""


def first_of(errors: Sequence[FieldError]) -> tuple[FieldError, ...]:
    """The first errors, and where there are more, that there are."""
    if len(errors) <= MOST_ERRORS:
        return tuple(errors)
    return (*errors[:MOST_ERRORS], FieldError(field=WHOLE, message="more fields are wrong"))


class SpecRefused(ValueError):
    """The spec cannot be run; ``errors`` says which fields and why."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = first_of(errors)
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in self.errors))


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
    error: ValidationError, data: object, model: type[BaseModel]
) -> tuple[FieldError, ...]:
    """Pydantic's errors as field errors, one for each field.

    Args:
        error: What pydantic raised.
        data: The input it was raised for; fields are named as they stand there.
        model: What it was to be; its fields are listed where an unknown one was given.
    """
    merged: dict[str, FieldError] = {}
    looked_into: set[str] = set()
    of_another_kind: set[str] = set()
    for detail in error.errors(include_url=False)[:_LOOKED_AT]:
        path = _present(detail["loc"], data, missing=detail["type"] == "missing")
        found = _from_detail(detail, field_path(path), model)
        looked_into |= {field_path(path[:length]) for length in range(1, len(path))}
        if detail["type"].endswith("_type"):
            of_another_kind.add(found.field)
        earlier = merged.get(found.field)
        if earlier is None:
            merged[found.field] = found
        elif found.message not in earlier.message:
            merged[found.field] = FieldError(
                field=found.field,
                message=f"{earlier.message}, or: {found.message}",
                allowed=(*(earlier.allowed or ()), *(found.allowed or ())) or None,
            )
    # What may be a number or a mapping, and is a mapping, is wrong inside alone.
    return tuple(merged[field] for field in merged if field not in of_another_kind & looked_into)


def _from_detail(detail: ErrorDetails, path: str, model: type[BaseModel]) -> FieldError:
    context = detail.get("ctx", {})
    message = str(detail["msg"]).removeprefix("Value error, ")
    allowed: tuple[str, ...] | None = None
    match detail["type"]:
        case "extra_forbidden":
            message = "unknown field"
            allowed = _fields_at(detail["loc"][:-1], model) or None
        case "model_type" | "dict_type":
            fields = _fields_at(detail["loc"], model)
            message = (
                f"must be a mapping with {', '.join(fields)}" if fields else "must be a mapping"
            )
        case "tuple_type":
            message = "must be a list"
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


def _fields_at(location: Sequence[int | str], model: type[BaseModel]) -> tuple[str, ...]:
    """The fields that there are at a location; none where it is no one model's."""
    models = [model]
    for part in location:
        fields = [one.model_fields[part] for one in models if part in one.model_fields]
        if fields:  # else it is a number in a list, a name in a mapping or the tag of a union
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    if len(models) != 1:
        return ()
    fields_of = models[0].model_fields.items()
    return tuple(name for name, field in fields_of if field.annotation is not NoneType)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, also inside of lists and unions."""
    parts = get_args(annotation)
    if not parts and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in parts:
        yield from _models_in(part)
