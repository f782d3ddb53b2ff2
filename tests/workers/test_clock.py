"""The clock runs where it is told to and nowhere else."""

import time

import pytest

from workers.clock import ClockReading, TrainingClock


class FakeTime:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._wall, self._cpu = 1000.0, 50.0

    def pass_(self, wall: float, cpu: float = 0.0) -> None:
        self._wall += wall
        self._cpu += cpu

    def monotonic(self) -> float:
        return self._wall

    def perf_counter(self) -> float:
        return self._wall

    def process_time(self) -> float:
        return self._cpu


@pytest.fixture
def fake(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr("workers.clock.time", fake)
    return fake


def test_only_what_is_inside_counts(fake):
    clock = TrainingClock(lambda: None)
    fake.pass_(5, cpu=4)
    for _ in range(2):
        with clock.running():
            fake.pass_(2, cpu=3)
        fake.pass_(5, cpu=4)
    assert clock.read() == ClockReading(training=4, process=6, elapsed=19)


def test_it_goes_on_from_a_reading(fake):
    clock = TrainingClock(lambda: None, start=ClockReading(10, 9, 100))
    with clock.running():
        fake.pass_(2, cpu=3)
    assert clock.read() == ClockReading(12, 12, 102)


def test_it_stops_when_the_block_raises(fake):
    clock = TrainingClock(lambda: None)

    def fail():
        with clock.running():
            fake.pass_(2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    fake.pass_(5)
    assert clock.read() == ClockReading(training=2, elapsed=7)


def test_it_waits_for_the_device_on_both_sides(fake):
    """What was queued before the block is not counted, what was queued inside is."""
    clock = TrainingClock(lambda: fake.pass_(queued.pop()))
    queued = [3, 50]
    with clock.running():
        assert queued == [3]
    assert clock.read().training == 3


def test_sleeping_costs_no_process_time_and_computing_does():
    clock = TrainingClock(lambda: None)
    with clock.running():
        time.sleep(0.05)
    asleep = clock.read().process
    with clock.running():
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
    assert asleep < 0.04
    assert clock.read().process - asleep >= 0.05
