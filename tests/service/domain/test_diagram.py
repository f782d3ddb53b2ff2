"""The page of states says what the table allows, all of it and nothing else."""

import re
from itertools import product
from pathlib import Path

from service.contracts.states import ComparisonState, StudyState, TrialState
from service.domain.diagram import page
from service.domain.transitions import allowed

PAGE = Path(__file__).parents[3] / "docs" / "states.md"


def test_the_page_is_what_the_table_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_change_that_is_allowed_is_drawn_and_no_other() -> None:
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    for section, kind in zip(sections, (ComparisonState, StudyState, TrialState), strict=True):
        drawn = set(re.findall(r"^    (\w+) --> (\w+)$", section, flags=re.MULTILINE))
        assert drawn == {
            (before.value, after.value)
            for before, after in product(kind, kind)
            if allowed(before, after)
        }
