"""A capsule is made of results and becomes a plan of the same runs, or is refused by its field."""

import json
from dataclasses import replace
from typing import Any

import pytest

from service.contracts.capsule import Capsule, checksum_of
from service.contracts.catalogue import built_in, resolve
from service.contracts.events import Environment
from service.contracts.plan import PlannedStudy
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.contracts.tuning import Search
from service.domain import planning
from service.domain.capsules import make_capsule
from service.domain.errors import InvalidCapsule
from service.domain.rerunning import read_capsule
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring import score
from service.domain.scoring.reruns import rerun_report
from service.domain.searching import informed
from service.domain.selection import select
from tests.support.comparisons import NOW, a_spec, a_trial, results

LOSSES = [100.0, 90.0, 80.0, 70.0, 60.0, 50.0]
TPE = {"search": "tpe", "trials": 3}
PLACE = {"hostname": "there", "device": "cpu", "python": "3.11", "torch": "2.13", "threads": 1}
ASHA = {"trials": 4, "asha": {"grace_epochs": 2}}


def ran(spec: ComparisonSpec) -> ComparisonResults:
    """Every trial that the spec plans, run to its end; a search that learns proposes rising lr."""
    planned = planning.plan(spec, built_in())
    learns = spec.tuning.search is Search.TPE
    trials = [
        a_trial(
            trial.contender,
            [loss + trial.number for loss in LOSSES],
            number=trial.number,
            kind=study.kind,
            seed=trial.seed,
            point={"lr": 1e-3 * (1 + place), "eps": 1e-8} if learns else trial.point,
        )
        for study in planned.studies
        for place, trial in enumerate(study.trials)
    ]
    searched = results(spec, trials)
    finals = planning.plan_finals(
        spec,
        spec.problems[0],
        select(searched, spec.problems[0], built_in()),
        planned.seeds,
        study_number=len(planned.studies),
        first_trial_number=len(trials),
    )
    run = [
        a_trial(one.contender, LOSSES, number=one.number, seed=one.seed, point=one.point)
        for one in finals.trials
    ]
    return replace(searched, trials=(*trials, *run))


def document(found: ComparisonResults) -> dict[str, Any]:
    """Their capsule, as a client has it: through JSON."""
    seeds = planning.plan(found.spec, built_in()).seeds
    capsule = make_capsule(found, seeds, built_in(), at=NOW)
    parsed: dict[str, Any] = json.loads(capsule.model_dump_json())
    return parsed


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    return document(ran(a_spec()))


def searches(spec: ComparisonSpec) -> tuple[PlannedStudy, ...]:
    return planning.plan(spec, built_in()).studies


def test_the_plan_of_a_capsule_is_the_plan_that_it_was_made_of(usual: dict[str, Any]) -> None:
    plan = read_capsule(usual, built_in())
    assert plan.studies == searches(a_spec())
    assert plan.seeds == planning.plan(a_spec(), built_in()).seeds
    assert resolve(plan.spec, built_in()) == resolve(a_spec(), built_in())


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "cosine"},
        {"tuning": {"search": "random", "trials": 3, "repeats": 2}},
        {"contenders": [{"optimizer": "adam", "space": {}, "settings": {"schedule": "cosine"}}]},
        {"contenders": [{"optimizer": "adam", "space": {"lr": {"values": [0.1, 0.2]}}}]
         , "tuning": {"search": "grid"}},
    ],
)  # fmt: skip
def test_what_is_spelled_out_runs_as_before(fields: dict[str, Any]) -> None:
    spec = a_spec("adam", **fields)
    plan = read_capsule(document(ran(spec)), built_in())
    assert plan.studies == searches(spec)
    assert resolve(plan.spec, built_in()) == resolve(spec, built_in())


def test_a_search_that_learns_runs_again_as_the_list_that_it_proposed() -> None:
    found = ran(a_spec("adam", tuning=TPE))
    (study,) = read_capsule(document(found), built_in()).studies
    assert [trial.point["lr"] for trial in study.trials] == pytest.approx([1e-3, 2e-3, 3e-3])


def stopped(found: ComparisonResults, number: int, epochs: int | None) -> ComparisonResults:
    """The results with one trial that its search stopped; with None before it began."""

    def changed(trial: TrialResult) -> TrialResult:
        if trial.number != number:
            return trial
        kept = () if epochs is None else trial.points[: epochs + 1]
        return replace(trial, state=TrialState.STOPPED, points=kept)

    return replace(found, trials=tuple(map(changed, found.trials)))


