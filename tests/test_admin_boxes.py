"""The labels and times of lists: no template makes them, and they look as the frame's own do."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.template.loader import render_to_string
from django.utils import timezone

from platform_auth.admin.boxes import ago, label
from platform_auth.admin.pages import StaffAdmin


def classes(html: str) -> set[str]:
    [names] = re.findall(r'class="([^"]*)"', html)
    return set(names.split())


@pytest.mark.parametrize("kind", ["", "info", "danger", "warning", "success"])
def test_a_label_has_the_classes_that_the_frames_has(kind: str) -> None:
    context = {"text": "<b>", "type": kind, "class": "staff-label"}
    assert classes(label("<b>", kind)) == classes(
        render_to_string("unfold/helpers/label.html", context)
    )
    assert label("<b>", kind).endswith(">&lt;b&gt;</span>")


def test_a_time_says_how_long_ago_and_when_exactly() -> None:
    at = timezone.now() - timedelta(hours=2, minutes=1)
    local = timezone.localtime(at)
    html = ago(at)
    assert f'datetime="{local.isoformat()}"' in html
    assert f'title="{local:%Y-%m-%d %H:%M:%S %z}"' in html
    assert ago(None) == "–"


def test_lists_have_what_the_frame_asks_for_at_each_row() -> None:
    """Where an attribute is missing, Django lists all of an admin's, which took most of a row."""
    staff = [one for one in admin.site._registry.values() if isinstance(one, StaffAdmin)]
    assert staff
    assert [one for one in staff if not hasattr(one, "list_sections")] == []
