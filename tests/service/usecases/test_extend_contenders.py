"""A comparison gets further contenders: what ran is used again, and the report says so."""

from collections import Counter

import pytest

from service.contracts.extension import Extension
from service.contracts.states import ComparisonState, StudyKind
from service.domain.errors import InvalidSpec
from tests.support.control_plane import PERSON, ControlPlane, run_to_the_end

SOAP = {"optimizer": "soap"}
TUNING = StudyKind.TUNING


def extend(plane: ControlPlane, comparison_id: str, *contenders: object) -> ComparisonState:
    extension = Extension.model_validate({"contenders": contenders})
    return plane.service.control.extend(comparison_id, extension, actor=PERSON).state


def shapes(plane: ControlPlane, comparison_id: str) -> Counter[tuple[str, str]]:
    """How many trials there are of each kind and contender."""
    trials = plane.service.trials.of(comparison_id)
    return Counter((trial.kind.value, trial.contender) for trial in trials)


def test_a_further_contender_gets_its_own_search_and_finals_and_the_rest_is_used_again(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    comparison_id = plane.submit(seeds=6)
    run_to_the_end(plane, comparison_id)
    before, old = (
        plane.service.trials.of(comparison_id),
        plane.service.reports.report(comparison_id),
    )
    assert extend(plane, comparison_id, SOAP) is ComparisonState.RUNNING
    run_to_the_end(plane, comparison_id)
    trials = plane.service.trials.of(comparison_id)
    assert trials[: len(before)] == before
    assert {trial.contender for trial in trials[len(before) :]} == {"soap"}
    assert shapes(plane, comparison_id) == {
        (kind, name): count
        for name in ("kbfgs", "adam", "soap")
        for kind, count in (("tuning", 2), ("finals", 6))
    }
    seeds = {
        name: {t.seed for t in trials if t.kind is StudyKind.FINALS and t.contender == name}
        for name in ("adam", "soap")
    }
    assert seeds["adam"] == seeds["soap"]
    report = plane.service.reports.report(comparison_id)
    assert [entry.name for entry in report.problems[0].contenders] == ["kbfgs", "adam", "soap"]
    assert len(report.problems[0].pairs) == 3
    said = "extended by ada: contender soap added; 16 trials used again, 8 new"
    assert report.notes[0] == said
    moved = report.problems[0].target.value != old.problems[0].target.value
    assert moved == any("the relative target on" in note for note in report.notes)


def test_a_fresh_comparison_of_all_plans_the_same_as_one_that_was_extended(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    extend(plane, comparison_id, SOAP)
    run_to_the_end(plane, comparison_id)
    fresh = plane.submit(contenders=[{"optimizer": "kbfgs"}, {"optimizer": "adam"}, SOAP])
    one, other = (
        {
            (t.contender, str(t.point), t.seed)
            for t in plane.service.trials.of(identity, kind=TUNING)
        }
        for identity in (comparison_id, fresh)
    )
    assert one == other


def test_a_contender_that_comes_while_others_train_takes_part(plane: ControlPlane) -> None:
    """Two problems, of which one has its finals already: no number is given twice."""
    two = ["mnist-5k-autoencoder", "logistic-regression"]
    comparison_id = plane.submit(problems=two)
    for _ in range(3):
        plane.tick()
        plane.driver().run()
    extend(plane, comparison_id, SOAP)
    run_to_the_end(plane, comparison_id)
    assert set(shapes(plane, comparison_id).values()) == {4}
    studies = plane.service.comparisons.studies(comparison_id)
    assert len({study.id for study in studies}) == 3 * 2 + 2


def test_the_same_contender_again_changes_nothing(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    extend(plane, comparison_id, SOAP)
    before = plane.service.comparisons.changes(comparison_id)
    extend(plane, comparison_id, SOAP)
    extend(plane, comparison_id, {"optimizer": "adam"})
    assert plane.service.comparisons.changes(comparison_id) == before


@pytest.mark.parametrize(
    ("contenders", "field"),
    [
        ([{"optimizer": "sgd", "name": "adam"}], "contenders[0].name"),
        ([{"optimizer": "no-such"}], "contenders[2].optimizer"),
        ([SOAP, {"optimizer": "sgd", "name": "soap"}], "contenders"),
        ([{"optimizer": "sgd", "name": f"sgd-{number}"} for number in range(31)], "contenders"),
    ],
)
def test_contenders_that_cannot_be_are_refused_by_their_field(
    plane: ControlPlane, contenders: list[dict[str, str]], field: str
) -> None:
    comparison_id = plane.submit()
    with pytest.raises(InvalidSpec) as refused:
        extend(plane, comparison_id, *contenders)
    assert field in {error.field for error in refused.value.errors}
