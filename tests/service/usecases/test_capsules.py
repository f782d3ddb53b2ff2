"""A comparison that has finished becomes a document that runs again: the same points and seeds."""

import json
from typing import Any

import pytest

from service.contracts.capsule import checksum_of
from service.contracts.catalogue import Catalogue
from service.contracts.events import Environment
from service.contracts.extension import Extension
from service.contracts.forms import ReportForm
from service.contracts.report import RerunReport
from service.contracts.states import ComparisonState, StudyKind
from service.db.unit_of_work import SqlUnits
from service.domain.errors import Conflict, TransitionRefused
from service.usecases.capsules import Capsules
from tests.support import control_plane as control_plane_support
from tests.support.control_plane import PERSON, ControlPlane, point, run_to_the_end


def finished(plane: ControlPlane, **fields: object) -> str:
    comparison_id = plane.submit(**fields)
    run_to_the_end(plane, comparison_id)
    return comparison_id


def capsule(plane: ControlPlane, comparison_id: str) -> dict[str, Any]:
    """As a client has it: through JSON."""
    found: dict[str, Any] = json.loads(plane.service.capsules.of(comparison_id))
    return found


def extend(plane: ControlPlane, comparison_id: str, **totals: int) -> None:
    extension = Extension.model_validate(totals)
    plane.service.control.extend(comparison_id, extension, actor=PERSON)


def rerun(plane: ControlPlane, document: object, **given: Any) -> str:
    return plane.service.comparisons.rerun(document, actor=PERSON, **given).id


def runs(plane: ControlPlane, comparison_id: str) -> list[tuple[object, ...]]:
    return [
        (trial.kind, trial.problem, trial.contender, trial.point, trial.seed)
        for trial in plane.service.trials.of(comparison_id)
    ]


def of_report(plane: ControlPlane, comparison_id: str) -> RerunReport:
    found = plane.service.reports.report(comparison_id).rerun
    assert found is not None
    return found


