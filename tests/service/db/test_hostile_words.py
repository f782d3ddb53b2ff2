"""What drivers and people may say can be stored on both databases."""

import pytest

from service.contracts.access import KeyRequest
from service.contracts.events import EventBatch
from service.contracts.logs import LogBatch
from service.db.unit_of_work import SqlUnits
from service.domain.access_rows import DeedQuery
from service.domain.records import Role
from tests.support.control_plane import HERE, ControlPlane

WORDS = "a\0b'); DROP TABLE trials;-- \U0001f600 \u202e {{ 7 * 7 }} %s %(x)s \\"
STORED = WORDS.replace("\0", "\N{REPLACEMENT CHARACTER}")
PRINTABLE = STORED.replace("\u202e", "\N{REPLACEMENT CHARACTER}")


def test_a_drivers_words_come_back_as_they_were_said(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison = plane.submit()
    plane.tick()
    driver = plane.driver()
    name = driver.assignment.trials[0].trial_id
    environment = HERE.model_copy(update={"hostname": PRINTABLE, "plugins": (PRINTABLE,)})
    begun = driver.started(name).model_copy(update={"environment": environment})
    batch = EventBatch(attempt=1, events=(begun, driver.ended(name, "failed")))
    said = batch.model_dump(mode="json")
    said["events"][0]["environment"] |= {"hostname": WORDS, "plugins": [WORDS]}
    said["events"][1]["message"] = WORDS
    plane.service.studies.record(driver.study_id, EventBatch.model_validate(said))
    chunk = {"number": 1, "trial_id": name, "at": plane.clock.now(), "text": WORDS}
    logs = LogBatch.model_validate({"attempt": 1, "chunks": [chunk]})
    plane.service.logs.record(driver.study_id, logs)
    with SqlUnits(plane.engine).read() as unit:
        trial = unit.trials.of(comparison)[0]
    assert trial.message == STORED
    assert trial.environment == environment
    (entry,) = plane.service.logs.page(comparison).items
    assert entry.text == STORED


@pytest.mark.parametrize("name", [STORED, "x" * 100, "\N{GREEK SMALL LETTER ALPHA}" * 100])
def test_a_keys_name_comes_back_as_it_was_said(plane_on_both: ControlPlane, name: str) -> None:
    service = plane_on_both.service
    service.keys.issue(KeyRequest(name=name, role=Role.SUBMITTER), by=name)
    assert [key.name for key in service.keys.list()] == [name]
    (deed,) = service.audit.page(DeedQuery(actor=name)).items
    assert deed.after == "created"
