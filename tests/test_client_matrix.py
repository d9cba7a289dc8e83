"""
Every address of the API, asked for with clients' keys: a dead one, one without the scope, one of
another merchant's, one of other accounts, and the right one.
"""

from http import HTTPStatus

import pytest
from django.contrib.auth.models import User
from django.urls import resolve

from api.clients import ANY_SCOPE, scope_of
from miniprograms.models import Authorizer
from platform_auth.client_models import GRAVE_SCOPES, SCOPES
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.test_matrix import ACTORS, ADDRESSES, MISSING, OK, path_of
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk

pytestmark = pytest.mark.django_db

OF_PEOPLE = "api/v1/auth/token/"
API = sorted(one for one in ADDRESSES if one.startswith("api/v1/") and one != OF_PEOPLE)
ELSEWHERE = "wx0000000000000000"


def scope_at(path: str, method: str) -> str:
    """What the view of PATH asks of a client for METHOD."""
    view = resolve(path).func.cls  # type: ignore[attr-defined]
    return scope_of(view, type("Request", (), {"method": method}))  # type: ignore[arg-type]


@pytest.mark.parametrize("address", API)
@pytest.mark.usefixtures("parked", "code", "talk")
def test_every_key_gets_the_right_status(
    address: str, account: Authorizer, merchant: User, other_merchant: User
) -> None:
    boss = User.objects.create_superuser("boss")
    method, statuses = ADDRESSES[address]
    by_person = dict(zip(ACTORS, statuses, strict=True))
    path = path_of(address, account, merchant)
    scope = scope_at(path, method)
    others = sorted(set(SCOPES) - {scope})
    is_grave = scope in GRAVE_SCOPES  # which merchants have by a client alone

    def ask(key: str) -> tuple[int, str]:
        answer = bearer(key).generic(method, path)
        return status_and_code(answer) if answer.content else (answer.status_code, "")

    assert ask("wxp_" + "0" * 64) == (HTTPStatus.UNAUTHORIZED, "invalid_client_key")
    if scope != ANY_SCOPE:
        for owner in (merchant, boss):
            refused = (HTTPStatus.FORBIDDEN, "missing_scope")
            assert ask(make_key(owner, *others)) == refused
    wanted_of_other = MISSING if is_grave else by_person["other"]
    assert ask(make_key(other_merchant, *SCOPES))[0] == wanted_of_other
    if "appid>" in address:
        assert ask(make_key(merchant, *SCOPES, appids=ELSEWHERE))[0] == wanted_of_other
    if not is_grave:
        assert ask(make_key(merchant, *SCOPES))[0] == by_person["owner"]
    else:
        assert ask(make_key(merchant, scope))[0] == OK
    right = scope if scope != ANY_SCOPE else "code:read"
    if address.startswith("api/v1/campaigns/<int:pk>/release"):
        right = "code:write,code:release"
    assert ask(make_key(boss, *right.split(",")))[0] == by_person["staff with"]
