"""Makes the web application: routes, pages, live events, and how each failure is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api import errors, reference
from api.addresses import PlainAddresses
from api.bodies import BodyLimit
from api.cut_off import CutOff
from api.dashboard import pages
from api.dashboard.assets import mount_static
from api.events import Feed
from api.headers import SecurityHeaders
from api.journal import Journal
from api.limits import Limits
from api.metrics import Metrics
from api.routes import (
    access,
    agreement,
    capsules,
    catalogue,
    cluster,
    comparisons,
    control,
    exports,
    health,
    login,
    logs,
    managing,
    metrics,
    results,
    studies,
    webhooks,
)
from api.routes import reference as reference_route
from service.bootstrap import Service

VERSION = "1"
RESOURCES = (
    comparisons,
    capsules,
    managing,
    control,
    results,
    agreement,
    exports,
    logs,
    studies,
    catalogue,
    cluster,
    login,
    access,
    webhooks,
    health,
    metrics,
    reference_route,
)


def create_app(service: Service) -> FastAPI:
    """The web application on a service; whoever made the service closes it."""
    feed = Feed(service.comparisons)

    @asynccontextmanager
    async def polling(_: FastAPI) -> AsyncIterator[None]:
        poller = asyncio.create_task(feed.run())
        yield
        feed.close()
        await poller

    app = FastAPI(
        title="kbfgs",
        version=VERSION,
        lifespan=polling,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,  # a redirect would repeat whatever host the request names
    )
    app.state.service = service
    app.state.feed = feed
    app.state.limits = Limits.of(service.settings)
    app.state.metrics = Metrics(service.watch)
    app.state.api_routes = tuple(
        route
        for resource in RESOURCES
        for route in resource.router.routes
        if isinstance(route, APIRoute)
    )
    errors.install(app)
    reference.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(PlainAddresses)
    app.add_middleware(CutOff)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Journal, metrics=app.state.metrics, lines=service.settings.log_requests)
    for resource in RESOURCES:
        app.include_router(resource.router)
    app.include_router(pages.router())
    mount_static(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """What a client made from the reference calls it: ``comparisons_create``."""
    return "_".join((*(str(tag) for tag in route.tags[:1]), route.name))
