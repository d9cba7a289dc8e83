"""One name for one thing, in both languages: menu, pages, catalogue and glossary."""

import re
from pathlib import Path
from typing import Any

import polib
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.translation import override
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.navigation import GROUPS, PAGES
from platform_auth.admin.operations import ACTIONS
from platform_auth.admin.schedule import JOBS
from platform_auth.roles import ROLES, group_title

ROOT = Path(__file__).parent.parent
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
GLOSSARY = ROOT / "docs" / "GLOSSARY.md"
MODELS = [entry[1] for _title, *entries in GROUPS for entry in entries if entry[1] not in PAGES]
CHINESE = re.compile("[一-鿿]")


def _banned() -> list[tuple[str, str, str]]:
    """Of each term the English word, a word that must not stand for it, and which language."""
    text = GLOSSARY.read_text()
    section = text.split("## Never instead")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [
        (cells[0].strip(), word, language)
        for cells in rows[1:]
        for language, cell in (("zh", cells[2]), ("en", cells[3]))
        for word in re.findall("`([^`]+)`", cell)
    ]


def _strings() -> list[tuple[str, str]]:
    return [
        (f"{entry.msgid} {entry.msgid_plural}", entry.msgstr or entry.msgstr_plural.get(0, ""))
        for entry in polib.pofile(str(CATALOG))
    ]


@pytest.mark.parametrize(("term", "word", "language"), _banned())
def test_no_string_has_another_word_for_a_term(term: str, word: str, language: str) -> None:
    pattern = re.compile(word, re.IGNORECASE if language == "en" else 0)
    strings = [english if language == "en" else chinese for english, chinese in _strings()]
    assert not [text for text in strings if pattern.search(text)], term


def test_the_glossary_knows_words_of_both_languages() -> None:
    assert {language for _term, _word, language in _banned()} == {"en", "zh"}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("model", MODELS)
def test_menu_page_and_breadcrumbs_call_a_list_the_same(
    admin_client: Client, model: str, language: str
) -> None:
    admin_client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    url = reverse(f"admin:{model.replace('.', '_')}_changelist")
    page = admin_client.get(url)
    groups = page.context["sidebar_navigation"]
    [title] = [
        str(item["title"]) for group in groups for item in group["items"] if item["link"] == url
    ]
    html = page.content.decode()
    assert re.search(f"<title>\\s*{re.escape(title)} \\|", html), model
    [crumb] = re.findall(f'<a href="{url}" class="align-middle[^>]*>([^<]*)</a', html)
    assert crumb.strip() == title


def test_breadcrumbs_begin_with_the_group_of_the_menu(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:platform_auth_push_changelist")).content.decode()
    crumbs = re.findall(r'<(?:a|span)[^>]*class="align-middle[^>]*>([^<]*)<', page)
    assert [crumb.strip() for crumb in crumbs] == ["消息", "推送记录"]


@pytest.mark.parametrize("model", MODELS)
def test_every_name_in_the_menu_is_chinese_in_chinese(model: str) -> None:
    page: Any = admin.site.get_model_admin(apps.get_model(model))
    with override("zh-hans"):
        assert CHINESE.search(page.title_of_list())


@pytest.mark.parametrize("names", [JOBS, ACTIONS, {name: group_title(name) for name in ROLES}])
def test_every_job_operation_and_group_is_chinese_in_chinese(names: dict[str, Any]) -> None:
    with override("zh-hans"):
        texts = {name: group_title(name) if name in ROLES else str(names[name]) for name in names}
    assert not [name for name, text in texts.items() if not CHINESE.search(text)]


def test_every_periodic_job_has_a_name() -> None:
    assert set(settings.CELERY_BEAT_SCHEDULE) == set(JOBS)


def test_the_list_and_the_page_of_a_job_call_it_in_the_readers_language(
    admin_client: Client,
) -> None:
    interval = IntervalSchedule.objects.create(every=10, period="seconds")
    job = PeriodicTask.objects.create(
        name="finish bindings", task="miniprograms.tasks.advance_bindings", interval=interval
    )
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    assert "完成绑定" in admin_client.get(url).content.decode()
    page = admin_client.get(f"{url}{job.pk}/change/").content.decode()
    assert "完成绑定 | " in page.split("</title>")[0]


def test_a_job_that_staff_added_is_called_as_they_called_it(admin_client: Client) -> None:
    interval = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="my own job", task="x", interval=interval)
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    assert "my own job" in admin_client.get(url).content.decode()


def test_groups_are_called_in_the_readers_language(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:auth_group_changelist")).content.decode()
    for title in ("运营人员", "发布人员", "可回复用户的商户"):
        assert title in strip_tags(page)
    person = reverse("admin:auth_user_add")
    assert "operators" not in strip_tags(admin_client.get(person).content.decode())


def test_no_permission_is_called_by_its_english_name(admin_client: Client) -> None:
    operators = Group.objects.get(name="operators")
    url = reverse("admin:auth_group_change", args=[operators.pk])
    page = strip_tags(admin_client.get(url).content.decode())
    assert "可以导出推送记录" in page
    assert "message log" not in page
