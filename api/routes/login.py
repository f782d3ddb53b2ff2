"""Signing in to the pages: one-time links and the sessions that they open."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Admin, ServiceDep, counting_strangers
from api.errors import NEW_LINK, message_page
from api.reference import problems
from api.schemas.login import LoginLink
from api.sessions import remember
from service.domain.errors import Unauthenticated

router = APIRouter()


@router.get("/login", include_in_schema=False)
def login(request: Request, service: ServiceDep, token: str = "") -> Response:
    """Trade the link's token for a session and show the pages."""
    try:
        with counting_strangers(request):
            session = service.keys.redeem(token)
    except Unauthenticated:
        return message_page(
            request,
            status=HTTPStatus.UNAUTHORIZED,
            title="This link is no longer good",
            detail=f"It was used before, or is older than ten minutes. {NEW_LINK}",
        )
    response = RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    remember(response, session, secure=service.settings.web_url.startswith("https:"))
    return response


@router.post("/v1/login-links", status_code=201, tags=["access"], responses=problems(403))
def create_link(actor: Admin, service: ServiceDep) -> LoginLink:
    """Make a link that signs one browser in, once, within ten minutes.

    The session has the asker's name and role, and ends when the asker's key does.
    """
    return LoginLink(path=f"/login?token={service.keys.issue_login_token(actor.key_id)}")