def test_what_asha_stopped_is_stopped_there_and_what_never_began_is_left_out() -> None:
    found = stopped(stopped(ran(a_spec("adam", tuning=ASHA)), 1, 2), 3, None)
    plan = read_capsule(document(found), built_in())
    (study,) = plan.studies
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assignment = planning.study_assignment(
        plan.spec, built_in(), study, comparison_id="again", attempt=1
    )
    told = informed(
        assignment, study, spec=plan.spec, catalogue=built_in(), tried=(), capsule=plan.capsule
    )
    assert told.rungs is not None
    assert (told.rungs.stops, told.rungs.epochs) == ({"again-t1": 2}, (2,))
    assert (told.proposals, told.worker_seconds) == (None, None)


@pytest.mark.parametrize("state", [TrialState.STOPPED, TrialState.CANCELLED, TrialState.FAILED])
def test_a_trial_that_never_began_had_no_point_to_be_proposed(state: TrialState) -> None:
    """A search by TPE of which a trial was left when its time was spent, or was cancelled."""
    found = ran(a_spec("adam", tuning=TPE))
    never = replace(found.trials[2], state=state, points=(), point={})
    trials = (*found.trials[:2], never, *found.trials[3:])
    (study,) = read_capsule(document(replace(found, trials=trials)), built_in()).studies
    assert [trial.point["lr"] for trial in study.trials] == pytest.approx([1e-3, 2e-3])


def test_trials_that_a_person_cancelled_are_not_run_again() -> None:
    """One of the search, and Adam's finals on the second seed: the verdict rests on the rest."""
    found = ran(a_spec())
    finals = [one for one in found.trials if one.kind is StudyKind.FINALS]
    out = {1, next(one.number for one in finals[2:] if one.contender == "adam")}
    trials = tuple(
        replace(one, state=TrialState.CANCELLED) if one.number in out else one
        for one in found.trials
    )
    plan = read_capsule(document(replace(found, trials=trials)), built_in())
    assert plan.capsule is not None
    again = planning.plan_finals(
        plan.spec,
        plan.spec.problems[0],
        plan.capsule.chosen(plan.spec.problems[0]),
        plan.seeds,
        study_number=2,
        first_trial_number=3,
        capsule=plan.capsule,
    )
    planned = [trial for study in (*plan.studies, again) for trial in study.trials]
    assert [(trial.contender, trial.point, trial.seed) for trial in planned] == [
        (one.contender, one.point, one.seed) for one in found.trials if one.number not in out
    ]
    assert [trial.number for trial in planned] == list(range(len(planned)))


def test_a_trial_that_failed_then_and_ran_here_is_told_of() -> None:
    found = ran(a_spec())
    failed = replace(found.trials[1], state=TrialState.FAILED, points=())
    before = replace(found, trials=(found.trials[0], failed, *found.trials[2:]))
    plan = read_capsule(document(before), built_in())
    report = score(replace(found, capsule=plan.capsule), built_in(), now=NOW)
    assert report.rerun is not None
    assert (report.rerun.trials, report.rerun.compared, report.rerun.new) == (19, 19, 1)
    assert report.notes[0].endswith("bit for bit; 1 trial that failed in the capsule ran here")
    assert not [warning for warning in report.warnings if "finals of" in warning]


def test_defaults_that_have_moved_since_change_nothing(usual: dict[str, Any]) -> None:
    """Adam's betas are 0.9 and 0.999 today; the settings stand in the capsule itself."""
    spec = Capsule.model_validate(usual).spec
    assert spec.contenders[1].settings["betas"] == (0.9, 0.999)
    assert spec.contenders[1].space == resolve(a_spec(), built_in())[1].space


