"""Every appid on the staff pages leads to the page of its account, where the reader may see it."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audits.models import CodeAudit, QuotaEntry, Release
from messaging.models import CannedReply, Rule
from miniprograms.models import Authorizer, BindLink
from notices.models import Notice
from platform_auth.models import Component, Operation, Push
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("parked", "code", "talk", "rows")]

ACCOUNTS = "/admin/miniprograms/authorizer/"
# Whose appids are shown without being of accounts: the platform's own, and WeChat's testers.
NO_ACCOUNTS = {"platform_auth.component", "messaging.releasetest"}


class Texts(HTMLParser):
    """The texts of a page's content that hold TERM, each with the address of the link around it."""

    def __init__(self, page: str, term: str) -> None:
        super().__init__()
        self.term, self.links, self.found = term, [""], []  # type: ignore[var-annotated]
        self.feed(page.partition('<div id="content"')[2])

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        if tag in ("pre", "textarea"):
            self.links.append("as it is")
        if tag == "a":
            self.links.append(dict(attributes).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("a", "pre", "textarea") and len(self.links) > 1:
            self.links.pop()

    def handle_data(self, text: str) -> None:
        if self.term in text:
            self.found.append((text.strip(), self.links[-1]))


@pytest.fixture
def rows(account: Authorizer, merchant: User, code: None) -> None:
    """Something about the account on every list."""
    appid, component = account.appid, account.component
    audit = CodeAudit.objects.get()
    Operation.objects.create(action="sync_profile", actor_name="x", appid=appid)
    now = timezone.now()
    Push.objects.create(
        component=component,
        digest="d",
        business_key="k",
        appid=appid,
        kind="text",
        created=now,
        state=Push.State.DONE,
    )
    Notice.objects.create(kind="audit.passed", appid=appid, facts={})
    Release.objects.create(authorizer=account, audit=audit, kind="release", state="done")
    QuotaEntry.objects.create(
        component=component, kind="submitted", authorizer=account, rest=1, limit=2
    )
    Rule.objects.create(name="hello", authorizer=account, trigger="default", content={})
    CannedReply.objects.create(title="hello", text="hello", authorizer=account)
    BindLink.objects.filter(user=merchant).update(biz_appid=appid)


def pages_about(browser: Client, appid: str) -> dict[str, str]:
    """Each list, and the page of its first row."""
    pages = {}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        answer = browser.get(reverse(f"admin:{name}_changelist"))
        if answer.status_code != 200:
            continue
        pages[model._meta.label_lower] = text_of(answer)
        changes = (getattr(answer, "context_data", None) or {}).get("cl")
        rows = list(changes.result_list) if changes else []
        if rows:
            page = browser.get(reverse(f"admin:{name}_change", args=[rows[0].pk]))
            pages[f"{model._meta.label_lower} 1"] = text_of(page) if page.status_code == 200 else ""
    return pages


def test_every_appid_of_the_lists_and_their_pages_is_a_link(account: Authorizer) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    account_page, door = f"{ACCOUNTS}{account.pk}/", f"{ACCOUNTS}of/{account.appid}/"
    shown, unlinked = set(), {}
    for name, page in pages_about(boss, account.appid).items():
        texts = [found for found in Texts(page, account.appid).found if found[1] != "as it is"]
        leading = [text for text, link in texts if link.startswith((door, account_page))]
        # In a sentence, or in the name of a row, it is no link; but there is one beside it.
        bare = [text for text, link in texts if text == account.appid and text not in leading]
        if texts and name != "miniprograms.authorizer 1":
            shown.add(name)
            if bare or not leading:
                unlinked[name] = texts
    assert not unlinked, "\n".join(map(str, unlinked.items()))
    assert shown >= {
        "miniprograms.authorizer",
        "miniprograms.binding",
        "platform_auth.push",
        "platform_auth.operation",
        "platform_auth.operation 1",
        "platform_auth.wechatcall",
        "audits.codeversion",
        "audits.codeaudit",
        "audits.release",
        "audits.quotaentry",
        "messaging.conversation",
        "messaging.rule",
        "messaging.cannedreply",
        "notices.notice",
        "notices.notice 1",
    }


def test_who_may_not_see_accounts_is_led_to_none(account: Authorizer) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    models = ["push", "operation", "codeaudit", "conversation", "notice", "binding", "release"]
    names = [f"view_{model}" for model in models]
    reader.user_permissions.add(*Permission.objects.filter(codename__in=names))
    browser = browser_of(reader)
    pages = pages_about(browser, account.appid)
    assert len(pages) >= len(models)
    for name, page in pages.items():
        assert f"{ACCOUNTS}of/" not in page, name
        assert "account-header" not in page, name
    assert browser.get(f"{ACCOUNTS}of/{account.appid}/").status_code == 403


@pytest.mark.parametrize(
    ("query", "end"),
    [("", "change/"), ("?tab=code", "code/"), ("?tab=log", "log/"), ("?tab=x", "change/")],
)
def test_an_appid_leads_to_its_page(account: Authorizer, query: str, end: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    answer = boss.get(f"{ACCOUNTS}of/{account.appid}/{query}")
    assert (answer.status_code, answer["Location"]) == (302, f"{ACCOUNTS}{account.pk}/{end}")


def test_an_appid_of_no_account_says_so(account: Authorizer, component: Component) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    page = text_of(boss.get(f"{ACCOUNTS}of/wx570bc396a51b8ff8/", follow=True))
    assert "wx570bc396a51b8ff8 is no account of ours" in page
    answer = boss.get(f"{ACCOUNTS}of/{component.appid}/")
    assert answer["Location"] == f"/admin/platform_auth/component/{component.pk}/change/"


@pytest.mark.parametrize(
    ("address", "tab"),
    [
        ("platform_auth/operation/?q={appid}", "Events and log"),
        ("platform_auth/push/?account={appid}", "Events and log"),
        ("platform_auth/wechatcall/?q={appid}", "Events and log"),
        ("messaging/conversation/?q={appid}", "Messages"),
        ("messaging/rule/?q={appid}", "Messages"),
        ("audits/codeaudit/?q={appid}", "Code"),
        ("miniprograms/binding/?q={appid}", "People"),
        ("notices/notice/?q={appid}", "Events and log"),
    ],
)
def test_a_list_of_one_account_has_its_header(account: Authorizer, address: str, tab: str) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    page = text_of(boss.get(f"/admin/{address.format(appid=account.appid)}"))
    assert f'aria-current="page">{tab}<' in page
    everything = text_of(boss.get(f"/admin/{address.partition('?')[0]}"))
    assert "account-header" not in everything


def test_json_stands_behind_a_fold_wherever_it_is_shown(account: Authorizer) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    with_json = []
    for name, page in pages_about(boss, account.appid).items():
        bare = re.sub(r"<details\b.*?</details>", "", page, flags=re.DOTALL)
        assert 'class="staff-json' not in bare, name
        if 'class="staff-json' in page:
            with_json.append(name)
    assert {"miniprograms.authorizer 1", "audits.codeversion 1"} <= set(with_json)


def test_a_conversation_has_the_header_of_its_account(account: Authorizer) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    conversation = account.conversations.get()
    page = text_of(boss.get(f"/admin/messaging/conversation/{conversation.pk}/change/"))
    assert 'aria-current="page">Messages<' in page
