"""The phases of a study's start add up, and only the first metric ends them."""

from datetime import UTC, datetime, timedelta

from service.contracts.events import Environment, MetricPoint, TrialPoint, TrialStarted
from workers.start import StartWatch

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Environment(hostname="here", device="cpu", python="3.11", torch="2.13", threads=1)


class Time:
    """A time of day that goes when it is told to."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        return self.at

    def after(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


def point() -> TrialPoint:
    figures = MetricPoint(
        epoch=0, step=0, training_seconds=0, elapsed_seconds=0, process_seconds=0,
        gradient_evaluations=0, train_loss=1.0,
    )  # fmt: skip
    return TrialPoint(trial_id="c-t0", point=figures)


def started(at: datetime) -> TrialStarted:
    return TrialStarted(trial_id="c-t0", number=0, at=at, environment=HERE)


def test_each_phase_is_the_time_to_the_end_of_the_one_before() -> None:
    time = Time()
    watch = StartWatch(BEGAN, now=time)
    for seconds in (3, 0.5, 2):
        time.after(seconds)
        watch.phase_ended()
    began = time.after(4)
    watch.heard([started(began)])
    assert watch.measured is None
    time.after(1)
    watch.heard([point()])
    assert watch.measured is not None
    assert list(watch.measured.model_dump(exclude={"began_at"}).values()) == [3, 0.5, 2, 4, 1]
    before = watch.measured
    time.after(9)
    watch.heard([started(time.at), point()])
    assert watch.measured is before


def test_a_clock_that_is_behind_makes_no_phase_negative() -> None:
    watch = StartWatch(BEGAN, now=Time())
    for _ in range(3):
        watch.phase_ended()
    watch.heard([started(BEGAN - timedelta(seconds=5)), point()])
    assert watch.measured is not None
    assert watch.measured.actor_seconds == 0
