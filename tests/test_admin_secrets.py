"""No staff page shows a secret, whoever looks and wherever: every admin URL is visited."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from knox.models import AuthToken

from messaging.models import Delivery, Target
from miniprograms.models import Authorizer, Binding
from platform_auth.fields import secret_fields
from platform_auth.models import Component, Push
from platform_auth.registration import change_component, register_component

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

AES_KEYS = ["PlantedAesKeyOne" + "a" * 27, "PlantedAesKeyTwo" + "b" * 27]
APPID = "wxabcdefabcdef0001"

MESSAGE = f"""<xml><AppId>wx0123456789abcdef</AppId><CreateTime>1700000000</CreateTime>
<InfoType>authorized</InfoType><AuthorizerAppid>{APPID}</AuthorizerAppid>
<AuthorizationCode>planted-authorization-code</AuthorizationCode>
<PreAuthCode>planted-pre-auth-code</PreAuthCode>
<info><auth_code>planted-auth-code</auth_code><name>Tea &lt;house&gt;</name></info>
<Note>seen ticket@@@planted-in-text and refreshtoken@@@planted-too</Note></xml>"""
TICKET = """<xml><AppId>wx0123456789abcdef</AppId><CreateTime>1700000000</CreateTime>
<InfoType>component_verify_ticket</InfoType>
<ComponentVerifyTicket>planted-ticket-push</ComponentVerifyTicket></xml>"""

PLANTED = ["planted", *AES_KEYS, "PlantedAesKey"]


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="boss-password")


@pytest.fixture
def world(boss: User, merchant: User, staff: User) -> None:
    """A row of everything, each of its secrets planted."""
    component = register_component(
        appid="wx0123456789abcdef",
        secret="planted-app-secret",
        token="plantedMessageTokenOne",
        aes_key=AES_KEYS[0],
        by=boss,
    )
    change_component(
        component, name="Ours", token="plantedMessageTokenTwo", aes_key=AES_KEYS[1], by=boss
    )
    component.verify_ticket = component.previous_ticket = "planted-ticket"
    component.access_token, component.access_token_expires = "planted-component-token", 2**33
    component.save()
    authorizer = Authorizer(component=component, appid=APPID, owner=merchant, state="bound")
    binding = Binding(component=component, appid=APPID, user=merchant, status="parked")
    binding.parked_because, binding.authorizer = "other_merchant", authorizer
    for row in (authorizer, binding):
        for field in secret_fields(type(row)):
            setattr(row, field.name, f"planted-{field.name}")
        row.save()
    target = Target.objects.create(
        name="theirs", url="https://hooks.example.com/",
        secret="planted-secret", previous_secret="planted-previous-secret",
        previous_until=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    for number, (kind, body) in enumerate(
        [("authorized", MESSAGE), ("component_verify_ticket", TICKET)]
    ):
        push = Push.objects.create(
            digest=str(number), business_key=str(number), component=component, appid=APPID,
            kind=kind, body=body, state="failed", created=timezone.now(),
        )  # fmt: skip
        Delivery.objects.create(push=push, target=target, appid=APPID)
    AuthToken.objects.create(merchant)


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def admin_urls() -> set[str]:
    """Every page of the admin site; those of a row for each row there is."""
    found = {reverse("admin:index"), reverse("admin:password_change")}
    top = [one for one in get_resolver().url_patterns if isinstance(one, URLResolver)]
    wanted = {name for one in top if one.namespace == "admin" for name in names(one.url_patterns)}
    for model, page in admin.site._registry.items():
        prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
        for name in (one for one in wanted if one.startswith(prefix)):
            try:
                found.add(reverse(f"admin:{name}"))
            except Exception:  # it belongs to a row
                found |= {
                    reverse(f"admin:{name}", args=[row.pk]) for row in page.model.objects.all()[:3]
                }
        found.add(reverse("admin:app_list", args=[model._meta.app_label]))
    return found


@pytest.mark.parametrize("who", ["boss", "operator"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_page_shows_a_secret(client: Client, world: None, who: str, language: str) -> None:
    client.force_login(User.objects.get(username=who))
    urls = admin_urls()
    assert len(urls) > 60
    statuses = {}
    for url in urls:
        response = client.get(url, headers={"accept-language": language})
        statuses[url] = response.status_code
        page = response.getvalue().decode()
        assert not [word for word in PLANTED if word in page], url
        assert response.status_code in {200, 302, 403, 404}, url
    component = Component.objects.get()
    assert statuses[reverse("admin:platform_auth_component_change", args=[component.pk])] == 200
    shown = [url for url, status in statuses.items() if status == 200]
    assert len(shown) > (60 if who == "boss" else 15)


def test_writing_pages_do_not_repeat_a_secret(client: Client, world: None, boss: User) -> None:
    client.force_login(boss)
    component = Component.objects.get()
    url = reverse("admin:platform_auth_component_change", args=[component.pk])
    data = {
        "name": "x",
        "secret": "planted secret with spaces",
        "token": "planted!",
        "key": "planted",
    }
    response = client.post(url, data)
    assert response.status_code == 200
    assert "planted" not in response.content.decode()
    assert response.context["adminform"].form.errors.keys() == {"secret", "token", "key"}


def test_a_push_is_shown_decoded_and_redacted(client: Client, world: None, boss: User) -> None:
    client.force_login(boss)
    push = Push.objects.get(kind="authorized")
    page = client.get(reverse("admin:platform_auth_push_change", args=[push.pk])).content.decode()
    assert "AuthorizationCode&quot;: &quot;***&quot;" in page
    assert "PreAuthCode&quot;: &quot;***&quot;" in page
    assert "auth_code&quot;: &quot;***&quot;" in page
    assert "Tea &lt;house&gt;" in page
    assert "seen *** and ***" in page


def test_a_lost_key_is_a_sentence_not_an_error(
    client: Client, world: None, boss: User, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXIta2V5cy1vdGhlci1rZXlzLW90aGVyLWtleXM="]
    client.force_login(boss)
    for url in admin_urls():
        response = client.get(url, headers={"accept-language": "en"})
        # An official account has no code, and nothing that goes with it.
        is_of_programs = re.search("/(code|settings|testers|private-interfaces)/", url)
        assert response.status_code in {200, 302, 403, *([404] if is_of_programs else [])}, url
    push = Push.objects.first()
    assert push is not None
    page = client.get(
        f"/admin/platform_auth/push/{push.pk}/change/", headers={"accept-language": "en"}
    )
    assert "cannot be decrypted" in page.content.decode()
    replayed = client.post(f"/admin/platform_auth/push/{push.pk}/replay/", follow=True)
    assert replayed.status_code == 200
    assert "FIELD_ENCRYPTION_KEYS" in replayed.content.decode()
