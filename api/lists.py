"""What of a list is shown, and in what order: the parameters `fields` and `sort`."""

import functools
from collections.abc import Awaitable, Callable, Collection, Sequence
from difflib import get_close_matches
from types import GenericAlias
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import Response
from pydantic import TypeAdapter, create_model

from api.bodies import JSON
from api.errors import InvalidRequest
from service.contracts.base import Contract
from service.contracts.errors import FieldError
from service.domain.ordering import By, Order

Fields = set[str]


def fields_of(kind: type[Contract]) -> Callable[..., Awaitable[Fields | None]]:
    """A dependency: the fields of a kind that a request asks for, or None for all of them."""
    names = tuple(kind.model_fields)

    async def chosen(
        fields: Annotated[
            str | None,
            Query(
                description=f"Only these of {', '.join(names)}; several with commas between them.",
                json_schema_extra=_words("|".join(names)),
            ),
        ] = None,
    ) -> Fields | None:
        if fields is None:
            return None
        return {_known("fields", word, names) for word in fields.split(",")}

    return chosen


def sort_by(names: Collection[str], *, otherwise: str) -> Callable[..., Awaitable[Order]]:
    """A dependency: the order that a request asks for; each field counts once."""
    allowed = tuple(names)

    async def chosen(
        sort: Annotated[
            str | None,
            Query(
                description=f"By one of {', '.join(allowed)}, or several with commas between them; "
                f"`-` before one turns it round. Otherwise {otherwise}.",
                json_schema_extra=_words(f"-?({'|'.join(allowed)})"),
            ),
        ] = None,
    ) -> Order:
        order: dict[str, By] = {}
        for word in sort.split(",") if sort is not None else ():
            name = _known("sort", word.removeprefix("-"), allowed)
            order.setdefault(name, By(name, descending=word.startswith("-")))
        return tuple(order.values())

    return chosen


def one_of(view: type[Contract]) -> Any:
    """For the reference: a view, whole or with some of its fields."""
    return view | _sparse(view)


def many_of(view: type[Contract]) -> Any:
    """For the reference: a list of views, all whole or all with some of their fields."""
    return _tuple_of(view) | _tuple_of(_sparse(view))


def page_of(page: type[Contract], view: type[Contract]) -> Any:
    """For the reference: a page of views, alike."""
    some = create_model(
        f"Sparse{page.__name__}",
        __base__=Contract,
        __doc__=f"{page.__name__} whose items have the `fields` that were asked for alone.",
        items=(_tuple_of(_sparse(view)), ...),
        next_cursor=(str | None, ...),
    )
    return page | some


def _tuple_of(kind: type[Contract]) -> Any:
    return GenericAlias(tuple, (kind, ...))


@functools.cache
def _sparse(view: type[Contract]) -> Any:
    fields: Any = {name: (field.annotation, None) for name, field in view.model_fields.items()}
    return create_model(
        f"Sparse{view.__name__}",
        __base__=Contract,
        __doc__=f"{view.__name__} with the `fields` that were asked for alone.",
        **fields,
    )


def answer_one(view: Contract, fields: Fields | None) -> Response:
    """A view, with the fields that were asked for."""
    return Response(view.model_dump_json(include=fields), media_type=JSON)


def answer_many(kind: type[Contract], views: Sequence[Contract], fields: Fields | None) -> Response:
    """Views of a kind, alike."""
    include: Any = fields and {"__all__": fields}
    return Response(_written(kind).dump_json(tuple(views), include=include), media_type=JSON)


def answer_page(found: Contract, fields: Fields | None) -> Response:
    """A page: `fields` are those of its items."""
    include: Any = fields and {"items": {"__all__": fields}, "next_cursor": True}
    return Response(found.model_dump_json(include=include), media_type=JSON)


@functools.cache
def _written(kind: type[Contract]) -> TypeAdapter[tuple[Contract, ...]]:
    return TypeAdapter(_tuple_of(kind))


def _words(word: str) -> dict[str, str]:
    return {"pattern": f"^({word})(,({word}))*$"}


def _known(parameter: str, word: str, allowed: Sequence[str]) -> str:
    if word in allowed:
        return word
    near = get_close_matches(word, allowed, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    error = FieldError(
        field=parameter, message=f"there is no {word!r} here{meant}", allowed=tuple(allowed)
    )
    raise InvalidRequest([error])
