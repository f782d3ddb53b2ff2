"""The driver of a study: what ``python -m workers run`` does inside a Ray job."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from service.contracts.catalogue import look
from service.contracts.events import Event, HeartbeatReply, StudyEnded
from service.contracts.plan import StudyAssignment
from workers.agenda import Agenda
from workers.context import TrialFolder, plan_trials
from workers.halving import Halving
from workers.log_sender import DRIVER, LogReader, LogSender
from workers.outbox import NotDelivered, Outbox
from workers.proposals import Points
from workers.pulse import Pulse
from workers.resources import TrialResources
from workers.service_client import Dismissed, Refused, ServiceAway, ServiceClient
from workers.spending import Spending
from workers.start import StartWatch

FINISHED, FAILED, BAD_ENVIRONMENT, DISMISSED = 0, 1, 2, 3
"""Exit codes."""
PATIENCE_SECONDS = 300.0
"""How long the service may be away at the beginning and at the end."""

logger = logging.getLogger(__name__)


class BadEnvironment(ValueError):
    """A variable that the driver needs is missing or wrong."""


class Search(Protocol):
    """Runs the trials of an agenda and lets it hear what happens."""

    def __call__(
        self,
        agenda: Agenda,
        resources: TrialResources,
        *,
        storage: Path,
        scratch: Path,
        logs: Path,
    ) -> None:
        """Return when every trial has ended."""
        ...


@dataclass(frozen=True)
class DriverSettings:
    """What the dispatcher tells a driver through its environment."""

    study_id: str
    attempt: int
    token: str
    url: str
    storage: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "DriverSettings":
        """Read KBFGS_STUDY_ID, _STUDY_ATTEMPT, _STUDY_TOKEN, _WEB_URL and _STORAGE.

        Raises:
            BadEnvironment: If one is missing or wrong.
        """
        names = ("STUDY_ID", "STUDY_ATTEMPT", "STUDY_TOKEN", "WEB_URL", "STORAGE")
        values = {name: environment.get(f"KBFGS_{name}", "") for name in names}
        missing = [f"KBFGS_{name}" for name, value in values.items() if not value]
        if missing:
            raise BadEnvironment(f"not set: {', '.join(missing)}; the dispatcher sets them")
        if not values["STUDY_ATTEMPT"].isdigit():
            raise BadEnvironment(
                f"KBFGS_STUDY_ATTEMPT must be a whole number, got {values['STUDY_ATTEMPT']!r}"
            )
        return cls(
            study_id=values["STUDY_ID"],
            attempt=int(values["STUDY_ATTEMPT"]),
            token=values["STUDY_TOKEN"],
            url=values["WEB_URL"],
            storage=Path(values["STORAGE"]),
        )


def drive(
    settings: DriverSettings,
    search: Search,
    *,
    connect: Callable[[], None] = lambda: None,
    began_at: datetime | None = None,
    capture: Callable[[Path], AbstractContextManager[object]] = nullcontext,
    patience_seconds: float = PATIENCE_SECONDS,
    leave: Callable[[int], None] = os._exit,
) -> int:
    """Run one attempt of a study to its end.

    Args:
        settings: Which study, and where the service is.
        search: Runs the trials.
        connect: Joins the cluster.
        began_at: When the program began; by default, now.
        capture: Sends what this process prints to that file, from there to the service.
        patience_seconds: How long the service may be away at the beginning and at the end.
        leave: Ends the process at once, from any thread, when the service dismisses it.

    Returns:
        The exit code.
    """
    client = ServiceClient(
        settings.url, study_id=settings.study_id, attempt=settings.attempt, token=settings.token
    )
    watch = StartWatch(began_at or datetime.now(UTC))
    watch.phase_ended()
    try:
        assignment = _fetch_assignment(client, patience_seconds)
        watch.phase_ended()
        study = _Study(settings, assignment, client, watch=watch, leave=leave)
        with study.logging(capture):
            return study.run(search, connect, patience_seconds)
    except Dismissed as error:
        logger.error("dismissed: %s", error)
        return DISMISSED
    except (NotDelivered, Refused, ServiceAway) as error:
        logger.error("%s: %s", type(error).__name__, error)
        return FAILED
    finally:
        client.close()


def _fetch_assignment(client: ServiceClient, patience_seconds: float) -> StudyAssignment:
    """Ask until the service answers."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            return client.assignment()
        except ServiceAway:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