def changed(capsule: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The capsule with another value at a path as ``trials.0.seed``, and its right checksum."""
    copy = json.loads(json.dumps(capsule))
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner = copy
    for part in way:
        inner = inner[part]
    inner[last] = value
    return {**copy, "checksum": checksum_of(copy)}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("schema_version", 2, "schema_version"),
        ("no_such_field", 1, "no_such_field"),
        ("spec.problems.0", "no-such-problem", "spec.problems[0]"),
        ("spec.contenders.0.settings.no_such", 1, "spec.contenders[0].settings.no_such"),
        ("spec.budget.epochs", 10**9, "spec.budget.epochs"),
        ("seeds.finals", [1, 2, 3], "seeds.finals"),
        ("seeds.finals", [1] * 8, "seeds"),
        ("seeds.tuning", 2**40, "seeds.tuning"),
        ("batch_sizes.mnist-5k-autoencoder", 7, "batch_sizes.mnist-5k-autoencoder"),
        ("trials.0.point.lr", 1e9, "trials[0].point"),
        ("trials.0.point", {}, "trials[0].point"),
        ("trials.0.seed", 5, "trials[0].seed"),
        ("trials.0.contender", "soap", "trials[0].contender"),
        ("trials.0.problem", "quadratic", "trials[0].problem"),
        ("trials.0.environment", 7, "trials[0].environment"),
        ("environments", [PLACE], "environments[0]"),
        ("trials.0.losses", "f" * 63, "trials[0].losses"),
        ("trials.0.state", "running", "trials[0].state"),
        ("trials.0.epochs", 6, "trials[0].epochs"),
        ("trials", [], "trials"),
        ("cancelled", ["kbfgs", "adam"], "cancelled"),
        ("cancelled", ["adam", "nobody"], "cancelled[1]"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(
    usual: dict[str, Any], path: str, value: object, field: str
) -> None:
    with pytest.raises(InvalidCapsule) as refused:
        read_capsule(changed(usual, path, value), built_in())
    assert field in {error.field for error in refused.value.errors}


def test_finals_at_two_points_and_a_search_of_too_many_are_refused(usual: dict[str, Any]) -> None:
    finals = [one for one in usual["trials"] if one["kind"] == StudyKind.FINALS]
    moved = {**finals[0], "point": usual["trials"][1]["point"], "contender": "kbfgs"}
    assert moved["point"] != finals[0]["point"] or moved["contender"] != finals[0]["contender"]
    two_points = changed(usual, "trials", [*usual["trials"], moved])
    with pytest.raises(InvalidCapsule, match="not all at one point"):
        read_capsule(two_points, built_in())
    too_many = changed(usual, "trials", [*usual["trials"], usual["trials"][0]])
    with pytest.raises(InvalidCapsule, match="has 3, not 1 to 2"):
        read_capsule(too_many, built_in())


def test_searches_of_which_nothing_runs_again_are_refused(usual: dict[str, Any]) -> None:
    never = [{**one, "state": "stopped", "losses": None} for one in usual["trials"]]
    with pytest.raises(InvalidCapsule, match="none of a search runs again"):
        read_capsule(changed(usual, "trials", never), built_in())


def test_finals_at_a_point_that_was_never_tried_are_refused(usual: dict[str, Any]) -> None:
    picked = [
        {**one, "point": {**one["point"], "lr": one["point"]["lr"] * 1.5}}
        if (one["kind"], one["contender"]) == (StudyKind.FINALS, "adam")
        else one
        for one in usual["trials"]
    ]
    with pytest.raises(InvalidCapsule, match="a point that its search does not hold"):
        read_capsule(changed(usual, "trials", picked), built_in())


def test_one_that_another_tool_wrote_anew_is_the_same() -> None:
    """As JavaScript and jq do: 1.0 becomes 1, and 1e-08 becomes 1e-8 or 0.00000001."""

    def anew(value: object) -> object:
        if isinstance(value, dict):
            return {name: anew(inner) for name, inner in reversed(value.items())}
        if isinstance(value, list):
            return [anew(inner) for inner in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    found = ran(a_spec("adam", contenders=[{"optimizer": "sgd", "settings": {"lr": 1.0}}]))
    made = document(found)
    assert json.dumps(anew(made), sort_keys=True) != json.dumps(made, sort_keys=True)
    plan = read_capsule(anew(made), built_in())
    assert plan == read_capsule(made, built_in())


@pytest.mark.parametrize("damaged", [None, [], "a capsule", 7])
def test_what_is_no_mapping_is_refused(damaged: object) -> None:
    with pytest.raises(InvalidCapsule, match="must be a mapping"):
        read_capsule(damaged, built_in())


def test_what_was_changed_since_it_was_made_is_refused(usual: dict[str, Any]) -> None:
    trials = [{**usual["trials"][0], "final_loss": 1.0}, *usual["trials"][1:]]
    with pytest.raises(InvalidCapsule, match=r"checksum: .*was changed"):
        read_capsule({**usual, "trials": trials}, built_in())


EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\n"


@pytest.mark.parametrize(
    ("places", "told"),
    [(3, [" then, here now in "] * 3), (20, ["host: another in 20 of 20 trials"])],
)
def test_of_a_strangers_places_a_few_are_named_in_harmless_words(
    usual: dict[str, Any], places: int, told: list[str]
) -> None:
    hosts = [f"{EVIL}{k}{'x' * 20_000}" for k in range(places)]
    there = changed(usual, "environments", [{**PLACE, "hostname": host} for host in hosts])
    for index, trial in enumerate(there["trials"]):
        trial["environment"] = index % places
    there["checksum"] = checksum_of(there)
    capsule = read_capsule(there, built_in()).capsule
    assert capsule is not None
    found = ran(a_spec())
    here = Environment.model_validate({**PLACE, "hostname": "here"})
    again = replace(found, trials=tuple(replace(one, environment=here) for one in found.trials))
    differences = rerun_report(capsule, again, built_in()).differences
    for difference, words in zip(differences, told, strict=True):
        assert words in difference
        assert difference.isprintable()
        assert len(difference) < 1200
