"""Secrets and signatures of webhooks; the vector is the one that standardwebhooks' own libraries test with."""

import base64
import re

import pytest

from scriptorium.webhook_signature import is_secret, make_secret, sign


def test_a_signature_is_that_of_the_standard() -> None:
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"


def test_new_secrets_are_long_and_differ() -> None:
    secrets = {make_secret() for _ in range(10)}
    assert len(secrets) == 10
    assert all(is_secret(secret) and re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in secrets)


@pytest.mark.parametrize(
    "text",
    ["", "secret", "whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(bytes(8)).decode(), "whsec_" + 100 * "abcd",
     base64.b64encode(bytes(32)).decode(), "whsec_" + base64.urlsafe_b64encode(bytes([251]) * 32).decode()],
)  # fmt: skip
def test_what_a_receiver_could_not_decode_is_no_secret(text: str) -> None:
    assert not is_secret(text)
