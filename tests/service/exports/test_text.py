"""The report as plain text."""

from service.contracts.catalogue import built_in
from service.domain.scoring import score
from service.exports.tables import Table
from service.exports.text import aligned, render_text
from tests.support.comparisons import NOW, a_spec, reaching

SPREAD = [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04]


def test_the_sentence_then_the_tables_then_the_warnings() -> None:
    seconds = {"kbfgs": [4 * v for v in SPREAD], "adam": [10 * v for v in reversed(SPREAD)]}
    text = render_text(score(reaching(a_spec(), seconds), built_in(), now=NOW))
    assert text.startswith("K-BFGS reaches 50.0 in 0.40× Adam's time")
    (row,) = [line for line in text.splitlines() if line.startswith("kbfgs (winner)")]
    for cell in ("lr 0.01", "1.00", "4.02 (3.92–4.12)", "8 of 8", "2 trials, 20.0 s"):
        assert cell in row
    (beside,) = [line for line in text.splitlines() if line.startswith("kbfgs  ")]
    assert " ".join(beside.split()) == "kbfgs 2.00 (2.00–2.00)", "the test loss"
    (pair,) = [line for line in text.splitlines() if line.startswith("kbfgs / adam")]
    assert " ".join(pair.split()) == "kbfgs / adam 0.40 0.38–0.42 0.0078 0.0078 8 0 kbfgs"
    assert "! K-BFGS: the chosen lr = 0.01 lies at the edge" in text


def test_of_many_pairs_those_of_the_winner_and_the_baseline_are_shown() -> None:
    names = ("kbfgs", "adam", "adamw", "nadamw", "sgd", "soap", "muon")
    seconds = {name: [at * v for v in SPREAD] for at, name in enumerate(names, start=1)}
    for spec, shown in ((a_spec(*names, baseline="soap"), 11), (a_spec(*names[:6]), 15)):
        ran = {contender.label: seconds[contender.label] for contender in spec.contenders}
        lines = render_text(score(reaching(spec, ran), built_in(), now=NOW)).splitlines()
        pairs = [line for line in lines if " / " in line]
        assert len(pairs) == shown
        assert ("(10 more pairs in report.html and report.json)" in lines) == (shown == 11)
        assert shown == 15 or all("kbfgs" in pair or "soap" in pair for pair in pairs)


def test_columns_are_aligned() -> None:
    table = Table(("a", "long name"), (("longer", "x"), ("b", "y")))
    assert aligned(table).splitlines() == [
        "a       long name",
        "------  ---------",
        "longer  x",
        "b       y",
    ]
