"""schemathesis asks with a key of each role: nothing fails, is undescribed, or tells a secret."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.domain.records import Role
from tests.support import api_site
from tests.support.exploring import URL, Described, World, described, explore, inhabited

ASKERS = ("driver", *Role)
NO_LIMIT = {"key_requests": 0, "study_requests": 0, "stranger_requests": 0}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    home = tmp_path_factory.mktemp("world") / "home"
    with api_site.site(home, empty_database, **NO_LIMIT) as site:
        yield inhabited(site)


@pytest.fixture(scope="module")
def everything(world: World) -> tuple[Described, ...]:
    return described(world)


@pytest.fixture(params=ASKERS)
def asker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asked(asker: str, everything: tuple[Described, ...]) -> list[Described]:
    return [one for one in everything if one.for_drivers == (asker == "driver")]


@pytest.fixture
def secret(asker: str, world: World) -> str:
    return world.driver.token if asker == "driver" else world.site.keys[Role(asker)]


@pytest.fixture
def hidden(asker: str, world: World) -> frozenset[str]:
    """An admin sees everybody's webhooks; nobody sees what is secret of them."""
    return world.secrets if asker == Role.ADMIN else world.secrets | {URL}


def test_every_answer_is_as_described(
    asked: list[Described], secret: str, hidden: frozenset[str], subtests: pytest.Subtests
) -> None:
    for one in asked:
        with subtests.test(operation=one.label):
            explore(one, secret=secret, hidden=hidden, examples=2, number=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_answer_of_many_is_as_described(
    asked: list[Described], secret: str, hidden: frozenset[str], subtests: pytest.Subtests
) -> None:
    examples = int(os.environ.get("KBFGS_EXAMPLES", "200"))
    number = int(os.environ.get("KBFGS_SEED", "1"))
    for one in asked:
        with subtests.test(operation=one.label):
            explore(one, secret=secret, hidden=hidden, examples=examples, number=number)
