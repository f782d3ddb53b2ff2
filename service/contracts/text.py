"""Text and moments from outside, as both databases and every page can hold them."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import core_schema

LONGEST_MESSAGE = 20_000
"""Characters of a message that are kept."""
LONGEST_FACT = 200
"""Characters of a fact that are kept."""
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that steer a terminal, or turn the direction of others; tabs and ends of lines are
text."""
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp"})
"""Unicode's categories of control characters and separators of lines."""


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL does not store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def harmless(text: str) -> str:
    """The text without what would change the terminal of whoever reads it."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: Where it has no character that can be seen, or one that is no text.
    """
    if not text.strip():
        raise ValueError("must have a character that can be seen")
    for position, character in enumerate(text, start=1):
        if unicodedata.category(character) in _UNPRINTABLE:
            raise ValueError(
                f"must be one line of text without control characters, "
                f"got U+{ord(character):04X} as character {position}"
            )
    return text


def _kept(text: str) -> str:
    """What is stored of a program's words, which nobody has read before."""
    whole = storable(text)
    cut = len(whole) - LONGEST_MESSAGE
    return whole if cut <= 0 else f"{whole[:LONGEST_MESSAGE]} [{cut:,} characters were cut off]"


def _fact(text: str) -> str:
    """What is shown of a machine's words: neither a line's end nor what steers a terminal."""
    shown = text if len(text) <= LONGEST_FACT else f"{text[: LONGEST_FACT - 1]}…"
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown
    )


def _within_the_calendar(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be a moment that UTC can say") from error


_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"


@dataclass(frozen=True, slots=True)
class _Line:
    """Checks, and says in a schema, what `one_line` asks for."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(one_line, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(core), "pattern": rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"}


OneLine = _Line()
"""Holds a text to be a line that people read, as a name; stands after what bounds its length."""
Message = Annotated[str, AfterValidator(_kept)]
"""What a program said of itself; its end is cut off where it is very long."""
Fact = Annotated[str, AfterValidator(_fact)]
"""What a machine says of itself, as its name: a word or two on a line. A stranger may have put it
into a capsule; what cannot be seen, as what turns the direction of letters, is replaced."""
Identity = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
"""An id that the service gave away: ASCII without spaces."""
Moment = Annotated[AwareDatetime, AfterValidator(_within_the_calendar)]
"""A moment with its zone."""
