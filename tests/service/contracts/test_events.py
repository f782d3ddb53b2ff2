"""Events hold what every database can store, and nothing larger."""

import pytest
from pydantic import ValidationError

from service.contracts.events import MetricPoint
from tests.support.control_plane import point


@pytest.mark.parametrize("name", ["epoch", "step", "ranks"])
def test_a_count_that_no_column_holds_is_refused_by_its_name(name: str) -> None:
    largest = 2**31 - 1
    assert MetricPoint(**{**point(1).model_dump(), name: largest}).model_dump()[name] == largest
    with pytest.raises(ValidationError, match=name):
        MetricPoint(**{**point(1).model_dump(), name: largest + 1})
