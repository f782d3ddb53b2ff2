"""The order of the queue: laws for every queue, and that nobody starves."""

from collections import Counter, defaultdict
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from service.contracts.states import StudyKind
from service.dispatch.admission import admit
from service.domain.fairness import Fairness, Share
from service.domain.records import StudyRecord
from tests.support.queues import NOW, a_cluster, a_study

COMPARISONS = "abcdef"
SHARES = st.fixed_dictionaries(
    {
        name: st.builds(
            Share,
            st.sampled_from(["ada", "bob", "eve"]),
            st.sampled_from([-100, 0, 0, 7]),
            st.sampled_from([None, None, 1, 2]),
        )
        for name in COMPARISONS
    }
)
NUMBERS = st.lists(st.sampled_from(COMPARISONS), max_size=14)


def a_queue(comparisons: list[str], *, first: int = 0) -> list[StudyRecord]:
    return [
        a_study(first + number, comparison=name, trials=1 + number % 3)
        for number, name in enumerate(comparisons)
    ]


def weight(study: StudyRecord) -> float:
    return study.trials / 8


@given(names=NUMBERS, running=NUMBERS, shares=SHARES, most=st.sampled_from([None, 1, 3]))
def test_everyone_stands_in_the_line_or_waits_for_a_cap_that_is_reached(
    names: list[str], running: list[str], shares: dict[str, Share], most: int | None
) -> None:
    queue, live = a_queue(names), a_queue(running, first=100)
    line = Fairness(shares, most).line_up(queue, live, weight)
    capped = [study for study, _ in line.capped]
    assert Counter(study.id for study in (*line.studies, *capped)) == Counter(
        study.id for study in queue
    )
    have = [*live, *line.studies]
    of_comparison = Counter(study.comparison_id for study in have)
    of_owner = Counter(shares[study.comparison_id].owner for study in have)
    for study in line.studies:
        share = shares[study.comparison_id]
        running_here = sum(one.comparison_id == study.comparison_id for one in live)
        if share.at_once is not None and running_here <= share.at_once:
            assert of_comparison[study.comparison_id] <= share.at_once
    for study in capped:
        share = shares[study.comparison_id]
        full = share.at_once is not None and of_comparison[study.comparison_id] >= share.at_once
        assert full or (most is not None and of_owner[share.owner] >= most)


@given(names=NUMBERS, running=NUMBERS, shares=SHARES)
def test_the_line_is_the_same_without_those_that_wait_for_a_cap(
    names: list[str], running: list[str], shares: dict[str, Share]
) -> None:
    queue, live = a_queue(names), a_queue(running, first=100)
    fairness = Fairness(shares, owner_studies=3)
    line = fairness.line_up(queue, live, weight)
    capped = {study.id for study, _ in line.capped}
    rest = [study for study in queue if study.id not in capped]
    assert fairness.line_up(rest, live, weight).studies == line.studies


@given(names=NUMBERS, running=NUMBERS, shares=SHARES)
def test_next_is_the_highest_priority_then_who_has_least_then_the_oldest(
    names: list[str], running: list[str], shares: dict[str, Share]
) -> None:
    queue, live = a_queue(names), a_queue(running, first=100)
    line = Fairness(shares).line_up(queue, live, weight).studies
    load: dict[str, float] = defaultdict(float)
    for study in live:
        load[shares[study.comparison_id].owner] += weight(study)
    for place, study in enumerate(line):
        share = shares[study.comparison_id]
        for other in line[place + 1 :]:
            behind = shares[other.comparison_id]
            assert behind.priority <= share.priority
            if behind.priority < share.priority:
                continue
            assert load[share.owner] <= load[behind.owner]
            if load[share.owner] == load[behind.owner] or share.owner == behind.owner:
                assert study.number < other.number
        load[share.owner] += weight(study)


def test_two_owners_take_turns_however_much_one_has_queued() -> None:
    shares = {"a": Share("ada"), "b": Share("bob")}
    queue = [a_study(number, comparison=name) for name in "ab" for number in range(3)]
    line = Fairness(shares).line_up(queue, [], lambda _: 0.5).studies
    assert [study.comparison_id for study in line] == list("ababab")


def test_who_has_something_running_goes_after_who_has_nothing() -> None:
    shares = {"a": Share("ada"), "b": Share("bob")}
    queue = [a_study(1, comparison="a"), a_study(0, comparison="b")]
    line = Fairness(shares).line_up(queue, [a_study(0, comparison="a")], lambda _: 0.1).studies
    assert [study.comparison_id for study in line] == list("ba")


@settings(max_examples=30)
@given(
    lowest=st.lists(
        st.builds(
            a_study,
            st.just(0),
            comparison=st.sampled_from("abc"),
            kind=st.sampled_from(StudyKind),
            trials=st.integers(1, 4),
        ),
        min_size=1,
        max_size=5,
    ),
    at_once=st.sampled_from([None, 1]),
)
def test_nobody_starves_behind_those_of_the_highest_priority(
    lowest: list[StudyRecord], at_once: int | None
) -> None:
    """An hour a look; each starts a flood, and all that runs ends within the hour."""
    shares = {name: Share(name, -100, at_once) for name in "abc"} | {"flood": Share("eve", 100)}
    queue = list(lowest)
    for hour in range(24 + len(lowest) + 1):
        now = NOW + timedelta(hours=hour)
        queue += [a_study(hour, comparison="flood", trials=2, created_at=now) for _ in range(2)]
        admitted = admit(queue, [], a_cluster(2), Fairness(shares, now=now)).admitted
        assert admitted
        queue = [study for study in queue if not any(study is one for one in admitted)]
    assert {study.comparison_id for study in queue} <= {"flood"}
