"""The spaces that are searched where a spec gives none."""

import math

import pytest

from service.contracts.catalogue import OptimizerEntry, built_in
from service.contracts.space import LogRange

ENTRIES = {entry.name: entry for entry in built_in().optimizers}
every_optimizer = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


@every_optimizer
def test_a_setting_that_is_searched_may_take_its_usual_value(entry: OptimizerEntry) -> None:
    usual = {setting.name: setting.default for setting in entry.settings}
    for name, searched in entry.space.items():
        assert isinstance(searched, LogRange)
        low, high = searched.log
        assert low <= usual[name] <= high, name


@every_optimizer
def test_learning_rates_are_searched_over_two_decades_or_more(entry: OptimizerEntry) -> None:
    searched = entry.space["lr"]
    assert isinstance(searched, LogRange)
    low, high = searched.log
    assert math.log10(high / low) >= 2 - 1e-9


def test_sgd_as_the_paper_writes_it_searches_steps_as_long_as_torchs() -> None:
    """Its moving average is (1 - momentum) times the heavy ball, momentum 0.9."""
    ours, torchs = ENTRIES["sgd-paper"].space["lr"], ENTRIES["sgd"].space["lr"]
    assert isinstance(ours, LogRange)
    assert isinstance(torchs, LogRange)
    assert ours.log == pytest.approx([10 * edge for edge in torchs.log])
