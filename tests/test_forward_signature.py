"""Standard Webhooks: the signature of the specification's own example."""

from base64 import b64decode

from messaging.standard_webhooks import headers, new_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_the_specification() -> None:
    body = b'{"test": 2432232314}'
    made = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", body, [SECRET], 1614265330)
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_sign_side_by_side() -> None:
    one, other = (
        headers("msg_1", b"{}", [s], 1)["webhook-signature"] for s in (SECRET, "whsec_AA==")
    )
    both = headers("msg_1", b"{}", [SECRET, "whsec_AA=="], 1)["webhook-signature"]
    assert both == f"{one} {other}"


def test_a_secret_is_long_and_new_each_time() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}
