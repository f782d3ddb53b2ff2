"""What a comparison adds to a numbered list, read page by page to its end."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from api.client.client import Client
from service.contracts.states import ENDED_COMPARISONS

POLL_SECONDS = 1.0
T = TypeVar("T")


def entries(
    client: Client,
    comparison_id: str,
    read: Callable[[int], tuple[Sequence[T], int]],
    *,
    follow: bool,
) -> Iterator[T]:
    """Every entry; followed, it is asked for once more after the comparison's end.

    Args:
        client: Tells whether the comparison has ended.
        comparison_id: Which.
        read: Some entries above a number, and the number of the last of them.
        follow: Whether to wait for what is still to come.
    """
    last, ended = 0, not follow
    while True:
        found, last = read(last)
        yield from found
        if found:
            continue
        if ended:
            return
        ended = client.get(comparison_id).state in ENDED_COMPARISONS
        if not ended:
            time.sleep(POLL_SECONDS)
