"""A small real HTTP server that takes a driver's calls as the service does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from service.contracts.events import (
    Event,
    EventBatch,
    EventReceipt,
    Heartbeat,
    HeartbeatReply,
    TrialEnded,
    TrialPoint,
)
from service.contracts.logs import LogBatch, LogChunk, LogReceipt
from service.contracts.plan import StudyAssignment
from tests.support.small_server import Answer, Call, small_server

TOKEN = "secret-of-this-attempt"


class StudyService:
    """Keeps what it is told and answers as it was set up.

    Attributes:
        assignment: What it hands out.
        cancel: The trials that it wants to be ended.
        pause: The trials that it wants to be held.
        away: While true, every call is answered 503.
        dismissing: A status that every call is answered with, if any.
        deaf: How many batches it will take without the driver getting the answer.
        late: Seconds from the end of each trial until it was told, in their order.
        calls: Every call as (method, last part of the path).
    """

    def __init__(self) -> None:
        self.assignment: StudyAssignment | None = None
        self.cancel: tuple[str, ...] = ()
        self.pause: tuple[str, ...] = ()
        self.away = False
        self.dismissing: int | None = None
        self.deaf = 0
        self.calls: list[tuple[str, str]] = []
        self.events: list[Event] = []
        self.late: list[float] = []
        self.logs: dict[int, LogChunk] = {}
        self.beats: list[Heartbeat] = []
        self.url = ""

    def answer(self, method: str, path: str, *, token: str, body: bytes) -> tuple[int, str]:
        """Status and body of the answer to a call."""
        name = path.rsplit("/", 1)[-1]
        self.calls.append((method, name))
        if self.away:
            return 503, "restarting"
        if self.dismissing is not None:
            return self.dismissing, json.dumps({"code": "stale_attempt"})
        if token != f"Bearer {TOKEN}":
            return 401, "who are you?"
        match method, name:
            case "GET", "assignment" if self.assignment is not None:
                return 200, self.assignment.model_dump_json()
            case "POST", "heartbeat":
                self.beats.append(Heartbeat.model_validate_json(body))
                return 200, HeartbeatReply(cancel=self.cancel, pause=self.pause).model_dump_json()
            case "POST", "events":
                return self._take(EventBatch.model_validate_json(body))
            case "POST", "logs":
                return self._keep(LogBatch.model_validate_json(body))
            case _:
                return 404, "no such thing"

    def steps(self, trial_id: str) -> list[int]:
        """The steps of a trial's points, each time that it was told."""
        return [
            event.point.step
            for event in self.events
            if isinstance(event, TrialPoint) and event.trial_id == trial_id
        ]

    def printed(self, trial_id: str | None) -> str:
        """What a trial, or the driver, has printed."""
        return "".join(chunk.text for chunk in self.logs.values() if chunk.trial_id == trial_id)

    def _keep(self, batch: LogBatch) -> tuple[int, str]:
        self.logs |= {chunk.number: chunk for chunk in batch.chunks}
        return 200, LogReceipt(stored=len(batch.chunks)).model_dump_json()

    def _take(self, batch: EventBatch) -> tuple[int, str]:
        self.events.extend(batch.events)
        now = datetime.now(UTC)
        self.late += [
            (now - event.at).total_seconds()
            for event in batch.events
            if isinstance(event, TrialEnded)
        ]
        if self.deaf:
            self.deaf -= 1
            return 502, "the answer got lost"
        return 200, EventReceipt(accepted=len(batch.events)).model_dump_json()


@contextmanager
def study_service() -> Iterator[StudyService]:
    """A :class:`StudyService` behind a server on a free port of the loopback."""
    service = StudyService()

    def answer(call: Call) -> Answer:
        token = call.headers.get("Authorization", "")
        status, text = service.answer(call.method, call.path, token=token, body=call.body)
        return Answer(status, text.encode())

    with small_server(answer) as service.url:
        yield service
