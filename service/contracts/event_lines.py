"""A file of events, as a run without a server leaves it: how its lines are read."""

from pydantic import ValidationError

from service.contracts.errors import first_error
from service.contracts.events import EventLine

LOCAL_COMPARISON = "local"
"""The comparison's id in runs without a server."""


class LineRefused(ValueError):
    """A line is not an event; the text begins with its number, counted from 1."""


def whole_lines(content: bytes) -> bytes:
    """The content without a last line that was cut off or is still being written."""
    return content[: content.rfind(b"\n") + 1]


def parse_events(content: bytes) -> tuple[EventLine, ...]:
    """The events of a file's whole lines, in their order.

    Raises:
        LineRefused: At the first line that is not an event.
    """
    lines = whole_lines(content).splitlines()
    return tuple(_parsed(number, line) for number, line in enumerate(lines, start=1))


def _parsed(number: int, line: bytes) -> EventLine:
    try:
        return EventLine.model_validate_json(line)
    except ValidationError as error:
        raise LineRefused(f"{number} is not an event: {first_error(error)}") from error
