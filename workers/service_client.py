"""A driver's side of the service's HTTP interface."""

from collections.abc import Sequence

import httpx

from service.contracts.base import Contract
from service.contracts.events import Event, EventBatch, Heartbeat, HeartbeatReply
from service.contracts.logs import LogBatch, LogChunk
from service.contracts.plan import StudyAssignment
from service.contracts.start import StudyStart

TIMEOUT_SECONDS = 10.0
TRY_AGAIN = frozenset({408, 425, 429})
DISMISSED = frozenset({401, 403, 409})


class ServiceAway(Exception):
    """The service could not be reached or is in trouble: try again later."""


class Dismissed(Exception):
    """The attempt is over in the service's eyes: the driver must end itself."""


class Refused(Exception):
    """The service does not understand the driver: a bug on one of the two sides."""


class ServiceClient:
    """What a driver says to the service about its study, and what it is answered.

    Every call raises :class:`ServiceAway`, :class:`Dismissed` or :class:`Refused` where there
    is no answer to give back. One client may be used by several threads.

    Args:
        url: The service.
        study_id: The study.
        attempt: The driver's attempt of it.
        token: Good for this attempt of this study alone.
    """

    def __init__(self, url: str, *, study_id: str, attempt: int, token: str) -> None:
        self._attempt = attempt
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1/studies/{study_id}/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def assignment(self) -> StudyAssignment:
        """The study's trials that have not ended."""
        answer = self._request("GET", "assignment")
        return StudyAssignment.model_validate_json(answer.content)

    def send_events(self, events: Sequence[Event]) -> None:
        """Hand over a batch of events."""
        self._request("POST", "events", EventBatch(attempt=self._attempt, events=tuple(events)))

    def send_logs(self, chunks: Sequence[LogChunk]) -> None:
        """Hand over what was printed."""
        self._request("POST", "logs", LogBatch(attempt=self._attempt, chunks=tuple(chunks)))

    def heartbeat(self, start: StudyStart | None = None) -> HeartbeatReply:
        """Give a sign of life, and what the start took; the answer says which trials to end."""
        answer = self._request("POST", "heartbeat", Heartbeat(attempt=self._attempt, start=start))
        return HeartbeatReply.model_validate_json(answer.content)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _request(self, method: str, path: str, body: Contract | None = None) -> httpx.Response:
        content = None if body is None else body.model_dump_json()
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = self._http.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            raise ServiceAway(f"{method} {path}: {error!r}") from error
        told = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code in DISMISSED:
            raise Dismissed(told)
        if answer.is_server_error or answer.status_code in TRY_AGAIN:
            raise ServiceAway(told)
        if not answer.is_success:
            raise Refused(told)
        return answer
