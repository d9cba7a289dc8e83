"""Staff decide on parked bindings."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component, Operation
from sandbox.world import WeChat

pytestmark = pytest.mark.django_db

LIST = "/admin/miniprograms/binding/"


@pytest.fixture
def operator(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def parked(wechat: WeChat, component: Component, ticket: str, other_merchant: User) -> Binding:
    """An account that authorised us though no merchant here asked, as reconciling finds it."""
    account = wechat.create_account(nick_name="Nobody's shop")
    grant = wechat.grant(account.appid)
    return Binding.objects.create(
        component=component, appid=account.appid, status="parked", parked_because="unclaimed",
        nick_name=account.nick_name, refresh_token=grant.refresh_token,
    )  # fmt: skip


def page_of(row: Binding, act: str = "change") -> str:
    return f"{LIST}{row.pk}/{act}/"


def text_of(response: Any) -> str:
    return str(response.content.decode())


def assign_to(user: User) -> dict[str, Any]:
    """What the page posts once it has named USER."""
    return {"user": user.pk, "named": user.pk}


def operations() -> list[tuple[str, str, str]]:
    rows = Operation.objects.filter(actor_name="operator").order_by("id")
    return [(row.action, row.appid, row.result) for row in rows]


def test_a_parked_one_stands_out_and_tells_why(operator: Client, parked: Binding) -> None:
    page = text_of(operator.get(f"{LIST}?status__exact=parked"))
    assert "Nobody here asked for it." in page
    assert "Nobody&#x27;s shop" in page
    sidebar = operator.get("/admin/").context["sidebar_navigation"]
    [badge] = [item["badge"] for group in sidebar for item in group["items"] if "badge" in item]
    assert badge == "1"


def test_it_is_assigned_to_a_merchant(
    operator: Client, parked: Binding, other_merchant: User
) -> None:
    asked = operator.get(page_of(parked, "assign"))
    assert asked.status_code == 200
    response = operator.post(page_of(parked, "assign"), assign_to(other_merchant), follow=True)
    authorizer = Authorizer.objects.get(appid=parked.appid)
    assert (authorizer.owner, authorizer.state) == (other_merchant, "bound")
    assert "now belongs to other-merchant" in text_of(response)
    assert operations() == [("assign_binding", parked.appid, "other-merchant")]
    parked.refresh_from_db()
    assert parked.status == "bound"


def test_the_merchant_who_asked_is_proposed(
    operator: Client, parked: Binding, merchant: User
) -> None:
    Binding.objects.update(user=merchant)
    assert f'value="{merchant.pk}"' in text_of(operator.get(page_of(parked, "assign")))


def test_the_page_names_the_account_its_owner_and_who_is_to_have_it(
    operator: Client, parked: Binding, merchant: User, other_merchant: User
) -> None:
    User.objects.filter(pk=merchant.pk).update(first_name="Green Tea Ltd")
    User.objects.filter(pk=other_merchant.pk).update(first_name="Red Tea Ltd")
    Authorizer.objects.create(
        component=parked.component, appid=parked.appid, owner=merchant, kind="mini_program",
        state="unbound", due_at=None,
    )  # fmt: skip
    page = page_of(parked, "assign")
    asked = text_of(operator.get(page))
    assert f"{parked.appid} Nobody&#x27;s shop" in asked
    assert f"Until now it belongs to Green Tea Ltd ({merchant})." in asked
    assert "From now on" not in asked
    named = text_of(operator.post(page, {"user": other_merchant.pk}))
    assert f"From now on it belongs to Red Tea Ltd ({other_merchant})." in named
    assert Authorizer.objects.get().owner == merchant
    # Whoever changes their mind is asked about the other one.
    again = operator.post(page, {"user": merchant.pk, "named": other_merchant.pk})
    assert f"From now on it belongs to Green Tea Ltd ({merchant})." in text_of(again)
    response = operator.post(page, assign_to(other_merchant), follow=True)
    assert f"now belongs to Red Tea Ltd ({other_merchant})." in text_of(response)
    assert Authorizer.objects.get().owner == other_merchant


def test_an_account_of_nobody_is_called_so(operator: Client, parked: Binding) -> None:
    assert "Until now it is nobody&#x27;s here." in text_of(operator.get(page_of(parked, "assign")))


@pytest.mark.parametrize("user", ["", "999999", "nonsense"])
def test_an_unknown_user_gets_nothing(operator: Client, parked: Binding, user: str) -> None:
    response = operator.post(page_of(parked, "assign"), {"user": user})
    assert response.status_code == 200
    parked.refresh_from_db()
    assert parked.status == "parked"


def test_it_is_refused(operator: Client, parked: Binding) -> None:
    operator.get(page_of(parked, "refuse"))
    parked.refresh_from_db()
    assert parked.status == "parked"
    response = operator.post(page_of(parked, "refuse"), follow=True)
    assert "refused." in text_of(response)
    parked.refresh_from_db()
    assert parked.status == "refused"
    assert not Authorizer.objects.exists()
    assert operations() == [("refuse_binding", parked.appid, "")]


def test_a_second_decision_is_told_and_changes_nothing(
    operator: Client, parked: Binding, merchant: User
) -> None:
    operator.post(page_of(parked, "refuse"))
    response = operator.post(page_of(parked, "assign"), assign_to(merchant), follow=True)
    assert "decided already" in text_of(response)
    assert not Authorizer.objects.exists()
    assert len(operations()) == 1
    assert page_of(parked, "assign") not in text_of(operator.get(page_of(parked)))


def test_wechat_failing_is_told_and_the_account_is_assigned(
    operator: Client, parked: Binding, merchant: User, wechat: WeChat
) -> None:
    wechat.fault("/cgi-bin/component/api_authorizer_token", times=None, errcode=45009)
    response = operator.post(page_of(parked, "assign"), assign_to(merchant), follow=True)
    assert response.status_code == 200
    assert Authorizer.objects.get().owner == merchant
    assert "its token comes later" in text_of(response)


def test_looking_is_not_deciding(client: Client, parked: Binding, merchant: User) -> None:
    user = User.objects.create_user("looker", password="looker-password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_binding"))
    client.force_login(user)
    page = text_of(client.get(page_of(parked)))
    assert page_of(parked, "assign") not in page
    for act in ("assign", "refuse"):
        assert client.get(page_of(parked, act)).status_code == 403
        assert client.post(page_of(parked, act), assign_to(merchant)).status_code == 403
    data = {"action": "refuse", "_selected_action": [parked.pk], "index": "0", "confirmed": "yes"}
    client.post(LIST, data)
    parked.refresh_from_db()
    assert parked.status == "parked"


def test_several_are_refused_from_the_list(operator: Client, parked: Binding) -> None:
    data = {"action": "refuse", "_selected_action": [parked.pk], "index": "0"}
    assert parked.appid in text_of(operator.post(LIST, data))
    operator.post(LIST, {**data, "confirmed": "yes"})
    parked.refresh_from_db()
    assert parked.status == "refused"
