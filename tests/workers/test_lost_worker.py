"""What is told of a trial whose process is gone."""

import pytest
from ray.exceptions import ActorDiedError

from service.contracts.states import FailureKind
from tests.support.tiny_training import trial_plan
from workers.search import lost

KILLED = (
    "Failure # 3 (occurred at 2026-01-01)\nTask was killed due to the node running low on memory."
)


@pytest.mark.parametrize(
    ("report", "kind", "message"),
    [
        (str(ActorDiedError()), FailureKind.LOST_WORKER, "died"),
        ("", FailureKind.LOST_WORKER, "its process died"),
        (KILLED, FailureKind.OUT_OF_MEMORY, "Task was killed"),
    ],
)
def test_a_death_is_told_from_a_lack_of_memory(report, kind, message):
    event = lost(trial_plan(), report, 3.5)
    assert (event.outcome, event.failure, event.worker_seconds) == ("failed", kind, 3.5)
    assert message in event.message
