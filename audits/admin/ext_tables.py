"""How staff pages show texts of ext.json, where two differ, and what a change would come to."""

import json
from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audits.models import CodeTemplate, CodeVersion, ExtValues
from audits.problems import BadExtJson
from audits.services.ext_json import (
    MISSING,
    Layers,
    Owner,
    build_ext_json,
    compare_texts,
    compare_values,
    compose_ext_json,
    live_version,
)
from audits.services.ext_values import Plan
from miniprograms.models import Authorizer
from platform_auth.admin.pages import ago, pretty, table

_MAX_VERSIONS = 20  # of values, in their history
MAX_CHANGES = 20  # of one mini program, in a table of many

Change = tuple[str, Any, Any]


def show_value(value: Any) -> str:
    return "–" if value is MISSING else json.dumps(value, ensure_ascii=False)


def changes_table(changes: Sequence[Change]) -> SafeString | str:
    headers = [_("path"), _("before"), _("afterwards")]
    return table(headers, [(path, show_value(old), show_value(new)) for path, old, new in changes])


def preview_upload(
    row: Authorizer,
    template: CodeTemplate | None,
    upload: dict[str, Any] | None,
    layers: Layers | None = None,
) -> SafeString:
    """
    The exact text that an upload to ROW would send, of LAYERS where they were read already, and how
    it differs from what is live.
    """
    try:
        if layers is None:
            text = build_ext_json(row, template, upload)
        else:
            text = compose_ext_json(row.appid, template, layers, upload)
    except BadExtJson as problem:
        return format_html('<p class="staff-problem">{}</p>', problem)
    return preview_text(row, text)


def preview_text(row: Authorizer, text: str, version: CodeVersion | None = None) -> SafeString:
    """TEXT, and how it differs from what ROW has live; it is that of VERSION, if uploaded."""
    live = live_version(row, before=version)
    context = {
        "text": text,
        "indented": pretty(json.loads(text)) if text else "",
        "live": live,
        "changes": changes_table(compare_texts(live.ext_json if live else "", text)),
    }
    return render_to_string("admin/code/ext_preview.html", context)


def show_plans(plans: Sequence[Plan]) -> SafeString:
    """Who would have another ext.json at the next upload: what before, what afterwards."""
    rows = [
        (plan, changes_table(plan.changes[:MAX_CHANGES]), len(plan.changes) - MAX_CHANGES)
        for plan in plans
    ]
    return render_to_string("admin/code/ext_plans.html", {"plans": rows})


def history_of(owner: Owner) -> list[dict[str, object]]:
    """The versions of OWNER's values, newest first: when, by whom, and what each changed."""
    newest = owner.ext_values.select_related("by").order_by("-id")
    rows: list[ExtValues] = list(newest[: _MAX_VERSIONS + 1])
    earlier = [*(row.values for row in rows[1:]), {}]
    versions: list[dict[str, object]] = [
        {
            "row": row,
            "when": ago(row.at),
            "by": row.by or "–",
            "text": json.dumps(row.values, ensure_ascii=False, indent=2),
            "changes": changes_table(compare_values(before, row.values)),
        }
        for row, before in zip(rows, earlier, strict=False)
    ]
    return versions[:_MAX_VERSIONS]