class _Study:
    """One attempt of a study: its outbox, its pulse and its trials."""

    def __init__(
        self,
        settings: DriverSettings,
        assignment: StudyAssignment,
        client: ServiceClient,
        *,
        watch: StartWatch,
        leave: Callable[[int], None],
    ) -> None:
        self._settings, self._assignment, self._client = settings, assignment, client
        self._watch, self._leave = watch, leave
        self._start_told = False

    @contextmanager
    def logging(self, capture: Callable[[Path], AbstractContextManager[object]]) -> Iterator[None]:
        """Send what the driver and its trials print; the rest of it goes after the study's end."""
        reader = LogReader(self._logs, secrets=[self._settings.token])
        sender = LogSender(reader, self._client.send_logs)
        try:
            with capture(self._logs / DRIVER):
                yield
        finally:
            sender.close()

    def run(self, search: Search, connect: Callable[[], None], patience_seconds: float) -> int:
        """Run the trials and deliver all that happened."""
        self._forget_earlier()
        for trial in self._assignment.trials:
            self._folder(trial.trial_id).let_run()
        outbox = Outbox(
            self._kept("outbox") / f"{self._name}.jsonl",
            self._client.send_events,
            refused=self._end_at_once,
            patience_seconds=patience_seconds,
        )
        pulse = Pulse(self._beat, halt=self._halt, dismissed=self._end_at_once)
        problem = self._search(search, connect, outbox)
        self._forget_scratch()
        pulse.stop()  # once the study's end is known over there, a heartbeat would be refused
        with suppress(ServiceAway):
            self._beat()  # what the start took, where the study was over before the next beat
        outbox.report([_ended(problem)])
        outbox.close()
        return FINISHED if problem is None else FAILED

    def _beat(self) -> HeartbeatReply:
        """Give a sign of life and, until it was heard once, what the start took."""
        start = None if self._start_told else self._watch.measured
        reply = self._client.heartbeat(start)
        self._start_told = self._start_told or start is not None
        return reply

    def _search(self, search: Search, connect: Callable[[], None], outbox: Outbox) -> str | None:
        """Run the trials; what went wrong with the study as a whole, if anything."""

        def tell(events: Sequence[Event]) -> None:
            self._watch.heard(events)
            outbox.report(events)

        try:
            here = look()
            agenda = Agenda(
                plan_trials(self._assignment, here.catalogue, disabled=here.disabled),
                tell=tell,
                halt=lambda trial_id: self._halt((trial_id,)),
                spending=Spending(self._assignment.worker_seconds, self._assignment.spent),
                points=Points(self._assignment.proposals),
                halving=Halving(self._assignment.rungs),
            )
            if not agenda.is_over:
                connect()
                self._watch.phase_ended()
            self._scratch.mkdir(parents=True, exist_ok=True)
            search(
                agenda,
                TrialResources.of(self._assignment),
                storage=self._settings.storage,
                scratch=self._scratch,
                logs=self._logs,
            )
        except Exception as error:
            logger.exception("the study failed")
            return f"{type(error).__name__}: {error}"[:500]
        return None

    def _halt(self, trial_ids: Collection[str]) -> None:
        for trial_id in trial_ids:
            self._folder(trial_id).cancel()

    def _folder(self, trial_id: str) -> TrialFolder:
        return TrialFolder.of(
            self._settings.storage,
            comparison_id=self._assignment.comparison_id,
            trial_id=trial_id,
        )

    @property
    def _logs(self) -> Path:
        """Where this attempt's processes leave what they print."""
        return self._kept("logs") / self._name

    @property
    def _scratch(self) -> Path:
        """Where Tune has its files: beside all else, so that a killed driver leaves none behind."""
        return self._kept("scratch") / self._name

    @property
    def _name(self) -> str:
        """What this attempt's own files and folders are called."""
        return f"{self._settings.study_id}-{self._settings.attempt}"

    def _kept(self, what: str) -> Path:
        """A folder of the comparison, which is removed with it."""
        return self._settings.storage / self._assignment.comparison_id / what

    def _forget_earlier(self) -> None:
        """Remove what attempts that are over could not deliver; nobody would take it now."""
        for left in self._kept("outbox").glob(f"{self._settings.study_id}-*.jsonl"):
            left.unlink(missing_ok=True)
        self._forget_scratch()

    def _forget_scratch(self) -> None:
        """Remove Tune's files, those of killed drivers as well."""
        for left in self._kept("scratch").glob(f"{self._settings.study_id}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _end_at_once(self, reason: Exception) -> None:
        """The service wants no more of this attempt: end the process, from whichever thread."""
        logger.error("ending at once: %s", reason)
        self._forget_earlier()
        self._leave(DISMISSED if isinstance(reason, Dismissed) else FAILED)


def _ended(problem: str | None) -> StudyEnded:
    return StudyEnded(
        at=datetime.now(UTC),
        outcome="finished" if problem is None else "failed",
        message=problem or "",
    )
