"""Data that a mini program's front end was given encrypted: opened for its own account alone."""

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.wire.crypto import seal_user_data
from tests.rows import make_authorizer
from tests.test_api_clients import bearer, make_key, status_and_code

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

# WeChat's published sample.
APPID = "wx4f4bc4dec97d474b"
SAMPLE = {
    "session_key": "tiihtNczf5v6AKRyjwEUhQ==",
    "iv": "r7BXXKkLb8qrSNn05n0qiA==",
    "encrypted_data": (
        "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC"
        "+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poO"
        "FtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8"
        "xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB"
        "6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJd"
        "NiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOy"
        "uxINew=="
    ),
}
OPENED = {
    "openId": "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
    "nickName": "Band",
    "gender": 1,
    "language": "zh_CN",
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "CN",
    "avatarUrl": (
        "http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2AHWr8MHM4WgMEm7GFhsf8OYr"
        "ySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0"
    ),
    "unionId": "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
    "watermark": {"timestamp": 1477314187, "appid": APPID},
}
KEY, IV = b"k" * 16, b"v" * 16


@pytest.fixture
def account(component: Component, merchant: User) -> Authorizer:
    return make_authorizer(component, merchant, APPID)


@pytest.fixture
def client(account: Authorizer, merchant: User) -> Client:
    return bearer(make_key(merchant, "users:login"))


def decrypt(client: Client, appid: str = APPID, **changes: Any) -> Any:
    url = f"/api/v1/authorizers/{appid}/decrypt/"
    return client.post(url, {**SAMPLE, **changes}, content_type="application/json")


def sealed(plain: bytes) -> dict[str, str]:
    data = seal_user_data(plain, key=KEY, iv=IV)
    return {
        "session_key": base64.b64encode(KEY).decode(),
        "iv": base64.b64encode(IV).decode(),
        "encrypted_data": data,
    }


def test_wechats_sample_opens(client: Client) -> None:
    answer = decrypt(client)
    assert (answer.status_code, answer.json()) == (200, OPENED)
    assert answer["Cache-Control"] == "no-store"


def test_another_accounts_watermark_is_refused(
    client: Client, component: Component, merchant: User
) -> None:
    make_authorizer(component, merchant, "wx00000000000000a2")
    answer = decrypt(client, "wx00000000000000a2")
    assert status_and_code(answer) == (400, "watermark_mismatch")
    assert "Band" not in answer.content.decode()


@pytest.mark.parametrize(
    "plain",
    [
        b'{"openId":"o1"}',
        b'{"watermark":{}}',
        b'{"watermark":"wx4f4bc4dec97d474b"}',
        b'{"watermark":{"appid":["wx4f4bc4dec97d474b"]}}',
        b'{"watermark":{"appid":"wx4f4bc4dec97d474b"},"watermark":{"appid":"wx1"}}',
    ],
)
def test_no_watermark_is_another_one(client: Client, plain: bytes) -> None:
    assert status_and_code(decrypt(client, **sealed(plain))) == (400, "watermark_mismatch")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"session_key": base64.b64encode(b"x" * 16).decode()}, "encrypted_data"),
        ({"session_key": base64.b64encode(b"x" * 32).decode()}, "session_key"),
        ({"session_key": "tiihtNczf5v6AKRyjwEUhQ"}, "session_key"),
        ({"session_key": "汉字汉字"}, "session_key"),
        ({"iv": "r7BXXKkLb8qrSNn05n0q"}, "iv"),
        ({"iv": "r7BXXKkLb8qrSNn05n0qi!=="}, "iv"),
        ({"encrypted_data": SAMPLE["encrypted_data"].replace("+", " ")}, "encrypted_data"),
        ({"encrypted_data": SAMPLE["encrypted_data"][:-24]}, "encrypted_data"),
        ({"encrypted_data": "AAAA"}, "encrypted_data"),
        ({"encrypted_data": base64.b64encode(b"x" * 64).decode()}, "encrypted_data"),
    ],
)
def test_what_does_not_fit_is_named_and_not_repeated(
    client: Client, changes: dict[str, str], name: str
) -> None:
    answer = decrypt(client, **changes)
    assert status_and_code(answer) == (400, "undecipherable")
    assert answer.json()["detail"].startswith(f"{name} does not fit")
    for value in {**SAMPLE, **changes}.values():
        assert value not in answer.content.decode()


@pytest.mark.parametrize(
    "plain",
    [
        *(b"", b"[]", b"null", b"7", b'"x"', b"{", b"\xff\xfe", b'{"a":NaN}', b'{"a":1e999}'),
        b"[" * 20_000,
    ],
)
def test_what_is_no_object_is_refused(client: Client, plain: bytes) -> None:
    assert status_and_code(decrypt(client, **sealed(plain))) == (400, "undecipherable")


def test_half_a_character_in_a_name_hurts_nobody(client: Client) -> None:
    plain = rb'{"nickName":"\ud83d","watermark":{"appid":"%s"}}' % APPID.encode()
    answer = decrypt(client, **sealed(plain))
    assert (answer.status_code, answer.json()["nickName"]) == (200, "\ufffd")


@pytest.mark.parametrize("name", ["session_key", "encrypted_data", "iv"])
def test_all_three_are_needed(client: Client, name: str) -> None:
    answer = decrypt(client, **{name: ""})
    assert status_and_code(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == [name]
    assert status_and_code(decrypt(client, more="x")) == (400, "invalid")


def test_an_official_account_has_no_such_data(client: Client, account: Authorizer) -> None:
    Authorizer.objects.update(kind="official_account")
    assert status_and_code(decrypt(client)) == (409, "other_kind")


def test_it_takes_the_scope_and_ones_own_account(
    account: Authorizer, merchant: User, other_merchant: User
) -> None:
    without = bearer(make_key(merchant, "authorizers:read"))
    assert status_and_code(decrypt(without)) == (403, "missing_scope")
    assert decrypt(bearer(make_key(other_merchant, "users:login"))).status_code == 404
