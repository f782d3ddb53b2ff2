"""Planning: what a spec expands to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in, resolve
from service.contracts.plan import PlannedStudy, Seeds
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.domain.errors import InvalidSpec
from service.domain.planning import (
    minimum_seeds,
    plan,
    plan_finals,
    read_spec,
    study_assignment,
)
from service.domain.previews import preview
from tests.support.comparisons import PROBLEM, a_spec

CATALOGUE = built_in()
CHOSEN = {"kbfgs": {"lr": 0.3}, "adam": {"lr": 0.001}, "sgd": {"lr": 0.1}}

GRIDS = [
    {"optimizer": "sgd", "space": {"lr": {"values": [0.1, 0.3, 1]}}},
    {"optimizer": "adam", "space": {"lr": {"values": [0.001, 0.01]}}},
]


def points_of(spec: ComparisonSpec) -> dict[str | None, list[dict[str, object]]]:
    return {
        study.contender: [dict(trial.point) for trial in study.trials]
        for study in plan(spec, CATALOGUE).studies
    }


def finals(*names: str, seeds: int = 3) -> PlannedStudy:
    spec = a_spec(*names, seeds=seeds)
    chosen = {name: CHOSEN[name] for name in names}
    drawn = Seeds(tuning=9, finals=tuple(range(100, 100 + seeds)))
    return plan_finals(spec, PROBLEM, chosen, drawn, study_number=2, first_trial_number=32)


def test_points_do_not_depend_on_names_or_order() -> None:
    one = [{"optimizer": "adam", "name": "a"}, {"optimizer": "sgd", "name": "b"}]
    other = [{"optimizer": "sgd", "name": "x"}, {"optimizer": "adam", "name": "y"}]
    first = points_of(a_spec(contenders=one, tuning={"trials": 8}))
    second = points_of(a_spec(contenders=other, tuning={"trials": 8}))
    assert first["a"] == second["y"]
    assert first["b"] == second["x"]


def test_contenders_with_the_same_space_get_the_same_points() -> None:
    twice = [{"optimizer": "adam", "name": "one"}, {"optimizer": "adam", "name": "two"}]
    points = points_of(a_spec(contenders=twice, tuning={"trials": 16}))
    assert points["one"] == points["two"]


def test_points_do_not_depend_on_the_order_in_which_settings_are_written() -> None:
    lr, eps = {"log": [1e-4, 1e-1]}, {"log": [1e-8, 1e-2]}
    orders = ({"lr": lr, "eps": eps}, {"eps": eps, "lr": lr})
    first, second = (
        points_of(a_spec(contenders=[{"optimizer": "adam", "space": space}])) for space in orders
    )
    assert first == second


def test_another_comparison_seed_draws_other_points_and_seeds() -> None:
    first, second = (plan(a_spec(seed=seed), CATALOGUE) for seed in (0, 1))
    assert first.studies[0].trials[0].point != second.studies[0].trials[0].point
    assert set(first.seeds.finals).isdisjoint(second.seeds.finals)


def test_the_same_spec_gives_the_same_plan() -> None:
    assert plan(a_spec(seed=4), CATALOGUE) == plan(a_spec(seed=4), CATALOGUE)


@given(
    low=st.floats(1e-9, 1.0),
    factor=st.floats(1.01, 1e6),
    seed=st.integers(0, 2**31 - 1),
    logarithmic=st.booleans(),
)
def test_points_lie_within_bounds(low: float, factor: float, seed: int, logarithmic: bool) -> None:
    bounds = [low, low * factor]
    space = {"lr": {"log" if logarithmic else "linear": bounds}}
    spec = a_spec(contenders=[{"optimizer": "sgd", "space": space}], seed=seed)
    for point in points_of(spec)["sgd"]:
        value = point["lr"]
        assert isinstance(value, float)
        assert bounds[0] <= value <= bounds[1]


def test_a_log_range_gets_as_many_points_in_each_decade() -> None:
    space = {"lr": {"log": [1e-4, 1.0]}}
    contenders = [{"optimizer": "sgd", "space": space}]
    values = [
        point["lr"]
        for point in points_of(a_spec(contenders=contenders, tuning={"trials": 64}))["sgd"]
    ]
    for decade in range(-4, 0):
        inside = [value for value in values if 10**decade <= value < 10 ** (decade + 1)]
        assert len(inside) == 16


@given(seed=st.integers(0, 2**31 - 1), count=st.integers(1, 60))
def test_seeds_are_distinct_and_those_of_the_finals_are_not_used_in_tuning(
    seed: int, count: int
) -> None:
    seeds = plan(a_spec(seed=seed, seeds=count), CATALOGUE).seeds
    assert len({seeds.tuning, *seeds.finals}) == count + 1
    assert all(0 <= value < 2**31 for value in (seeds.tuning, *seeds.finals))


def test_more_seeds_keep_the_earlier_ones() -> None:
    few, many = (plan(a_spec(seeds=count), CATALOGUE).seeds.finals for count in (3, 9))
    assert many[:3] == few


def test_a_contender_without_searched_settings_gets_one_tuning_trial() -> None:
    spec = a_spec(contenders=[{"optimizer": "sgd", "settings": {"lr": 0.1}}], tuning={"trials": 8})
    (study,) = plan(spec, CATALOGUE).studies
    assert [trial.point for trial in study.trials] == [{}]


def test_trials_and_studies_are_numbered_through() -> None:
    studies = plan(a_spec("kbfgs", "adam", "sgd", tuning={"trials": 4}), CATALOGUE).studies
    assert [study.number for study in studies] == [0, 1, 2]
    assert [trial.number for study in studies for trial in study.trials] == list(range(12))


def test_finals_run_every_contender_on_every_seed() -> None:
    study = finals("kbfgs", "adam", "sgd", seeds=5)
    assert study.kind is StudyKind.FINALS
    assert {(trial.contender, trial.seed) for trial in study.trials} == {
        (name, seed) for name in CHOSEN for seed in range(100, 105)
    }
    assert [trial.number for trial in study.trials] == list(range(32, 47))
    assert all(trial.point == CHOSEN[trial.contender] for trial in study.trials)


def test_finals_go_seed_by_seed_and_everyone_goes_first_in_turn() -> None:
    study = finals("kbfgs", "adam", "sgd", seeds=3)
    assert [trial.seed for trial in study.trials] == [100] * 3 + [101] * 3 + [102] * 3
    assert [trial.contender for trial in study.trials[::3]] == ["kbfgs", "adam", "sgd"]


def test_a_contender_without_a_chosen_point_is_left_out_of_the_finals() -> None:
    seeds = Seeds(tuning=9, finals=(1, 2))
    study = plan_finals(
        a_spec("kbfgs", "adam"),
        PROBLEM,
        {"adam": {"lr": 0.1}},
        seeds,
        study_number=2,
        first_trial_number=4,
    )
    assert {trial.contender for trial in study.trials} == {"adam"}


def test_an_assignment_spells_out_every_setting_and_leaves_out_what_has_ended() -> None:
    spec = a_spec("kbfgs", "adam")
    assignment = study_assignment(
        spec, CATALOGUE, finals("kbfgs", "adam"), comparison_id="abc", attempt=2, ended={32}
    )
    assert assignment.study_id == "abc-s2"
    assert assignment.exclusive
    assert assignment.batch_size == 200
    assert [trial.trial_id for trial in assignment.trials] == [f"abc-t{n}" for n in range(33, 38)]
    adam = assignment.trials[0]
    assert adam.settings["lr"] == 0.001
    entry = CATALOGUE.optimizer("adam")
    assert entry is not None
    assert set(adam.settings) >= {"lr", "betas", "weight_decay"}
    assert set(adam.settings) <= {setting.name for setting in entry.settings}


def test_a_tuning_study_may_share_the_machine() -> None:
    spec = a_spec("kbfgs")
    assignment = study_assignment(
        spec, CATALOGUE, plan(spec, CATALOGUE).studies[0], comparison_id="abc", attempt=1
    )
    assert not assignment.exclusive
    (contender,) = resolve(spec, CATALOGUE)
    for trial in assignment.trials:
        assert set(trial.settings) == {*contender.settings, *contender.space}


def test_the_preview_counts_exactly_what_will_run() -> None:
    spec = a_spec("kbfgs", "adam", tuning={"trials": 8}, seeds=6, budget={"epochs": 5})
    shown = preview(spec, CATALOGUE)
    planned = plan(spec, CATALOGUE)
    assert shown.trials == 2 * 8 + 2 * 6
    assert shown.epochs == 28 * 5
    assert [study.points for study in shown.studies[:2]] == [
        tuple(trial.point for trial in study.trials) for study in planned.studies
    ]
    assert shown.warnings == ()


def test_the_preview_of_grids_counts_and_shows_their_points() -> None:
    spec = a_spec(contenders=GRIDS, tuning={"search": "grid"}, seeds=6, budget={"epochs": 5})
    shown = preview(spec, CATALOGUE)
    assert [study.trials for study in shown.studies] == [3, 2, 12]
    assert shown.epochs == 17 * 5
    assert shown.studies[1].points == ({"lr": 0.001}, {"lr": 0.01})


@pytest.mark.parametrize(
    ("contenders", "seeds"), [(1, 1), (2, 6), (3, 7), (4, 8), (6, 10), (32, 15)]
)
def test_the_fewest_seeds_at_which_a_winner_is_possible(contenders: int, seeds: int) -> None:
    # 2^(1-S) x pairs < 0.05: 1/32 = 0.031; 3/64 = 0.047; 6/128 = 0.047; 15/512 = 0.029
    assert minimum_seeds(contenders) == seeds


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"seeds": 5}, "no winner among 2 contenders is possible"),
        ({"contenders": [{"optimizer": "sgd"}]}, "one contender only"),
        (
            {"contenders": [{"optimizer": "sgd"}, {"optimizer": "sgd", "name": "again"}]},
            "the same optimizer in the same space",
        ),
        (
            {"contenders": [{"optimizer": "adam"}, {"optimizer": "sgd", "settings": {"lr": 1}}]},
            "no searched settings",
        ),
        ({"tuning": {"trials": 1}}, "a single point"),
        (
            {"tuning": {"search": "grid"}, "contenders": GRIDS},
            "the searches are not equal: points of the grids are sgd 3 and adam 2",
        ),
        ({"tuning": {"trials": 4}, "contenders": GRIDS}, "sgd draws 4 points from 3"),
    ],
)
def test_the_preview_warns(fields: dict[str, object], words: str) -> None:
    assert any(words in warning for warning in preview(a_spec(**fields), CATALOGUE).warnings)


def test_a_spec_is_read_or_refused_with_every_wrong_field() -> None:
    document = a_spec().model_dump(mode="json")
    assert read_spec(document, CATALOGUE) == a_spec()
    wrong = {**document, "problems": ["nowhere"], "contenders": [{"optimizer": "nobody"}]}
    with pytest.raises(InvalidSpec) as caught:
        read_spec(wrong, CATALOGUE)
    errors = {error.field: error.allowed for error in caught.value.errors}
    assert PROBLEM in (errors["problems[0]"] or ())
    assert "kbfgs" in (errors["contenders[0].optimizer"] or ())


@pytest.mark.parametrize("document", [None, 3, "text", [], {}, [{}]])
def test_what_is_no_spec_at_all_is_refused(document: object) -> None:
    with pytest.raises(InvalidSpec):
        read_spec(document, CATALOGUE)


def test_each_point_is_tried_on_all_seeds_of_the_search_before_the_next_one() -> None:
    spec = a_spec("adam", seeds=5, tuning={"trials": 4, "repeats": 3})
    made = plan(spec, CATALOGUE)
    (study,) = made.studies
    once = plan(a_spec("adam", seeds=5, tuning={"trials": 4}), CATALOGUE)
    assert [trial.point for trial in study.trials[::3]] == [
        trial.point for trial in once.studies[0].trials
    ]
    for first in range(0, 12, 3):
        together = study.trials[first : first + 3]
        assert len({str(trial.point) for trial in together}) == 1
        assert tuple(trial.seed for trial in together) == made.seeds.search
    assert made.seeds.tuning == once.seeds.tuning
    assert made.seeds.finals == once.seeds.finals
    assert len({*made.seeds.search, *made.seeds.finals}) == 8


def test_a_preview_lists_a_point_once_and_counts_its_seeds() -> None:
    shown = preview(a_spec("adam", tuning={"trials": 4, "repeats": 3}), CATALOGUE).studies[0]
    assert (shown.trials, len(shown.points), shown.repeats) == (12, 4, 3)


def test_a_setting_that_is_not_searched_at_a_point_keeps_its_default() -> None:
    space = {
        "nesterov": {"values": [True, False]},
        "momentum": {"linear": [0.5, 0.6], "when": {"nesterov": [True]}},
    }
    spec = a_spec(contenders=[{"optimizer": "sgd", "space": space}], tuning={"trials": 8})
    study = plan(spec, CATALOGUE).studies[0]
    assigned = study_assignment(spec, CATALOGUE, study, comparison_id="c", attempt=1).trials
    entry = CATALOGUE.optimizer("sgd")
    assert entry is not None
    default = entry.setting("momentum")
    assert default is not None
    for trial, settings in zip(study.trials, (one.settings for one in assigned), strict=True):
        assert ("momentum" in trial.point) == trial.point["nesterov"]
        assert settings["momentum"] == trial.point.get("momentum", default.default)
