"""A comparison's changes of state, read from the service's stream of events."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from api.client.transport import Transport
from service.contracts.views import ChangeEvent

QUIET_SECONDS = 2.0
"""Where no line comes for so long, all that has happened was told: what is there comes at once."""


def changes(http: Transport, comparison_id: str, *, after: int) -> Iterator[ChangeEvent]:
    """The changes above that number, until there are no more for now."""
    path = f"/v1/comparisons/{quote(comparison_id, safe='')}/events"
    lines = http.lines(path, query={"after": after}, quiet_seconds=QUIET_SECONDS)
    for kind, data in _events(lines):
        if kind == "change":
            yield ChangeEvent.model_validate_json(data)


def _events(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each server-sent event's kind and data; an empty line ends one."""
    kind = data = ""
    for line in lines:
        name, _, value = line.partition(": ")
        match name:
            case "event":
                kind = value
            case "data":
                data = value
            case "":
                if data:
                    yield kind, data
                kind = data = ""
