"""Tells a capsule from a spec."""

import json

from service.contracts import capsule


def is_capsule(text: str) -> bool:
    """Whether a text is a JSON document that says that it is a capsule."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        return capsule.is_capsule(json.loads(text))
    except (ValueError, RecursionError):  # the service says where it cannot be read
        return False
