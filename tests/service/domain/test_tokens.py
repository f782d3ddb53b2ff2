"""Study tokens: nobody else makes one, and none outlives its time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.errors import Unauthenticated
from service.domain.tokens import StudyClaim, sign, verify

SECRET = b"a secret of this test"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLAIM = StudyClaim("abc-s0", 2, NOW + timedelta(hours=1))


def test_a_token_says_what_was_signed() -> None:
    assert verify(SECRET, sign(SECRET, CLAIM), now=NOW) == CLAIM


def test_the_same_claim_gives_the_same_token() -> None:
    assert sign(SECRET, CLAIM) == sign(SECRET, CLAIM)


def test_a_token_of_another_service_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="not signed by this service"):
        verify(SECRET, sign(b"another secret", CLAIM), now=NOW)


def test_a_token_ends_with_its_time() -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        verify(SECRET, sign(SECRET, CLAIM), now=CLAIM.expires_at)


@given(position=st.integers(0, 200), letter=st.sampled_from("ABab019-_."))
def test_a_changed_token_is_refused(position: int, letter: str) -> None:
    token = sign(SECRET, CLAIM)
    position %= len(token)
    changed = token[:position] + letter + token[position + 1 :]
    try:
        claim = verify(SECRET, changed, now=NOW)
    except Unauthenticated:
        return
    assert claim == CLAIM, "at most the unused bits of the encoding can change"


@given(text=st.text(max_size=50))
def test_anything_else_is_no_token(text: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(SECRET, text, now=NOW)
