"""What searches tried, and how contenders do over several problems, on a comparison's page."""

from api.dashboard import wording
from api.dashboard.rendering import environment
from service.contracts.profiles import Profile, Profiles
from service.contracts.sensitivity import Sensitivity
from service.contracts.space import LinearRange, LogRange, Space, Values
from tests.support.example_comparison import Example, example

SPACE: Space = {
    "lr": LogRange(log=(1e-4, 1.0)),
    "momentum": LinearRange(linear=(0.0, 0.9), when={"nesterov": (True,)}),
    "memory": Values(values=(10, 100)),
    "rank": Values(values=(1, 2)),
    "nesterov": Values(values=(True, False)),
}


def part(template: str, shown: Example, **updates: object) -> str:
    report = shown.report.model_copy(update=updates)
    return environment().get_template(template).render(view=shown.view, report=report)


def test_an_axis_takes_a_number_on_the_scale_that_is_searched_and_else_the_values() -> None:
    scales = {
        "lr": "log", "momentum": "linear", "memory": "log", "rank": "linear", "nesterov": "category"
    }  # fmt: skip
    found = wording.axes(SPACE)
    assert {name: axis["scale"] for name, axis in found.items()} == scales
    assert found["memory"]["bounds"] == (10, 100)
    assert found["nesterov"]["values"] == (True, False)
    assert {name for name, axis in found.items() if axis["conditional"]} == {"momentum"}


def test_a_search_has_its_space_its_choice_and_what_is_near_its_best() -> None:
    shown = example()
    (problem,) = shown.report.problems
    near = Sensitivity(near=3, points=8, even=True)
    first, *rest = problem.contenders
    first = first.model_copy(update={"sensitivity": near, "space": SPACE})
    text = part(
        "_sensitivity.html",
        shown,
        problems=(problem.model_copy(update={"contenders": (first, *rest)}),),
    )
    row, other = text.split("<tr")[2:4]
    for words in ("1e-4–1", "true, false", "38 % of the space (3 of 8 points)", "8 trials"):
        assert words in row
    assert "not known yet" in other


def test_profiles_have_scores_ratios_and_words() -> None:
    made = Profiles(
        problems=("one", "two"),
        contenders=(
            Profile(name="kbfgs", ratios={"one": 1.0, "two": 2.0}, score=5 / 6, low=0.7, high=0.9),
            Profile(name="adam", ratios={"one": None, "two": 1.0}, score=0.5),
        ),
        notes=("three is left out: <b>why</b>",),
    )
    text = part("_profiles.html", example(), profiles=made)
    kbfgs, adam = text.split("<tr")[2:]
    assert 'data-steps="[[1.0, 0.5], [2.0, 1.0], [4.0, 1.0]]"' in kbfgs
    for words in ("0.83", "0.70–0.90", "1 of 2", "2 of 2", "2.00×"):
        assert words in kbfgs
    assert "missed" in adam
    assert "three is left out: &lt;b&gt;why&lt;/b&gt;" in text
    assert "<table" not in part("_profiles.html", example(), profiles=Profiles(
        problems=(), contenders=(), notes=("a profile needs two",)
    ))  # fmt: skip
    assert "before there were profiles" in part("_profiles.html", example())
