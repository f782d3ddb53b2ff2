"""The report as plain text."""

import pytest

from service.contracts.catalogue import built_in
from service.domain.scoring import score
from service.exports.tables import Table
from service.exports.text import aligned, render_text
from tests.support.comparisons import NOW, SPREAD, WON, a_spec, reaching


def test_the_sentence_then_the_tables_then_the_warnings() -> None:
    text = render_text(score(WON, built_in(), now=NOW))
    assert text.startswith("K-BFGS reaches 50.0 in 0.40× Adam's time")
    (row,) = [line for line in text.splitlines() if line.startswith("kbfgs (winner)")]
    for cell in ("lr 0.01", "1.00", "4.02 (3.92–4.12)", "8 of 8", "2 trials, 20.0 s"):
        assert cell in row
    (beside,) = [line for line in text.splitlines() if line.startswith("kbfgs  ")]
    assert " ".join(beside.split()) == "kbfgs 2.00 (2.00–2.00)", "the test loss"
    (pair,) = [line for line in text.splitlines() if line.startswith("kbfgs / adam")]
    assert " ".join(pair.split()) == "kbfgs / adam 0.40 0.38–0.42 0.0078 0.0078 8 0 kbfgs"
    assert "! K-BFGS: the chosen lr = 0.01 lies at the edge" in text


NAMES = ("soap", "adam", "adamw", "nadamw", "sgd", "kbfgs", "muon")


@pytest.mark.parametrize(
    ("names", "winner", "shown", "left_out"),
    [(NAMES[:6], None, 15, 0), (NAMES, None, 6, 15), (NAMES, "kbfgs", 11, 10)],
)
def test_of_many_pairs_those_of_the_winner_and_the_baseline_are_shown(
    names: tuple[str, ...], winner: str | None, shown: int, left_out: int
) -> None:
    seconds = {name: [at * v for v in SPREAD] for at, name in enumerate(names, start=1)}
    report = score(reaching(a_spec(*names), seconds), built_in(), now=NOW)
    problem = report.problems[0].model_copy(update={"winner": winner})
    lines = render_text(report.model_copy(update={"problems": (problem,)})).splitlines()
    pairs = [line for line in lines if " / " in line]
    assert len(pairs) == shown
    told = f"({left_out} more pairs in report.html and report.json)" in lines
    assert told == (left_out > 0)
    assert not left_out or all("soap" in pair or str(winner) in pair for pair in pairs)


def test_columns_are_aligned() -> None:
    table = Table(("a", "long name"), (("longer", "x"), ("b", "y")))
    assert aligned(table).splitlines() == [
        "a       long name",
        "------  ---------",
        "longer  x",
        "b       y",
    ]
