"""Chunks of logs on both databases: once each, in order, gone with their comparison's rows."""

from service.contracts.logs import LogBatch, LogChunk
from service.db.unit_of_work import SqlUnits
from tests.support.control_plane import ControlPlane


def test_chunks_are_stored_once_counted_and_read_in_order(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = plane.submit()
    plane.tick()
    study_id = plane.driver().study_id
    chunks = tuple(
        LogChunk(number=number, at=plane.clock.now(), text=text)
        for number, text in enumerate(("one\n", "zwei äöü\n", "three\0\n"))
    )
    for _ in range(2):
        receipt = plane.service.logs.record(study_id, LogBatch(attempt=1, chunks=chunks))
        assert receipt.stored == 3
    first, second, third = plane.service.logs.page(comparison_id).items
    assert first.number < second.number < third.number
    assert (second.text, third.text) == ("zwei äöü\n", "three\N{REPLACEMENT CHARACTER}\n")
    after = plane.service.logs.page(comparison_id, after=first.number, limit=1)
    assert (after.items, after.last) == ((second,), second.number)
    with SqlUnits(plane.engine).read() as unit:
        assert unit.logs.characters(study_id) == 4 + 9 + 7
