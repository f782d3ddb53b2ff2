"""Live events over a real socket: changes in order, from where a listener left off."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from api.events import Feed
from api.sessions import SESSION_COOKIE
from service.contracts.events import EventBatch
from service.contracts.views import ChangeEvent
from service.domain.records import Role
from tests.support import api_site
from tests.support.api_site import SPEC, Site, reached, serving, started

Event = tuple[str, str, dict[str, object]]


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    with serving(site.service) as url:
        yield url


@contextmanager
def listening(
    site: Site, url: str, comparison: str, *, after: int = 0, last: int | None = None
) -> Iterator[Iterator[Event]]:
    """The events of a comparison as a browser reads them: id, name and data."""
    headers = {"Authorization": f"Bearer {site.keys[Role.VIEWER]}"}
    if last is not None:
        headers["Last-Event-ID"] = str(last)
    path = f"{url}/v1/comparisons/{comparison}/events"
    with httpx.stream("GET", path, headers=headers, params={"after": after}, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parse(answer.iter_lines())


def parse(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "event" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def take(events: Iterator[Event], count: int) -> list[Event]:
    return [next(events) for _ in range(count)]


def create(site: Site) -> str:
    comparison: str = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    return comparison


def test_a_listener_sees_changes_and_points_as_they_come(site: Site, address: str) -> None:
    comparison = create(site)
    with listening(site, address, comparison) as events:
        earlier = take(events, 3)
        assert [(number, name) for number, name, _ in earlier] == [
            (str(n), "change") for n in (1, 2, 3)
        ]
        assert earlier[0][2]["subject_id"] == comparison
        driver = site.driver()
        trial = f"{comparison}-t0"
        batch = EventBatch(attempt=1, events=(started(trial), reached(trial, 2)))
        driver.http().post(driver.path("events"), content=batch.model_dump_json())
        seen = []
        while ("", "points", {"trial_id": trial, "up_to_step": 40}) not in seen:
            seen.append(next(events))
    changes = [int(number) for number, name, _ in seen if name == "change"]
    assert changes == list(range(4, 4 + len(changes)))
    last = [data for _, name, data in seen if name == "change"][-1]
    assert (last["subject"], last["subject_id"], last["after"]) == ("trial", trial, "running")


def test_a_listener_that_comes_back_gets_what_it_missed_once(site: Site, address: str) -> None:
    comparison = create(site)
    site.service.control.cancel(
        comparison, actor=site.service.keys.authenticate(site.keys[Role.ADMIN])
    )
    whole = site.service.comparisons.changes(comparison)
    with listening(site, address, comparison, after=1, last=5) as events:
        resumed = take(events, len(whole) - 5)
    assert [int(number) for number, _, _ in resumed] == [
        change.number for change in whole if change.number > 5
    ]
    with listening(site, address, comparison, after=len(whole) - 1) as events:
        assert next(events)[0] == str(len(whole))


def test_streams_end_when_the_web_does(site: Site) -> None:
    comparison = create(site)
    rest: list[Event] = []
    opened = threading.Event()

    def listen(url: str) -> None:
        with listening(site, url, comparison) as events:
            take(events, 3)
            opened.set()
            rest.extend(events)

    with serving(site.service) as url:
        listener = threading.Thread(target=listen, args=[url])
        listener.start()
        assert opened.wait(10)
    listener.join(timeout=10)
    assert not listener.is_alive()
    assert rest == []


def test_a_stream_ends_when_its_comparison_is_deleted(site: Site, address: str) -> None:
    comparison = create(site)
    asker = site.asker()
    asker.post(f"/v1/comparisons/{comparison}:cancel")
    with listening(site, address, comparison) as events:
        assert next(events)[1] == "change"
        assert asker.delete(f"/v1/comparisons/{comparison}").status_code == 204
        assert all(name == "change" for _, name, _ in events), "to its end"


def test_a_key_and_each_session_have_so_many_streams(tmp_path: Path, empty_database: Path) -> None:
    with (
        api_site.site(tmp_path / "home", empty_database, key_streams=1) as site,
        serving(site.service) as address,
    ):
        url = f"{address}/v1/comparisons/{create(site)}/events"
        key = {"Authorization": f"Bearer {site.keys[Role.ADMIN]}"}
        session = {"Cookie": f"{SESSION_COOKIE}={sign_in(site)}"}
        other = {"Cookie": f"{SESSION_COOKIE}={sign_in(site)}"}
        with ExitStack() as open_streams:
            for asker in (key, session, other):
                answer = open_streams.enter_context(httpx.stream("GET", url, headers=asker))
                assert answer.status_code == 200
                refused = httpx.get(url, headers=asker)
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
                assert int(refused.headers["retry-after"]) > 0
        deadline = time.monotonic() + 10
        while asked_once(url, key) == 429:
            assert time.monotonic() < deadline, "a stream that ended still counts"
            time.sleep(0.02)


def asked_once(url: str, headers: dict[str, str]) -> int:
    with httpx.stream("GET", url, headers=headers) as answer:
        return answer.status_code


def sign_in(site: Site) -> str:
    actor = site.service.keys.authenticate(site.keys[Role.ADMIN])
    return site.service.keys.redeem(site.service.keys.issue_login_token(actor.key_id))


@pytest.mark.parametrize("last", ["-1", "abc", "9" * 30])
def test_a_wrong_last_event_id_is_refused(site: Site, last: str) -> None:
    comparison = create(site)
    answer = site.asker().get(
        f"/v1/comparisons/{comparison}/events", headers={"Last-Event-ID": last}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "last-event-id"


class Record:
    """Changes and steps that a test writes; notes for which comparison they are read."""

    def __init__(self) -> None:
        self.numbers = 0
        self.steps: dict[str, int] = {}
        self.reads: list[str] = []
        self.broken = False

    def changes(
        self, comparison_id: str, *, after: int = 0, limit: int = 1000
    ) -> tuple[ChangeEvent, ...]:
        self.reads.append(comparison_id)
        if self.broken:
            raise OSError("the database is away")
        last = min(self.numbers, after + limit)
        return tuple(change(number) for number in range(after + 1, last + 1))

    def last_steps(self, comparison_id: str) -> dict[str, int]:
        return dict(self.steps)


def change(number: int) -> ChangeEvent:
    return ChangeEvent.model_validate(
        {
            "number": number,
            "at": "2026-01-02T03:04:05Z",
            "subject": "trial",
            "subject_id": "a-t0",
            "before": None,
            "after": "queued",
            "actor": "test",
            "reason": "",
        }
    )


async def numbers_until(stream: AsyncGenerator[str, None], last: int) -> list[int]:
    found: list[int] = []
    while not found or found[-1] < last:
        text = await anext(stream)
        found += [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
    return found


async def until(reached: Callable[[], bool]) -> None:
    """Let the poller go on until then; a scenario as a whole may take 20 seconds."""
    while not reached():
        await asyncio.sleep(0.005)


def run(record: Record, scenario: Callable[[Feed], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        feed = Feed(record, poll_seconds=0.01)
        poller = asyncio.create_task(feed.run())
        await asyncio.wait_for(scenario(feed), 20)
        feed.close()
        await asyncio.wait_for(poller, 5)

    asyncio.run(main())


def test_listeners_at_different_places_each_get_the_rest_once() -> None:
    record = Record()
    record.numbers = 2_500

    async def scenario(feed: Feed) -> None:
        async def read(after: int) -> list[int]:
            return await numbers_until(feed.stream("a", after=after), 2_500)

        places = (0, 7, 999, 1_000, 2_499)
        for after, found in zip(places, await asyncio.gather(*map(read, places)), strict=True):
            assert found == list(range(after + 1, 2_501))

    run(record, scenario)


def test_a_slow_listener_gets_the_latest_step_alone() -> None:
    record = Record()

    async def scenario(feed: Feed) -> None:
        stream = feed.stream("a", after=0)
        await anext(stream)
        for step in range(1, 30):
            record.steps["a-t0"] = step
            await asyncio.sleep(0.005)
        waiting = await anext(stream)
        assert waiting.count("up_to_step") == 1
        await stream.aclose()

    run(record, scenario)


def test_nobody_listening_reads_nothing() -> None:
    record = Record()

    async def scenario(feed: Feed) -> None:
        await asyncio.sleep(0.05)
        assert record.reads == []
        record.numbers = 1
        for comparison in ("a", "b"):
            stream = feed.stream(comparison, after=0)
            assert await numbers_until(stream, 1) == [1]
            if comparison == "b":
                await until(lambda: record.reads.count("b") > 5)
            await stream.aclose()
        assert "a" not in record.reads[record.reads.index("b") :]

    run(record, scenario)


def test_a_database_that_was_away_is_read_again(caplog: pytest.LogCaptureFixture) -> None:
    record = Record()
    record.broken = True

    async def scenario(feed: Feed) -> None:
        stream = feed.stream("a", after=0)
        await anext(stream)
        await until(lambda: len(record.reads) > 1)
        record.broken, record.numbers = False, 1
        assert await numbers_until(stream, 1) == [1]
        await stream.aclose()

    run(record, scenario)
    assert "could not read the changes" in caplog.text