def test_a_rerun_has_the_same_trials_and_says_that_their_losses_are_the_same(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    first = finished(plane)
    again = rerun(plane, capsule(plane, first))
    run_to_the_end(plane, again)
    assert runs(plane, again) == runs(plane, first)
    report = of_report(plane, again)
    assert (report.trials, report.compared, report.same, report.differences) == (8, 8, 8, ())
    assert report.comparison_id == first
    (note,) = plane.service.reports.report(again).notes
    assert note.endswith("in 8 of 8 trials the losses are the same bit for bit")
    assert capsule(plane, again)["trials"] == capsule(plane, first)["trials"]


def test_one_that_ran_otherwise_is_told_of_with_the_largest_difference(plane: ControlPlane) -> None:
    """One loss of one trial lies a thousandth higher, and it ran on another version."""
    document = capsule(plane, finished(plane))
    again = rerun(plane, document, threads=2)
    assert plane.service.comparisons.get(again).spec.resources.threads == 2
    plane.tick()
    driver = plane.driver()
    trial_id = driver.assignment.trials[0].trial_id
    start, *points, end = driver.trial(trial_id)
    here = start.environment.model_copy(update={"torch": "2.14", "threads": 2})
    higher = points[-1].point.model_copy(update={"train_loss": points[-1].point.train_loss * 1.001})
    changed = points[-1].model_copy(update={"point": higher})
    driver.send(start.model_copy(update={"environment": here}), *points[:-1], changed, end)
    report = of_report(plane, again)
    assert (report.trials, report.compared, report.same) == (8, 1, 0)
    assert report.largest_difference == pytest.approx(0.001, rel=1e-2)
    assert report.differences == ("PyTorch: 2.13 then, 2.14 now", "threads: 1 then, 2 now")
    notes = plane.service.reports.report(again).notes
    assert "1 of 8 trials have run so far; in 0 of 1 trial" in notes[0]
    assert notes[0].endswith("differ by a share of 9.99e-4 at most")
    for form in (ReportForm.HTML, ReportForm.MARKDOWN):
        page = plane.service.reports.file(again, form)[1].decode()
        assert all(note.split(":")[0] in page for note in notes)


def test_finals_run_at_the_capsules_points_whatever_the_search_finds(plane: ControlPlane) -> None:
    document = capsule(plane, finished(plane))
    again = rerun(plane, document)
    for _ in range(2):
        plane.tick()
        driver = plane.driver()
        for place, trial in enumerate(driver.assignment.trials):
            start, *points, end = driver.trial(trial.trial_id)
            reversed_order = points[-1].model_copy(update={"point": point(3, 90.0 - place)})
            driver.send(start, *points[:-1], reversed_order, end)
        driver.send(driver.done())
    run_to_the_end(plane, again)
    finals = [run for run in runs(plane, again) if run[0] is StudyKind.FINALS]
    assert finals == [
        (StudyKind.FINALS, one["problem"], one["contender"], one["point"], one["seed"])
        for one in document["trials"]
        if one["kind"] == "finals"
    ]
    assert of_report(plane, again).same == 4


def test_a_contender_that_was_cancelled_takes_no_part_again(plane: ControlPlane) -> None:
    """Its search had ended before, and counts no more: nothing is waited for."""
    comparison_id = plane.submit()
    for _ in range(2):
        plane.tick()
        plane.driver().run()
    plane.service.control.cancel(comparison_id, actor=PERSON, contender="adam")
    run_to_the_end(plane, comparison_id)
    again = rerun(plane, capsule(plane, comparison_id))
    run_to_the_end(plane, again)
    assert {run[2] for run in runs(plane, again)} == {"kbfgs"}
    report = of_report(plane, again)
    assert (report.trials, report.compared) == (4, 4)
    assert "in 3 of 4 trials" in plane.service.reports.report(again).notes[0]
    assert "so far" not in plane.service.reports.report(again).notes[0]


def test_a_run_of_the_finals_that_was_cancelled_is_in_no_pair_again(plane: ControlPlane) -> None:
    comparison_id = plane.submit(seeds=3)
    for _ in range(2):
        plane.tick()
        plane.driver().run()
    plane.tick()
    *_, last = plane.service.trials.of(comparison_id)
    plane.service.control.cancel_trial(last.id, actor=PERSON)
    run_to_the_end(plane, comparison_id)
    again = rerun(plane, capsule(plane, comparison_id))
    run_to_the_end(plane, again)
    assert len(runs(plane, again)) == len(runs(plane, comparison_id)) - 1
    (pair,) = plane.service.reports.report(again).problems[0].pairs
    assert pair.seeds == 2


def test_finals_that_were_picked_by_hand_are_told_of_and_so_is_a_rerun_of_a_rerun(
    plane: ControlPlane,
) -> None:
    """Adam's finals at its worst point, and one trial of its search less."""
    first = finished(plane, tuning={"trials": 4})
    document = capsule(plane, first)
    search = sorted(
        (
            one
            for one in document["trials"]
            if (one["kind"], one["contender"]) == ("tuning", "adam")
        ),
        key=lambda one: one["final_loss"],
    )
    document["trials"].remove(search[1])
    for one in document["trials"]:
        if (one["kind"], one["contender"]) == ("finals", "adam"):
            one["point"] = search[-1]["point"]
    again = rerun(plane, {**document, "checksum": checksum_of(document)})
    run_to_the_end(plane, again)
    report = plane.service.reports.report(again)
    (warning,) = [one for one in report.warnings if "finals of" in one]
    assert warning.startswith("the finals of Adam on ")
    assert warning.endswith(
        "are not at the point that its search chooses here, but at the capsule's"
    )
    assert any("searches were not equal" in one for one in report.problems[0].warnings)
    second = capsule(plane, again)
    assert second["rerun_of"] == {
        "comparison_id": first,
        "checksum": checksum_of(document),
    }
    (note,) = plane.service.reports.report(rerun(plane, second)).notes
    assert f"comparison {again} again, itself a rerun of comparison {first}: 0 of 11" in note


def test_each_trial_is_held_against_the_place_of_the_one_that_it_repeats(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K-BFGS' search here and the rest there, and the other way round."""
    here = control_plane_support.HERE
    there = here.model_copy(update={"hostname": "there"})

    def at(place: Environment) -> None:
        monkeypatch.setattr(control_plane_support, "HERE", place)

    first = plane.submit()
    plane.tick()
    plane.driver().run()
    at(there)
    run_to_the_end(plane, first)
    document = capsule(plane, first)
    at(here)
    again = rerun(plane, document)
    plane.tick()
    plane.driver().run()
    assert of_report(plane, again).differences == (), "so far all ran where it ran before"
    run_to_the_end(plane, again)
    assert of_report(plane, again).differences == ("host: there then, here now in 6 of 8 trials",)
    swapped = rerun(plane, document)
    at(there)
    plane.tick()
    plane.driver().run()
    at(here)
    run_to_the_end(plane, swapped)
    assert of_report(plane, swapped).differences == (
        "host: here then, there now in 2 of 8 trials",
        "host: there then, here now in 6 of 8 trials",
    )


def test_it_is_there_once_the_comparison_has_finished(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    with pytest.raises(Conflict, match="is queued"):
        plane.service.capsules.of(comparison_id)
    run_to_the_end(plane, comparison_id)
    assert capsule(plane, comparison_id) == capsule(plane, comparison_id)


def upgraded(catalogue: Catalogue) -> Catalogue:
    """A later version's: adam has other betas, and every problem larger mini-batches."""

    def other(name: str, value: object) -> object:
        return (0.5, 0.5) if name == "betas" else value

    optimizers = [
        entry.model_copy(
            update={
                "settings": tuple(
                    one.model_copy(update={"default": other(one.name, one.default)})
                    for one in entry.settings
                )
            }
        )
        for entry in catalogue.optimizers
    ]
    problems = [one.model_copy(update={"batch_size": 1234}) for one in catalogue.problems]
    return catalogue.model_copy(
        update={"optimizers": tuple(optimizers), "problems": tuple(problems)}
    )


def after_an_upgrade(plane: ControlPlane, comparison_id: str) -> dict[str, Any]:
    later = Capsules(SqlUnits(plane.engine), upgraded(plane.service.catalogue), plane.clock)
    found: dict[str, Any] = json.loads(later.of(comparison_id))
    return found


def test_it_says_what_ran_after_the_defaults_have_moved(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = finished(plane)
    before = capsule(plane, comparison_id)
    assert after_an_upgrade(plane, comparison_id) == before
    assert checksum_of(before) == before["checksum"]
    extend(plane, comparison_id, seeds=3)
    run_to_the_end(plane, comparison_id)
    extended = after_an_upgrade(plane, comparison_id)
    assert extended["spec"]["contenders"] == before["spec"]["contenders"]
    assert len(extended["seeds"]["finals"]) == 3
    plane.service.control.delete(comparison_id, actor=PERSON)
    with SqlUnits(plane.engine).read() as unit:
        assert unit.capsules.kept(comparison_id) is None


def test_one_that_an_earlier_version_finished_has_the_defaults_of_today(
    plane: ControlPlane,
) -> None:
    comparison_id = finished(plane)
    before = capsule(plane, comparison_id)
    with SqlUnits(plane.engine).write() as unit:
        unit.capsules.keep(comparison_id, None)
    found = after_an_upgrade(plane, comparison_id)
    assert set(found["batch_sizes"].values()) == {1234}
    assert checksum_of(found) == found["checksum"] != before["checksum"]
    assert found["trials"] == before["trials"]


def test_what_a_rerun_runs_is_fixed(plane: ControlPlane) -> None:
    again = rerun(plane, capsule(plane, finished(plane)))
    with pytest.raises(TransitionRefused, match="what it runs is fixed"):
        extend(plane, again, seeds=3)


def test_the_same_word_and_capsule_are_one_comparison(plane: ControlPlane) -> None:
    document = capsule(plane, finished(plane))
    ids = {rerun(plane, document, idempotency_key="once") for _ in range(2)}
    assert len(ids) == 1
    assert plane.service.comparisons.get(ids.pop()).state is ComparisonState.QUEUED
