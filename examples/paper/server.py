"""A comparison on a service: submitted once, followed until it ends or the time is up."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.client.errors import ClientError
from examples.paper.deadline import Deadline
from examples.paper.outcomes import Outcome, not_run, runs_of_views
from service.contracts.report import Report
from service.contracts.states import ENDED_COMPARISONS, ComparisonState
from service.contracts.views import ComparisonView, Series, TrialView

POLL_SECONDS = 5.0
TOLD_POLLS = 12


class Service(Protocol):
    """What is asked of the service; `api.client.Client` is one."""

    def submit(self, spec: str, *, idempotency_key: str | None = None) -> ComparisonView:
        """Queue a comparison, or find the one that the same key and text queued before."""
        ...

    def get(self, comparison_id: str) -> ComparisonView:
        """Where it stands."""
        ...

    def trials(self, comparison_id: str) -> Sequence[TrialView]:
        """Its runs."""
        ...

    def metrics(self, comparison_id: str) -> Sequence[Series]:
        """Their curves."""
        ...

    def report(self, comparison_id: str) -> Report:
        """Its report, interim while runs are missing."""
        ...


@dataclass(frozen=True)
class Submitted:
    """Runs comparisons on a service; the same text again finds the same comparison."""

    service: Service
    sleep: Callable[[float], None] = time.sleep

    def run(self, spec: Path, deadline: Deadline) -> Outcome:
        """Submit, and follow until the deadline; the service goes on after it."""
        text = spec.read_text(encoding="utf-8")
        key = f"reproduce-{spec.stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        try:
            view = self.service.submit(text, idempotency_key=key)
            polls = 0
            while view.state not in ENDED_COMPARISONS and not deadline.passed:
                self.sleep(POLL_SECONDS)
                view = self.service.get(view.id)
                polls += 1
                if polls % TOLD_POLLS == 0:
                    print(f"  {spec.stem}: {view.state}, {view.progress:.0%} done", flush=True)
            return self._outcome(spec.stem, view, deadline)
        except ClientError as error:
            return not_run(spec.stem, str(error))

    def _outcome(self, name: str, view: ComparisonView, deadline: Deadline) -> Outcome:
        return Outcome(
            name=name,
            spec=view.spec,
            runs=runs_of_views(self.service.trials(view.id), self.service.metrics(view.id)),
            report=self.service.report(view.id),
            missing=_missing(view, deadline),
        )


def _missing(view: ComparisonView, deadline: Deadline) -> str:
    if view.state is ComparisonState.FINISHED:
        return ""
    if view.state in ENDED_COMPARISONS:
        return f"{view.state}: {view.reason}" if view.reason else str(view.state)
    return f"{view.state} as {view.id} when {deadline} had passed; call again to follow it"
