"""Events reach the service in order and all of them, whatever happens to it in between."""

import errno
import os
import threading
import time

import pytest

from service.contracts.events import MetricPoint, TrialPoint
from tests.support.study_service import TOKEN, study_service
from workers import outbox as outbox_module
from workers.outbox import NotDelivered, Outbox
from workers.service_client import Dismissed, Refused, ServiceClient
from workers.spool import Spool


def point(step: int) -> TrialPoint:
    return TrialPoint(
        trial_id="c-t0",
        point=MetricPoint(
            epoch=step, step=step, training_seconds=0.1 * step, elapsed_seconds=step,
            process_seconds=0, gradient_evaluations=step, train_loss=1 / (step + 1),
        ),
    )  # fmt: skip


@pytest.fixture
def service():
    with study_service() as running:
        yield running


@pytest.fixture
def client(service):
    client = ServiceClient(service.url, study_id="c-s0", attempt=1, token=TOKEN)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbox_module, "BATCH_SECONDS", 0.05)
    monkeypatch.setattr(outbox_module, "FIRST_PAUSE_SECONDS", 0.05)


@pytest.fixture
def refusals():
    return []


@pytest.fixture
def box(client, tmp_path, refusals):
    return Outbox(
        tmp_path / "out" / "box.jsonl",
        client.send_events,
        refused=refusals.append,
        patience_seconds=60,
    )


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def test_everything_arrives_in_order_and_the_file_is_gone(service, box, tmp_path):
    told = [point(step) for step in range(30)]
    for event in told:
        box.report([event])
    box.close()
    assert service.events == told
    assert list((tmp_path / "out").iterdir()) == []


def test_events_that_come_close_together_go_in_few_batches(service, box, monkeypatch):
    monkeypatch.setattr(outbox_module, "BATCH_SECONDS", 5)  # closing waits for no batch
    for step in range(200):
        box.report([point(step)])
    box.close()
    assert len(service.calls) < 10


def test_an_event_is_sent_soon_without_closing(service, box):
    box.report([point(0)])
    wait_for(lambda: service.events == [point(0)])
    box.close()


def test_nothing_is_lost_or_doubled_by_an_outage(service, box):
    box.report([point(0)])
    wait_for(lambda: len(service.events) == 1)
    service.away = True
    for step in range(1, 50):
        box.report([point(step)])
    wait_for(lambda: service.calls.count(("POST", "events")) >= 3)
    assert len(service.events) == 1
    service.away = False
    box.close()
    assert service.events == [point(step) for step in range(50)]


def test_reporting_does_not_wait_for_a_service_that_is_away(service, box):
    service.away = True
    for step in range(1000):
        box.report([point(step)])
    assert len(service.calls) < 100, "it is not each report that asks the service"
    assert service.events == []
    service.away = False
    box.close()
    assert len(service.events) == 1000


def test_a_batch_whose_answer_was_lost_is_sent_again_whole(service, box):
    service.deaf = 1
    box.report([point(0), point(1)])
    box.close()
    assert service.steps("c-t0") == [0, 1, 0, 1]


def test_events_are_on_the_disk_while_they_wait(service, box, tmp_path):
    service.away = True
    box.report([point(0), point(1)])
    lines = (tmp_path / "out" / "box.jsonl").read_text().splitlines()
    assert [TrialPoint.model_validate_json(line) for line in lines] == [point(0), point(1)]
    service.away = False
    box.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(409, Dismissed), (401, Dismissed), (403, Dismissed), (422, Refused)]
)
def test_a_final_answer_is_handed_on_once(service, box, refusals, status, kind):
    service.dismissing = status
    box.report([point(0)])
    wait_for(lambda: refusals)
    box.report([point(1)])
    time.sleep(0.2)
    assert [type(error) for error in refusals] == [kind]


def test_closing_gives_up_after_a_while_and_keeps_the_file(service, client, tmp_path):
    path = tmp_path / "box.jsonl"
    box = Outbox(path, client.send_events, refused=print, patience_seconds=0.3)
    service.away = True
    box.report([point(0)])
    with pytest.raises(NotDelivered, match="1 events"):
        box.close()
    assert path.exists()


def test_nobody_listening_counts_as_away(tmp_path):
    client = ServiceClient("http://127.0.0.1:9", study_id="c-s0", attempt=1, token=TOKEN)
    box = Outbox(tmp_path / "b", client.send_events, refused=print, patience_seconds=0.2)
    box.report([point(0)])
    with pytest.raises(NotDelivered):
        box.close()


def test_several_threads_may_report(service, box):
    threads = [
        threading.Thread(target=lambda: [box.report([point(step)]) for step in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    box.close()
    assert sorted(service.steps("c-t0")) == sorted(list(range(50)) * 4)


def test_a_lone_event_leaves_at_once(service, box, monkeypatch):
    monkeypatch.setattr(outbox_module, "BATCH_SECONDS", 30)
    began = time.monotonic()
    box.report([point(0)])
    wait_for(lambda: service.events)
    assert time.monotonic() - began < 5
    box.close()


def test_who_reports_waits_while_the_spool_is_full(service, client, tmp_path):
    box = Outbox(
        tmp_path / "b", client.send_events, refused=print, patience_seconds=60,
        spool=lambda path: Spool(path, file_bytes=1000),
    )  # fmt: skip
    service.away = True
    told = []

    def report():
        for step in range(50):
            box.report([point(step)])
            told.append(step)

    reporting = threading.Thread(target=report)
    reporting.start()
    wait_for(lambda: told)
    time.sleep(0.3)
    assert len(told) < 20, "it does not wait"
    service.away = False
    reporting.join(30)
    box.close()
    assert service.events == [point(step) for step in range(50)]


def test_a_full_disk_loses_nothing(service, client, tmp_path):
    room = 0

    def write(file, content, offset):
        if offset >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.pwrite(file, content[: room - offset], offset)

    box = Outbox(
        tmp_path / "b", client.send_events, refused=print, patience_seconds=60,
        spool=lambda path: Spool(path, write=write),
    )  # fmt: skip
    service.away = True
    for step in range(20):
        box.report([point(step)])
        room = (0, 100, 10_000)[step % 3]
    service.away = False
    box.close()
    assert service.events == [point(step) for step in range(20)]


def test_a_refusal_lets_go_of_those_who_wait(service, client, tmp_path, refusals):
    box = Outbox(
        tmp_path / "b", client.send_events, refused=refusals.append,
        spool=lambda path: Spool(path, file_bytes=1),
    )  # fmt: skip
    service.away = True
    box.report([point(0)])
    threading.Timer(0.2, lambda: setattr(service, "dismissing", 409)).start()
    threading.Timer(0.2, lambda: setattr(service, "away", False)).start()
    box.report([point(1)])
    assert len(refusals) == 1
