"""How notices are signed, and when they are sent again."""

import hashlib
import hmac
import itertools

from service.domain.webhooks import MOST_ATTEMPTS, pause_after, secret_of, signature


def test_the_signature_is_one_that_a_receiver_can_make() -> None:
    body = '{"name": "π"}'
    expected = hmac.new(b"the secret", b"1700000000." + body.encode(), hashlib.sha256).hexdigest()
    assert signature("the secret", 1700000000, body) == f"v1={expected}"
    assert signature("the secret", 1700000001, body) != signature("the secret", 1700000000, body)


def test_each_webhook_has_a_secret_of_its_own_that_follows_from_the_services() -> None:
    secrets = {secret_of(service, name) for service in (b"one", b"two") for name in ("w1", "w2")}
    assert len(secrets) == 4
    assert secret_of(b"one", "w1") in secrets
    assert min(map(len, secrets)) >= 43, "256 bits"


def test_pauses_grow_to_an_hour_and_end() -> None:
    pauses = [pause_after(attempt) for attempt in range(1, MOST_ATTEMPTS)]
    assert pauses[:3] == [5, 15, 45]
    assert all(
        before is not None and after is not None and before <= after <= 3600
        for before, after in itertools.pairwise(pauses)
    )
    assert pause_after(MOST_ATTEMPTS) is None
