"""The paper's comparisons on a service: submitted once, followed, and drawn from what it shows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.client.errors import Unreachable
from examples.paper.deadline import Deadline
from examples.paper.server import Submitted
from service.contracts.report import Report
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonView, Series, TrialView
from tests.support.example_comparison import Example, example

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class FakeService:
    """A service on which a comparison gets on by one state each time it is asked for."""

    def __init__(self, *states: ComparisonState) -> None:
        self.submitted: list[tuple[str, str | None]] = []
        self._steps = [example(state=state, now=NOW) for state in states]

    @property
    def _now(self) -> Example:
        return self._steps[0]

    def submit(self, spec: str, *, idempotency_key: str | None = None) -> ComparisonView:
        self.submitted.append((spec, idempotency_key))
        return self._now.view

    def get(self, comparison_id: str) -> ComparisonView:
        if len(self._steps) > 1:
            del self._steps[0]
        return self._now.view

    def trials(self, comparison_id: str) -> tuple[TrialView, ...]:
        return self._now.trials

    def metrics(self, comparison_id: str) -> tuple[Series, ...]:
        return self._now.series

    def report(self, comparison_id: str) -> Report:
        return self._now.report


class AwayService(FakeService):
    def submit(self, spec: str, *, idempotency_key: str | None = None) -> ComparisonView:
        raise Unreachable("nobody there")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "mnist.yaml"
    path.write_text("name: anything")
    return path


def test_it_is_followed_to_its_end(spec: Path) -> None:
    slept: list[float] = []
    service = FakeService(ComparisonState.QUEUED, ComparisonState.RUNNING, ComparisonState.FINISHED)
    outcome = Submitted(service, sleep=slept.append).run(spec, Deadline(None))
    assert outcome.missing == ""
    assert len(slept) == 2
    assert len(outcome.runs) == len(example().trials)
    assert outcome.report is not None


def test_the_same_text_has_the_same_key_and_another_text_another(spec: Path) -> None:
    service = FakeService(ComparisonState.FINISHED)
    for text in ("name: one", "name: one", "name: two"):
        spec.write_text(text)
        Submitted(service).run(spec, Deadline(None))
    first, again, other = (key for _, key in service.submitted)
    assert first == again != other


def test_what_is_not_done_at_the_deadline_is_told(spec: Path) -> None:
    service = FakeService(ComparisonState.RUNNING)
    outcome = Submitted(service).run(spec, Deadline(0))
    assert outcome.missing.startswith("running as kq3vxe7a2m when the limit of 0 h had passed")
    assert outcome.runs


def test_a_comparison_that_was_cancelled_is_told(spec: Path) -> None:
    outcome = Submitted(FakeService(ComparisonState.CANCELLED)).run(spec, Deadline(None))
    assert outcome.missing.startswith("cancelled")


def test_a_service_that_is_away_leaves_the_comparison_not_run(spec: Path) -> None:
    outcome = Submitted(AwayService(ComparisonState.QUEUED)).run(spec, Deadline(None))
    assert outcome.missing == "nobody there"
    assert outcome.spec is None
