"""Ids and errors."""

import re

from service.contracts.errors import FieldError
from service.domain import ids
from service.domain.errors import InvalidSpec, ServiceError


def test_comparison_ids_are_ten_base32_characters_and_begin_with_a_letter() -> None:
    drawn = {ids.new_comparison_id() for _ in range(500)}
    assert len(drawn) == 500
    assert all(re.fullmatch(r"[a-z][a-z2-7]{9}", one) for one in drawn)


def test_studies_and_trials_are_called_after_their_comparison() -> None:
    assert ids.study_id("abc", 3) == "abc-s3"
    assert ids.trial_id("abc", 3) == "abc-t3"


def test_every_error_has_its_own_code_and_says_whose_fault_it_is() -> None:
    kinds = list(_descendants(ServiceError))
    assert len({kind.code for kind in kinds}) == len(kinds)
    away = {kind for kind in kinds if not 400 <= kind.status < 500}
    assert {kind.status for kind in away} == {503}, "a refusal is the client's, or passes by itself"


def test_an_invalid_spec_reads_as_its_fields() -> None:
    error = InvalidSpec([FieldError(field="seeds", message="must be >= 1, got 0")])
    assert str(error) == "seeds: must be >= 1, got 0"


def _descendants(kind: type[ServiceError]) -> list[type[ServiceError]]:
    own = [child for child in kind.__subclasses__() if child.__module__ == "service.domain.errors"]
    return own + [grandchild for child in own for grandchild in _descendants(child)]
