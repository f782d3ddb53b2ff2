"""Asks a site for all that its reference describes, with what fits and with what does not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from sqlalchemy import select

from service.db.models import ApiKey, LoginToken, Request, Session
from service.domain.records import Role
from tests.support.api_site import SPEC, Driver, Site, reached, started

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    unsupported_method,
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
]
JUDGED = (
    "GET /v1/comparisons/{comparison_id}/export",
    "POST /v1/comparisons",
    "POST /v1/comparisons:preview",
    "POST /v1/comparisons:rerun",
    "POST /v1/reports:compare",
    "POST /v1/comparisons/{comparison_id}:clone",
    "POST /v1/comparisons/{comparison_id}:extend",
    "POST /v1/webhooks",
)
"""A spec names what is in the catalogue, its fields are held against each other, a URL is more than
a pattern, and a table is of some formats: what a schema cannot say, and 422 does."""
URL = "https://hooks.example.org/a-path-that-only-its-owner-knows"
WORD = "a word that only its owner knows"


@dataclass(frozen=True)
class World:
    """A site with something of everything, and what nobody may be told."""

    site: Site
    driver: Driver
    ids: Mapping[str, str]
    """What stands in paths, by the parameter's name."""
    secrets: frozenset[str]
    """Keys, tokens, their digests, and what signs."""


def inhabited(site: Site) -> World:
    """A comparison with a running trial, a webhook and a key: the submitter's and an admin's."""
    submitter, admin = site.asker(Role.SUBMITTER), site.asker()
    one = submitter.post("/v1/comparisons", json=SPEC, headers={"Idempotency-Key": WORD})
    driver = site.driver()
    trial = driver.http().get(driver.path("assignment")).json()["trials"][0]["trial_id"]
    events = [event.model_dump(mode="json") for event in (started(trial), reached(trial, 1))]
    driver.http().post(driver.path("events"), json={"attempt": 1, "events": events})
    hook = admin.post("/v1/webhooks", json={"url": URL}).json()
    key = admin.post("/v1/keys", json={"name": "somebody else"}).json()
    link = admin.post("/v1/login-links").json()["path"].partition("=")[2]
    session = site.service.keys.redeem(
        admin.post("/v1/login-links").json()["path"].partition("=")[2]
    )
    ids = {
        "comparison_id": one.json()["id"],
        "contender": "adam",
        "key_id": key["key"]["id"],
        "study_id": driver.study_id,
        "trial_id": trial,
        "webhook_id": hook["id"],
    }
    secret = site.service.settings.secret.get_secret_value()
    known = {
        *site.keys.values(),
        hook["secret"],
        key["secret"],
        link,
        session,
        secret,
        driver.token,
    }
    site.app.state.feed.close()  # a stream of events ends at once
    return World(site, driver, ids, frozenset(known | set(_stored(site))))


def _stored(site: Site) -> Iterator[str]:
    columns = (ApiKey.digest, LoginToken.digest, Session.digest, Request.body_digest, Request.word)
    with site.service.engine.connect() as connection:
        for column in columns:
            yield from connection.scalars(select(column))


@dataclass(frozen=True)
class Described:
    """An operation of the reference, and requests to it."""

    operation: Any
    requests: tuple[Any, ...]
    """Strategies: requests that fit, to what exists or to what does not, and that do not fit."""

    @property
    def label(self) -> str:
        """Its method and path."""
        return str(self.operation.label)

    @property
    def for_drivers(self) -> bool:
        """Whether drivers ask it, and not people."""
        return "drivers" in self.operation.tags


def described(world: World) -> tuple[Described, ...]:
    """All that the reference describes."""
    schema = schemathesis.openapi.from_dict(world.site.app.openapi())
    schema.app = world.site.app
    operations = [found.ok() for found in schema.get_all_operations()]
    return tuple(Described(one, tuple(_requests(one, world))) for one in operations)


def explore(
    one: Described, *, secret: str, hidden: frozenset[str], examples: int, number: int
) -> None:
    """Hold the answers to requests of an operation against what is described and what is hidden.

    Args:
        one: The operation.
        secret: The key or token that asks.
        hidden: What no answer may hold.
        examples: Requests of each kind.
        number: Another one makes other requests.
    """
    headers = {"Authorization": f"Bearer {secret}"}
    checks = [c for c in CHECKS if c is not positive_data_acceptance or one.label not in JUDGED]

    def hold(case: Any) -> None:
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=checks, headers=headers)
        told = f"{answer.content.decode(errors='replace')} {answer.headers}"
        assert not [word for word in hidden if word in told], f"{one.label} tells: {told}"

    for requests in one.requests:
        with suppress(Unsatisfiable):  # nothing can be wrong where nothing is asked for
            _many(hold, requests, examples=examples, number=number)()


def _requests(operation: Any, world: World) -> Iterator[Any]:
    ids = {parameter.name: world.ids[parameter.name] for parameter in operation.path_parameters}
    fitting = operation.as_strategy(GenerationMode.POSITIVE, path_parameters=ids or None)
    yield fitting | operation.as_strategy(GenerationMode.POSITIVE) if ids else fitting
    yield operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=ids or None)


def _many(
    hold: Callable[[Any], None], requests: Any, *, examples: int, number: int
) -> Callable[[], None]:
    rules = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    return seed(number)(rules(given(case=requests)(hold)))
