"""Notices of webhooks: written with the change, sent once and signed, to nobody who may not."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network

import pytest
from sqlalchemy import text

from service.contracts.states import ComparisonState
from service.contracts.webhooks import CreatedWebhook, NewWebhook, Notice, WebhookView
from service.db.unit_of_work import SqlUnits
from service.dispatch.addresses import Reachable
from service.dispatch.courier import Courier, on_its_rounds
from service.domain.records import Actor, Role
from service.domain.webhooks import MOST_ATTEMPTS
from service.usecases.ledger import Ledger
from tests.support.api_site import SPEC
from tests.support.control_plane import ControlPlane
from tests.support.receivers import Receiver, receiving

HERE = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@dataclass
class Person:
    """Someone with a key, and what they do."""

    plane: ControlPlane
    actor: Actor

    def submit(self) -> str:
        return self.plane.service.comparisons.create(SPEC, actor=self.actor).id

    def cancel(self, comparison_id: str) -> None:
        self.plane.service.control.cancel(comparison_id, actor=self.actor)

    def webhook(self, url: str, *states: ComparisonState) -> CreatedWebhook:
        return self.plane.service.webhooks.create(
            NewWebhook(url=url, states=states), actor=self.actor
        )

    def standing(self) -> WebhookView:
        (view,) = self.plane.service.webhooks.of(self.actor)
        return view


def a_person(plane: ControlPlane, name: str = "ada") -> Person:
    created = plane.service.keys.create(name, Role.SUBMITTER)
    return Person(plane, plane.service.keys.authenticate(created.secret))


def courier(plane: ControlPlane, **fields: object) -> Courier:
    return Courier(plane.service.webhooks, Reachable(HERE), **fields)  # type: ignore[arg-type]


def send_all(plane: ControlPlane) -> None:
    while courier(plane).look():
        pass


def make_due(plane: ControlPlane) -> None:
    with plane.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET due = 0"))


def heard(receiver: Receiver) -> list[Notice]:
    return [Notice.model_validate_json(one.body) for one in receiver.received]


def test_each_change_of_state_is_told_once_in_order_and_signed(
    plane_on_both: ControlPlane, receiver: Receiver
) -> None:
    ada = a_person(plane_on_both)
    webhook = ada.webhook(receiver.url("/ada?x=1"))
    comparison_id = ada.submit()
    plane_on_both.tick()
    ada.cancel(comparison_id)
    plane_on_both.wait(2)
    send_all(plane_on_both)
    states = [notice.state for notice in heard(receiver)]
    assert states == ["queued", "running", "cancelling", "cancelled"]
    changes = plane_on_both.service.comparisons.changes(comparison_id)
    told = [notice.change for notice in heard(receiver)]
    assert told == [change for change in changes if change.subject == "comparison"]
    for one in receiver.received:
        signed = f"{one.headers['Kbfgs-Timestamp']}.{one.body}".encode()
        mac = hmac.new(webhook.secret.encode(), signed, hashlib.sha256)
        assert one.headers["Kbfgs-Signature"] == f"v1={mac.hexdigest()}"
        assert one.path == "/ada?x=1"
    assert len({one.headers["Kbfgs-Delivery"] for one in receiver.received}) == 4
    view = ada.standing()
    assert (view.delivered, view.waiting, view.last_status, view.last_error) == (4, 0, 204, "")


def test_only_the_states_asked_for_of_ones_own_are_told(
    plane: ControlPlane, receiver: Receiver
) -> None:
    ada, bob = a_person(plane), a_person(plane, "bob")
    ada.webhook(receiver.url(), ComparisonState.CANCELLED)
    mine, theirs = ada.submit(), bob.submit()
    for person, comparison_id in ((ada, mine), (bob, theirs)):
        person.cancel(comparison_id)
    plane.wait(2)
    send_all(plane)
    assert [(one.comparison_id, one.name) for one in heard(receiver)] == [(mine, SPEC["name"])]


def test_a_change_that_is_undone_is_told_to_nobody(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    ada = a_person(plane)
    ada.webhook("https://hook.example/")
    comparison_id = ada.submit()

    def change_and_fail() -> None:
        with SqlUnits(plane.engine).write() as unit:
            comparison = unit.comparisons.lock(comparison_id)
            assert comparison is not None
            with Ledger(unit, comparison_id, actor="ada", clock=plane.clock) as ledger:
                ledger.comparison(comparison, ComparisonState.RUNNING)
            raise ZeroDivisionError

    assert ada.standing().waiting == 1, "that it is queued"
    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert ada.standing().waiting == 1


def test_who_does_not_take_it_gets_it_again_later_and_the_next_after_it(
    plane: ControlPlane, receiver: Receiver
) -> None:
    ada = a_person(plane)
    ada.webhook(receiver.url())
    receiver.answers = [503]
    ada.cancel(ada.submit())
    send_all(plane)
    assert len(receiver.received) == 1, "not again at once, and nothing else before it"
    view = ada.standing()
    assert (view.last_status, view.last_error, view.delivered) == (503, "answered 503", 0)
    make_due(plane)
    send_all(plane)
    assert [notice.state for notice in heard(receiver)][:3] == ["queued", "queued", "cancelling"]
    assert receiver.received[0].body == receiver.received[1].body


def test_a_clock_that_was_set_back_holds_up_no_notice(
    plane_on_both: ControlPlane, receiver: Receiver
) -> None:
    ada = a_person(plane_on_both)
    ada.webhook(receiver.url())
    receiver.answers = [503]
    ada.submit()
    send_all(plane_on_both)
    assert len(receiver.received) == 1
    with plane_on_both.engine.begin() as connection:
        connection.execute(text("UPDATE deliveries SET due = due + 3600"))
    send_all(plane_on_both)
    assert [notice.state for notice in heard(receiver)] == ["queued", "queued"]


def test_a_notice_that_nobody_takes_is_given_up_with_those_behind_it(
    plane: ControlPlane, receiver: Receiver
) -> None:
    ada = a_person(plane)
    ada.webhook(receiver.url())
    receiver.answers = [500] * MOST_ATTEMPTS
    ada.cancel(ada.submit())
    for _ in range(MOST_ATTEMPTS):
        assert ada.standing().given_up == 0
        make_due(plane)
        assert courier(plane).look() == 1
    view = ada.standing()
    assert (view.given_up, view.waiting, view.delivered) == (3, 0, 0)
    ada.submit()
    send_all(plane)
    assert ada.standing().delivered == 1, "what comes later is told again"


def test_a_redirect_is_an_answer_and_not_followed(plane: ControlPlane, receiver: Receiver) -> None:
    ada = a_person(plane)
    ada.webhook(receiver.url())
    receiver.answers, receiver.location = [307], receiver.url("/elsewhere")
    ada.submit()
    send_all(plane)
    assert [one.path for one in receiver.received] == ["/hook"]
    assert ada.standing().last_error == "answered 307"


def test_the_address_that_was_checked_is_connected_to(
    plane: ControlPlane, receiver: Receiver
) -> None:
    """A name that resolves to something else the second time gains nothing by it."""
    asked: list[str] = []

    async def rebound(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    ada = a_person(plane)
    ada.webhook(receiver.url(host="hook.example"))
    ada.submit()
    Courier(plane.service.webhooks, Reachable(HERE, rebound)).look()
    assert asked == ["hook.example"]
    assert receiver.received[0].headers["Host"] == f"hook.example:{receiver.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
def test_without_the_setting_this_machine_is_not_reached(
    plane: ControlPlane, receiver: Receiver, host: str
) -> None:
    ada = a_person(plane)
    ada.webhook(receiver.url(host=host))
    ada.submit()
    Courier(plane.service.webhooks, Reachable()).look()
    assert receiver.received == []
    view = ada.standing()
    assert view.last_error == "not sent: its host has an address that webhooks may not reach"
    assert view.waiting == 1


def test_a_slow_receiver_holds_up_nobody(plane: ControlPlane, receiver: Receiver) -> None:
    ada = a_person(plane)
    with receiving() as slow:
        slow.slow = 1.0
        ada.webhook(slow.url())
        ada.webhook(receiver.url())
        ada.submit()
        assert courier(plane, deadline=0.3).look() == 2
    assert len(receiver.received) == 1
    views = plane.service.webhooks.of(ada.actor)
    assert {view.last_error for view in views} == {"", "no answer within 0.3 s"}


def test_of_a_key_that_was_revoked_nothing_is_told(plane: ControlPlane) -> None:
    ada = a_person(plane)
    ada.webhook("https://hook.example/")
    comparison_id = ada.submit()
    plane.service.keys.revoke(ada.actor.key_id)
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.RUNNING
    assert ada.standing().waiting == 1, "what was before it alone"


def test_two_couriers_at_once_tell_nothing_twice(
    plane_on_both: ControlPlane, receiver: Receiver
) -> None:
    ada = a_person(plane_on_both)
    for number in range(20):
        ada.webhook(receiver.url(f"/{number}"))
    ada.submit()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: send_all(plane_on_both), range(2)))
    views = plane_on_both.service.webhooks.of(ada.actor)
    assert {view.last_error for view in views} == {""}
    assert sorted(int(one.path[1:]) for one in receiver.received) == list(range(20))


def test_the_rounds_send_all_that_is_due_and_end(plane: ControlPlane, receiver: Receiver) -> None:
    ada = a_person(plane)
    ada.webhook(receiver.url())
    ada.cancel(ada.submit())
    with on_its_rounds(courier(plane)):
        asyncio.run(_until_heard(receiver, 1))
        began = time.monotonic()
        asyncio.run(_until_heard(receiver, 3))
    assert [notice.state for notice in heard(receiver)] == ["queued", "cancelling", "cancelled"]
    assert time.monotonic() - began < 1, "not one by one, a second after each"


async def _until_heard(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(20):
        while len(receiver.received) < count:
            await asyncio.sleep(0.02)
