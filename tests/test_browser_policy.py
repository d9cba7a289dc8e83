"""Every staff page in a real browser: nothing that it needs is refused by our policy."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model

from miniprograms.models import Authorizer
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import path_of
from tests.test_matrix import talk as talk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world", "parked", "code", "talk"),
]
PAGES = [
    "admin/",
    "admin/password_change/",
    "admin/auth/user/<id>/password/",
    "admin/messaging/target/<path:object_id>/guide/",
    "admin/messaging/rule/try/",
    "admin/messaging/releasetest/rehearse/",
    "admin/miniprograms/authorizer/<path:object_id>/tags/",
    "admin/miniprograms/authorizer/<path:object_id>/code/",
    "admin/miniprograms/authorizer/<path:object_id>/code/commit/",
    "admin/audits/codetemplate/drafts/",
    "admin/audits/codetemplate/sync/",
    "admin/nowhere/",
    "api/docs/",
    "portal/",
    "portal/password/",
]


def pages_of(model: type[Model]) -> list[str]:
    base = f"admin/{model._meta.app_label}/{model._meta.model_name}/"
    return [base, f"{base}<path:object_id>/change/"]


def test_no_page_needs_what_the_policy_refuses(
    new_page: NewPage, account: Authorizer, merchant: User
) -> None:
    User.objects.create_superuser("boss", password="boss-password")
    page = new_page()
    page.goto("/admin/")
    page.locator("[name=username]").fill("boss")
    page.locator("[name=password]").fill("boss-password")
    page.locator("#login-form button[type=submit]").click()
    page.wait_for_url("**/admin/")
    lists = [path for model in admin.site._registry for path in pages_of(model)]
    forms = [f"admin/{name}/add/" for name in ("messaging/rule", "audits/campaign", "auth/user")]
    for address in [*PAGES, *lists, *forms]:
        page.goto(path_of(address, account, merchant))
        # Alpine.js hides a page until it is at work.
        page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
