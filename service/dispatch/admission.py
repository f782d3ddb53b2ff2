"""Which queued studies may start now: in the order of the queue, finals alone on the cluster."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from service.contracts.numbers import listed, size
from service.contracts.states import StudyKind
from service.domain.fairness import Fairness, Reason
from service.domain.records import Capacity, StudyRecord

FIRST_COME = Fairness()
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Admission:
    """What to start, and why the others wait."""

    admitted: tuple[StudyRecord, ...]
    waiting: tuple[Reason, ...]
    short: tuple[Reason, ...]
    """Those that ask for more than there is, with what there is."""


def admit(
    queued: Sequence[StudyRecord],
    live: Sequence[StudyRecord],
    capacity: Capacity,
    fairness: Fairness = FIRST_COME,
    *,
    ending: Collection[str] = (),
) -> Admission:
    """Fill the cluster from the head of the line.

    A tuning study takes as many ranks as its trials have, and at most all there is room for.
    Finals need the cluster for themselves, so that their times are comparable. A study that must
    wait for room holds back those behind it, so that none starves; one that can never fit, or
    that waits for a cap, holds back nobody. A search that is about to end makes room for the next
    one of its own comparison, whose driver takes as long to start.

    Args:
        queued: The queue, oldest first.
        live: The studies that have the cluster now.
        capacity: What the cluster has.
        fairness: Who goes before whom, and who may have how much.
        ending: The ids of the studies that are about to end.
    """
    if not capacity.nodes:
        reason = "waiting for the cluster to have a machine"
        return Admission((), tuple((study, reason) for study in queued), ())
    fitting = [study for study in queued if _fits(study, capacity)]
    short = [(study, _too_big(study, capacity)) for study in queued if not _fits(study, capacity)]
    line = fairness.line_up(fitting, live, lambda study: _weight(study, capacity))
    admitted: list[StudyRecord] = []
    waiting = list(line.capped)
    running = list(live)
    held_back = ""
    for study in line.studies:
        beside = [each for each in running if not _follows(study, each, ending)]
        held_back = held_back or _reason_to_wait(study, beside, capacity)
        if held_back:
            waiting.append((study, held_back))
        else:
            admitted.append(study)
            running.append(study)
    return Admission(tuple(admitted), tuple(waiting), tuple(short))


def _follows(study: StudyRecord, before: StudyRecord, ending: Collection[str]) -> bool:
    """Whether a search may start while another one ends; finals need all the others to be gone."""
    return (
        before.id in ending
        and before.comparison_id == study.comparison_id
        and study.kind is not StudyKind.FINALS
    )


def _fits(study: StudyRecord, capacity: Capacity) -> bool:
    """Whether the study could run with the cluster for itself."""
    return _room(study, capacity) >= study.fewest_workers


def _weight(study: StudyRecord, capacity: Capacity) -> float:
    """The share of the cluster that a study takes, of what it takes most of; finals take all."""
    if study.kind is StudyKind.FINALS:
        return 1.0
    there = (capacity.cpus, capacity.gpus, capacity.memory)
    return max(map(_share, _demand(study, capacity), there))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _reason_to_wait(study: StudyRecord, running: Sequence[StudyRecord], capacity: Capacity) -> str:
    """Why a study cannot start beside those that run; empty where it can."""
    if any(other.kind is StudyKind.FINALS for other in running):
        return "waiting: finals run alone"
    if study.kind is StudyKind.FINALS:
        return "waiting for the cluster to be empty: finals run alone" if running else ""
    demands = [_demand(each, capacity) for each in (study, *running)]
    there = (capacity.cpus, capacity.gpus, capacity.memory)
    fits = all(
        sum(asked) <= whole + _ROUNDING
        for *asked, whole in zip(*demands, there, strict=True)
        if asked[0]
    )
    return "" if fits else "waiting for the studies that run now"


def _room(study: StudyRecord, capacity: Capacity) -> int:
    """How many of its ranks the empty cluster has room for."""
    return capacity.slots(study.cpus, study.gpus, study.memory)


def _demand(study: StudyRecord, capacity: Capacity) -> tuple[float, float, float]:
    """CPUs, GPUs and bytes that a tuning study takes."""
    room = _room(study, capacity)
    workers = max(min(study.most_workers, room), 1)
    ranks = workers * min(study.trials, room // workers)
    return ranks * study.cpus, ranks * study.gpus, ranks * study.memory


def _too_big(study: StudyRecord, capacity: Capacity) -> str:
    memory = [f"{size(study.memory)} of memory"] if study.memory else []
    gpus = [f"{study.gpus:g} GPUs"] if study.gpus else []
    needs = listed([f"{study.cpus:g} CPUs", *gpus, *memory])
    room = _room(study, capacity)
    if room:
        return (
            f"each trial needs {study.fewest_workers} workers with {needs} each; "
            f"there is room for {room}"
        )
    who = "trial" if study.most_workers == 1 else "worker of a trial"
    largest = max(capacity.nodes, key=lambda node: (node.gpus, node.cpus, node.memory))
    free = [f"{size(largest.memory)} of memory"] if study.memory else []
    has = listed([f"{largest.cpus:g} CPUs", f"{largest.gpus:g} GPUs", *free])
    return f"each {who} needs {needs} on one machine; the largest there is has {has}"
