"""A link that signs one browser in."""

from service.contracts.base import Contract


class LoginLink(Contract):
    """A one-time link, good for ten minutes."""

    path: str
    """To be opened below the address under which the reader knows the service."""
