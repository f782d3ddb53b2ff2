"""What a reader should know of where and when the finals ran."""

from collections.abc import Iterator, Mapping, Sequence

from service.contracts import numbers
from service.contracts.events import Environment
from service.contracts.spec import Outcome
from service.domain.results import TrialResult
from service.domain.scoring.findings import Findings

_PLACES = {
    "hostname": "host",
    "device": "device",
    "python": "Python",
    "torch": "PyTorch",
    "threads": "threads",
    "ranks": "ranks",
}
"""What times depend on, and what it is called."""
_SHOWN = 3
"""So many different values are named."""


def place_warnings(findings: Findings, finals: Sequence[TrialResult]) -> Iterator[str]:
    """The warnings on one problem about the finals' machines, plug-ins and hours."""
    yield from _different_places(findings, finals)
    yield from _different_plugins(findings, finals)
    if findings.outcome is Outcome.TRAINING_SECONDS:
        yield from _apart(findings, finals)


def _different_places(findings: Findings, finals: Sequence[TrialResult]) -> Iterator[str]:
    """Says how places differ, and whether within a seed: pairs of one place are comparable."""
    places: dict[int, list[Environment]] = {}
    for trial in finals:
        if trial.environment is not None:
            places.setdefault(trial.seed, []).append(trial.environment)
    different = _differences([place for own in places.values() for place in own])
    if not different:
        return
    torn = sum(bool(_differences(own)) for own in places.values())
    told = ", ".join(f"{_PLACES[name]} {values}" for name, values in different.items())
    consequence = (
        f"on {torn} of {numbers.counted(len(places), 'seed')} the contenders' times come from "
        "different ones and may not be comparable"
        if torn
        else "each seed had one for all of its runs, so the ratios hold; the seconds vary with it"
    )
    if findings.outcome is not Outcome.TRAINING_SECONDS:
        consequence += "; the verdict does not rest on times"
    yield f"the finals ran in different environments ({told}): {consequence}"


def _differences(places: Sequence[Environment]) -> Mapping[str, str]:
    """What these environments do not have in common, with its values."""
    values = {
        name: [str(value) for value in dict.fromkeys(getattr(place, name) for place in places)]
        for name in _PLACES
    }
    return {name: _some(found) for name, found in values.items() if len(found) > 1}


def _some(values: list[str]) -> str:
    more = len(values) - _SHOWN
    return numbers.listed(values if more <= 0 else [*values[:_SHOWN], f"{more} more"])


def _different_plugins(findings: Findings, finals: Sequence[TrialResult]) -> Iterator[str]:
    for name in findings.contenders:
        own = [trial.environment for trial in finals if trial.contender == name]
        versions = {", ".join(place.plugins) for place in own if place is not None}
        if len(versions) > 1:
            each = numbers.listed(sorted(versions))
            yield f"{findings.title(name)} was not made with the same plug-ins in every run: {each}"


def _apart(findings: Findings, finals: Sequence[TrialResult]) -> Iterator[str]:
    """Says where an extension added some of a seed's runs, which then ran later than the others.

    Planned together, the contenders' runs on a seed have numbers that follow on one another.
    """
    numbers_of: dict[int, list[int]] = {}
    for trial in finals:
        numbers_of.setdefault(trial.seed, []).append(trial.number)
    together = len(findings.spec.contenders)
    apart = sum(max(own) - min(own) >= together for own in numbers_of.values())
    if apart:
        yield (
            f"on {apart} of {numbers.counted(len(numbers_of), 'seed')} an extension added finals "
            "that ran later than the others: times may differ for what the machine did then"
        )
