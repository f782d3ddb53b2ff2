"""The clock of a step's phases."""

from itertools import count

import pytest

from kbfgs.phases import PhaseClock


class Ticking:
    """A timer whose every moment is a second later, and which counts the waits."""

    def __init__(self) -> None:
        self._moments = count()
        self.waits = 0

    def stamp(self) -> int:
        return next(self._moments)

    def between(self, first: int, last: int) -> float:
        self.waits += 1
        return float(last - first)


def test_while_an_inner_phase_runs_the_outer_one_stands_still():
    clock = PhaseClock(Ticking())
    with clock.phase("curvature"):
        with clock.phase("exchange"):
            pass
        with clock.phase("exchange"):
            pass
    assert clock.seconds() == {"curvature": 3.0, "exchange": 2.0}


def test_what_lies_between_two_phases_belongs_to_none():
    clock = PhaseClock(Ticking())
    for _ in range(3):
        with clock.phase("first_pass"):
            pass
    assert clock.seconds() == {"first_pass": 3.0}


def test_a_phase_that_raises_ends_there():
    clock = PhaseClock(Ticking())
    with pytest.raises(ValueError, match="broken"), clock.phase("outer"), clock.phase("inner"):
        raise ValueError("broken")
    with clock.phase("next"):
        pass
    assert clock.seconds() == {"outer": 2.0, "inner": 1.0, "next": 1.0}


def test_nothing_waits_for_the_timer_until_the_seconds_are_asked_for():
    timer = Ticking()
    clock = PhaseClock(timer)
    with clock.phase("outer"), clock.phase("inner"):
        pass
    assert timer.waits == 0
    clock.seconds()
    assert timer.waits > 0


def test_a_new_step_begins_with_nothing():
    clock = PhaseClock(Ticking())
    with clock.phase("first_pass"):
        pass
    clock.reset()
    assert clock.seconds() == {}
