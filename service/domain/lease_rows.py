"""The stored leases as the use cases ask for them."""

from typing import Protocol


class LeaseRows(Protocol):
    """Who of several processes has which duty, by the database's clock."""

    def take(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take a duty that is free, or keep one's own; False where another has it."""
        ...

    def holds(self, name: str, holder: str) -> bool:
        """Whether the duty is theirs; nobody else can take it until the unit of work ends."""
        ...

    def release(self, name: str, holder: str) -> None:
        """Give a duty back, where it is theirs."""
        ...
