"""Whether the web lives and can work."""

from typing import Literal

from service.contracts.base import Contract


class Health(Contract):
    """The web answers."""

    status: Literal["ok"] = "ok"
