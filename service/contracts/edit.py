"""What of a comparison may be changed at any time: how it is called, found and queued."""

from typing import Annotated

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from service.contracts.base import Contract
from service.contracts.labels import Priority, Tags
from service.contracts.text import OneLine


class Edit(Contract):
    """A JSON merge patch (RFC 7396): what is left out stays, null takes the default back."""

    name: Annotated[str, Field(min_length=1, max_length=200), OneLine] | SkipJsonSchema[None] = None
    """Of one line; a comparison must have one, so null is refused."""
    priority: Priority | None = None
    """Its place in the queue, from the dispatcher's next look on."""
    tags: Tags | None = None
    """All of its tags, in the place of those that it has."""

    @property
    def fields(self) -> dict[str, object]:
        """The fields that were given, null among them."""
        return self.model_dump(exclude_unset=True)
