"""The page of keys: who reads it and what they have used; for admins every key, and a new one."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.dashboard.reader import Reader, Reading
from api.dashboard.rendering import render
from api.deps import Viewer
from service.domain.records import Actor, Role


def keys(request: Request, reading: Reading, actor: Viewer) -> HTMLResponse:
    """Whoever asks, and where that is an admin, the keys."""
    roles = [role.value for role in Role]
    return render(request, "keys.html", csrf=reading.csrf, roles=roles, **_shown(reading, actor))


def keys_part(request: Request, reading: Reading, actor: Viewer) -> HTMLResponse:
    """The same alone, for the page to bring itself up to date."""
    return render(request, "_keys.html", **_shown(reading, actor))


def _shown(reading: Reader, actor: Actor) -> dict[str, Any]:
    service = reading.service
    may_see = actor.role.covers(Role.ADMIN)
    return {
        "asker": service.quotas.asker(actor),
        "may_make": may_see,
        "keys": [service.keys.view(key) for key in service.keys.list()] if may_see else [],
    }
