"""How a person sorts comparisons: tags to find them by, and a priority for the queue."""

from typing import Annotated

from pydantic import AfterValidator, Field

LOWEST_PRIORITY = -100
HIGHEST_PRIORITY = 100
MOST_TAGS = 16

Priority = Annotated[int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY)]
"""Higher goes first."""

Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
"""A short word: lower case, digits, dot, dash, underscore."""


def _few_and_distinct(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(tags) > MOST_TAGS:
        raise ValueError(f"must have at most {MOST_TAGS} entries, got {len(tags)}")
    if len(set(tags)) < len(tags):
        raise ValueError("each may stand there once")
    return tags


Tags = Annotated[
    tuple[Tag, ...],
    AfterValidator(_few_and_distinct),
    Field(json_schema_extra={"maxItems": MOST_TAGS, "uniqueItems": True}),
]
