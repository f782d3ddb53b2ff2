"""JSON merge patches (RFC 7396)."""

from collections.abc import Mapping


def merged(target: object, patch: object) -> object:
    """The target with the patch applied: null removes a member, any other value replaces it."""
    if not isinstance(patch, Mapping):
        return patch
    known = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            known.pop(name, None)
        else:
            known[name] = merged(known.get(name), value)
    return known
