"""Pages of long lists: how many entries, and where the next page begins."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
LONGEST_CURSOR = 2000
"""Characters: it holds what the page's last entry was sorted by, a long name among it."""


@dataclass(frozen=True)
class PageQuery:
    """Which page is asked for."""

    limit: int
    cursor: str | None


async def page_query(
    limit: Annotated[
        int, Query(ge=1, le=LARGEST_LIMIT, description="Entries of a page.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(
            max_length=LONGEST_CURSOR,
            description="`next_cursor` of the page before; none for the first.",
        ),
    ] = None,
) -> PageQuery:
    """The page that a request asks for."""
    return PageQuery(limit, cursor)


Page = Annotated[PageQuery, Depends(page_query)]
