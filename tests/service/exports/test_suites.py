"""Profiles over several problems and maps of searches, in every form of the report."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from service.contracts.catalogue import built_in
from service.contracts.forms import ReportForm
from service.contracts.profiles import Profiles
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring import score
from service.exports.figures import figure_file
from service.exports.html import render_html
from service.exports.latex import render_latex
from service.exports.markdown import render_markdown
from service.exports.palette import OPTIMIZER_COLOURS
from service.exports.search_figure import search_figure
from service.exports.tables import tables_over_problems
from service.exports.text import render_text
from tests.support.comparisons import NOW, a_spec, a_trial, results
from tests.support.report_readers import tables_in_html, tables_in_latex, tables_in_markdown
from tests.support.suites import BY_HAND

SUITE = score(BY_HAND, built_in(), now=NOW)
SCORES = [
    ["contender", "score (95 %)", "best on", "reached on"],
    ["kbfgs", "0.89", "2 of 3", "3 of 3"],
    ["adam", "0.56", "1 of 3", "2 of 3"],
]
RATIOS = [
    ["problem", "kbfgs", "adam"],
    ["mnist-5k-autoencoder", "1.00×", "2.00×"],
    ["fashion-mnist-mlp", "2.00×", "1.00×"],
    ["char-transformer", "1.00×", "missed"],
]


def test_every_form_has_the_same_scores_and_ratios() -> None:
    page = render_html(SUITE, BY_HAND)
    for tables in (
        tables_in_latex(render_latex(SUITE)),
        tables_in_markdown(render_markdown(SUITE)),
        tables_in_html(page),
    ):
        assert tables[-2:] == [SCORES, RATIOS]
    text = render_text(SUITE)
    lines = [re.split(r" {2,}", line) for line in text[text.index("Over all") :].splitlines()]
    assert [line for line in lines if line in SCORES + RATIOS] == SCORES + RATIOS
    note = "no interval of a score: it takes 6 runs of each contender"
    for form in (render_latex(SUITE), render_markdown(SUITE), page, text):
        assert note in " ".join(form.split())


def test_without_profiles_there_is_the_reason_and_no_table() -> None:
    none = SUITE.model_copy(
        update={"profiles": Profiles(problems=(), contenders=(), notes=("it takes two problems",))}
    )
    assert tables_over_problems(none) == ()
    for form in (render_markdown(none), render_html(none, BY_HAND), render_text(none)):
        assert "it takes two problems" in form
    one = SUITE.model_copy(update={"profiles": None})
    assert "Over all problems" not in render_html(one, BY_HAND) + render_text(one)


def test_the_file_of_figures_ends_with_the_profiles() -> None:
    svg = figure_file(SUITE, BY_HAND, ReportForm.SVG).decode()
    drawn = svg[svg.index("Performance profiles") - 20_000 :]
    for words in ("Performance profiles", "share of 3 problems", "kbfgs: 0.89", "adam: 0.56"):
        assert words in svg
    assert OPTIMIZER_COLOURS["kbfgs"].lower() in drawn


def searched(
    space: dict[str, object], *runs: tuple[dict[str, object], float | None], **fields: object
) -> ComparisonResults:
    """A search over these points, each with its final loss; None diverged."""
    spec = a_spec(contenders=[{"optimizer": "kbfgs", "space": space}], **fields)
    trials: Sequence[TrialResult] = [
        a_trial(
            "kbfgs",
            [100.0, loss],
            number=number,
            kind=StudyKind.TUNING,
            point=point,
            state=TrialState.DIVERGED if loss is None else TrialState.FINISHED,
        )
        for number, (point, loss) in enumerate(runs)
    ]
    return results(spec, trials, complete=False)


def drawn(outcome: ComparisonResults) -> str | None:
    (problem,) = score(outcome, built_in(), now=NOW).problems
    return search_figure(outcome, problem, problem.contenders[0])


def marks(svg: str | None) -> list[int]:
    """How many marks each of the collections has: points, stopped ones, the chosen one, lost."""
    assert svg is not None
    groups = [one for one in ElementTree.fromstring(svg).iter() if "PathColl" in one.get("id", "")]
    tags = [
        [one.tag.split("}")[1] for one in group.iter() if one.get("clip-path")] for group in groups
    ]
    return [
        sum(one.tag.endswith("}use") for one in group.iter()) or names.count("path")
        for group, names in zip(groups, tags, strict=True)
    ]


WORDS = {"safeguard": {"values": [True, False]}}
PLANE = {"lr": {"log": [0.01, 1]}, "damping": {"log": [0.1, 1]}}


def test_a_map_marks_every_point_rings_the_chosen_and_crosses_out_what_diverged() -> None:
    points = [({"lr": lr, "damping": 0.5}, loss) for lr, loss in ((0.02, 9), (0.1, 5), (0.9, None))]
    svg = drawn(searched(PLANE, *points))
    assert svg is not None
    for words in (">lr<", ">damping<", ">kbfgs<", ">5.00<", ">9.00<"):
        assert words in svg
    assert svg == drawn(searched(PLANE, *points))
    assert marks(svg) == [2, 0, 1, 1]


def test_one_setting_is_drawn_against_the_loss() -> None:
    line = {"lr": {"log": [0.01, 1]}}
    svg = drawn(searched(line, ({"lr": 0.1}, -5.0), ({"lr": 0.2}, 3.0), ({"lr": 0.9}, None)))
    assert marks(svg) == [2, 0, 1, 1]
    assert ">final training loss<" in str(svg)


SCHEDULED = {
    "schedule": {"values": ["constant", "cosine"]},
    "warmup_fraction": {"linear": [0.01, 0.5], "when": {"schedule": ["cosine"]}},
    "lr": {"log": [0.01, 1]},
}


@pytest.mark.parametrize(
    ("further", "shown", "said"),
    [
        ({}, 2, ">1 of 3 points has no warmup_fraction and is not shown<"),
        ({"momentum": {"linear": [0.5, 1]}}, 3, ">momentum<"),
    ],
)
def test_points_without_a_conditional_setting_are_counted_where_it_is_an_axis(
    further: dict[str, object], shown: int, said: str
) -> None:
    cosine = {"schedule": "cosine", "warmup_fraction": 0.1}
    points = [{"lr": 0.1, "schedule": "constant"}, {"lr": 0.2, **cosine}, {"lr": 0.3, **cosine}]
    points = [{**point, **dict.fromkeys(further, 0.9)} for point in points]
    svg = drawn(searched({**SCHEDULED, **further}, *zip(points, (5.0, 6.0, 7.0), strict=True)))
    assert marks(svg)[0] == shown
    assert said in str(svg)
    assert ("not shown" in str(svg)) is not bool(further)


@pytest.mark.parametrize(
    ("space", "points"),
    [
        (WORDS, [({"safeguard": True}, 5), ({"safeguard": False}, 6)]),
        (PLANE, [({"lr": 0.1, "damping": 0.5}, 5)]),
        ({}, [({}, 5)]),
    ],
)
def test_there_is_no_map_of_what_has_no_two_places(
    space: dict[str, object], points: list[tuple[dict[str, object], float | None]]
) -> None:
    assert drawn(searched(space, *points)) is None


def test_a_map_can_be_drawn_of_whatever_came_out() -> None:
    plane = [{"lr": lr, "damping": 0.5} for lr in (0.02, 0.1, 0.9)]
    for losses in ((None, None, None), (5.0, 5.0, 5.0), (0.0, -1.0, None)):
        assert drawn(searched(PLANE, *zip(plane, losses, strict=True))) is not None
    grid = {"lr": {"values": [0.1, 0.3]}, "damping": {"linear": [0.1, 1], "points": 2}}
    two = [({"lr": 0.1, "damping": 0.1}, 5.0), ({"lr": 0.3, "damping": 1.0}, 6.0)]
    assert drawn(searched(grid, *two, tuning={"search": "grid"})) is not None
