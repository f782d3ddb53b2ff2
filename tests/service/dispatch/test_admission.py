"""Which studies start: laws that hold for every queue, then the cases that matter here."""

from hypothesis import given
from hypothesis import strategies as st

from service.contracts.states import StudyKind
from service.dispatch.admission import admit
from service.domain.fairness import Fairness, Share
from service.domain.records import Capacity, StudyRecord
from tests.support.queues import a_cluster, a_study

STUDIES = st.lists(
    st.builds(
        a_study,
        st.integers(0, 99),
        kind=st.sampled_from(StudyKind),
        trials=st.integers(1, 20),
        cpus=st.sampled_from([0.5, 1, 2, 3]),
        gpus=st.sampled_from([0, 0.5, 1]),
    ),
    max_size=8,
)
CLUSTERS = st.builds(
    lambda cpus, gpus: a_cluster(*cpus, gpus=gpus),
    st.lists(st.integers(0, 8), max_size=3),
    st.integers(0, 2),
)


@given(queue=STUDIES, capacity=CLUSTERS)
def test_nobody_gets_more_than_there_is_and_finals_are_alone(
    queue: list[StudyRecord], capacity: Capacity
) -> None:
    admission = admit(queue, [], capacity)
    slots = [min(study.trials, capacity.slots(study.cpus, study.gpus)) for study in queue]
    apart = (admission.admitted, admission.waiting, admission.short)
    assert sum(map(len, apart)) == len(queue)
    taken = [
        (many * study.cpus, many * study.gpus)
        for many, study in zip(slots, queue, strict=True)
        if any(study is one for one in admission.admitted)
    ]
    assert sum(cpus for cpus, _ in taken) <= capacity.cpus + 1e-6
    assert sum(gpus for _, gpus in taken) <= capacity.gpus + 1e-6
    if any(study.kind is StudyKind.FINALS for study in admission.admitted):
        assert len(admission.admitted) == 1
    assert all(reason for _, reason in (*admission.waiting, *admission.short))


@given(queue=STUDIES, capacity=CLUSTERS)
def test_an_empty_cluster_takes_the_first_study_that_fits_it(
    queue: list[StudyRecord], capacity: Capacity
) -> None:
    admitted = admit(queue, [], capacity).admitted
    fitting = [study for study in queue if capacity.slots(study.cpus, study.gpus)]
    assert admitted[:1] == tuple(fitting[:1])


@given(queue=STUDIES, live=STUDIES, capacity=CLUSTERS)
def test_nobody_overtakes_one_that_could_run(
    queue: list[StudyRecord], live: list[StudyRecord], capacity: Capacity
) -> None:
    admission = admit(queue, live, capacity)
    fitting = [study for study in queue if capacity.slots(study.cpus, study.gpus)]
    assert list(admission.admitted) == fitting[: len(admission.admitted)]


def test_four_cpus_hold_two_small_studies() -> None:
    queue = [a_study(number, trials=2) for number in range(3)]
    assert len(admit(queue, [], a_cluster(4)).admitted) == 2


GB = 10**9


def test_memory_is_shared_out_as_cpus_are() -> None:
    queue = [a_study(number, trials=1, memory=2 * GB) for number in range(3)]
    admission = admit(queue, [], a_cluster(4, memory=5 * GB))
    assert list(admission.admitted) == queue[:2]
    assert admission.waiting == ((queue[2], "waiting for the studies that run now"),)


def test_one_that_needs_more_memory_than_there_is_says_so() -> None:
    admission = admit([a_study(0, memory=3 * GB)], [], a_cluster(4, 8, memory=2 * GB))
    ((_, reason),) = admission.short
    assert reason == (
        "each trial needs 1 CPUs and 3.00 GB of memory on one machine; "
        "the largest there is has 8 CPUs, 0 GPUs and 2.00 GB of memory"
    )


def test_nothing_starts_beside_finals() -> None:
    finals = a_study(0, kind=StudyKind.FINALS)
    admission = admit([a_study(1, trials=1)], [finals], a_cluster(64))
    assert not admission.admitted
    assert admission.waiting[0][1] == "waiting: finals run alone"


def test_finals_at_the_head_hold_back_those_behind() -> None:
    queue = [a_study(1, kind=StudyKind.FINALS), a_study(2, trials=1)]
    admission = admit(queue, [a_study(0, trials=1)], a_cluster(64))
    assert not admission.admitted


def test_a_trial_does_not_span_two_machines() -> None:
    admission = admit([a_study(0, cpus=4)], [], a_cluster(2, 2, 2))
    assert not admission.admitted
    assert "the largest there is has 2 CPUs" in admission.short[0][1]


def test_a_cluster_without_machines_is_waited_for() -> None:
    admission = admit([a_study(0, cpus=64)], [], a_cluster())
    assert not admission.short, "a head that has just started has no machine yet"
    assert admission.waiting[0][1] == "waiting for the cluster to have a machine"


def test_the_ranks_of_a_trial_may_lie_on_several_machines() -> None:
    assert admit([a_study(0, workers=(3, 3))], [], a_cluster(2, 2)).admitted
    short = admit([a_study(0, workers=(5, 5))], [], a_cluster(2, 2)).short
    assert short[0][1] == "each trial needs 5 workers with 1 CPUs each; there is room for 4"


def test_trials_take_all_of_their_ranks() -> None:
    queue = [a_study(number, trials=1, workers=(2, 2)) for number in range(3)]
    assert len(admit(queue, [], a_cluster(4)).admitted) == 2
    assert len(admit(queue, [], a_cluster(5)).admitted) == 2


def test_an_elastic_trial_starts_with_what_there_is() -> None:
    elastic = [a_study(number, trials=1, workers=(1, 4)) for number in range(2)]
    assert len(admit(elastic, [], a_cluster(2)).admitted) == 1
    assert len(admit(elastic, [], a_cluster(8)).admitted) == 2
    assert not admit([a_study(0, workers=(3, 4))], [], a_cluster(2)).admitted


def test_who_waits_for_a_cap_holds_back_nobody() -> None:
    fairness = Fairness({"a": Share("ada", at_once=1), "b": Share("ada")})
    queue = [a_study(number, trials=1) for number in range(2)]
    queue.append(a_study(0, comparison="b", trials=1))
    admission = admit(queue, [], a_cluster(4), fairness)
    assert [study.id for study in admission.admitted] == ["a-s0", "b-s0"]
    assert [(study.id, reason) for study, reason in admission.waiting] == [
        ("a-s1", "waiting for others of its comparison: at most 1 at once")
    ]


def test_what_fits_nowhere_counts_for_nothing() -> None:
    fairness = Fairness({"a": Share("ada"), "b": Share("ada"), "c": Share("bob")}, owner_studies=1)
    queue = [a_study(0, cpus=9), *(a_study(0, comparison=name, trials=1) for name in "bc")]
    admission = admit(queue, [], a_cluster(4), fairness)
    assert [study.id for study in admission.admitted] == ["b-s0", "c-s0"]
