"""
Drafts and templates (模板库管理): code of ours that mini programs are given.

COMPONENT_TOKEN is the platform's own. Times are Unix seconds by WeChat's clock. Every function
raises Refused, Unreachable, NotSent or BadAnswer. Pages: developers.weixin.qq.com, "模板库管理".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from wechat.http import Rows, call, read_number, read_text, read_time, take_number, take_rows

ORDINARY_TEMPLATE, STANDARD_TEMPLATE = 0, 1
LIBRARY_LIMIT = 200  # templates of one platform


@dataclass(frozen=True, slots=True)
class Draft:
    """Code a developer uploaded (草稿): the newest of one development mini program."""

    draft_id: int
    create_time: int
    user_version: str
    user_desc: str
    source_miniprogram_appid: str
    source_miniprogram: str
    developer: str


@dataclass(frozen=True, slots=True)
class Template:
    """A draft kept for reuse (模板). `audit_status` and `reason` are of standard templates only."""

    template_id: int
    draft_id: int
    template_type: int
    create_time: int
    user_version: str
    user_desc: str
    source_miniprogram_appid: str
    source_miniprogram: str
    developer: str
    audit_status: int | None
    reason: str


def list_drafts(component_token: str) -> Rows[Draft]:
    """wxa/gettemplatedraftlist 获取草稿箱列表."""
    path = "/wxa/gettemplatedraftlist"
    answer = call(path, access_token=component_token, method="GET")
    return take_rows(path, answer, "draft_list", partial(_draft, path))


def _draft(path: str, row: Mapping[str, Any]) -> Draft:
    return Draft(
        draft_id=take_number(path, row, "draft_id"),
        create_time=read_time(row.get("create_time")),
        user_version=read_text(row.get("user_version")),
        user_desc=read_text(row.get("user_desc")),
        source_miniprogram_appid=read_text(row.get("source_miniprogram_appid")),
        source_miniprogram=read_text(row.get("source_miniprogram")),
        developer=read_text(row.get("developer")),
    )


def add_to_template(component_token: str, draft_id: int) -> None:
    """
    wxa/addtotemplate 将草稿添加到模板库, an ordinary one; the answer does not say its template_id.

    Twice makes two templates, so it is never repeated. 85064 no such draft, 85065 200 are there.
    """
    call("/wxa/addtotemplate", {"draft_id": draft_id}, access_token=component_token, repeat=False)


def list_templates(component_token: str, template_type: int | None = None) -> Rows[Template]:
    """wxa/gettemplatelist 获取模板列表: all, or those of TEMPLATE_TYPE."""
    path = "/wxa/gettemplatelist"
    query = None if template_type is None else {"template_type": template_type}
    answer = call(path, query=query, access_token=component_token, method="GET")
    return take_rows(path, answer, "template_list", partial(_template, path))


def _template(path: str, row: Mapping[str, Any]) -> Template:
    return Template(
        template_id=take_number(path, row, "template_id"),
        draft_id=read_number(row.get("draft_id")) or 0,
        template_type=read_number(row.get("template_type"), below=2**15) or ORDINARY_TEMPLATE,
        create_time=read_time(row.get("create_time")),
        user_version=read_text(row.get("user_version")),
        user_desc=read_text(row.get("user_desc")),
        source_miniprogram_appid=read_text(row.get("source_miniprogram_appid")),
        source_miniprogram=read_text(row.get("source_miniprogram")),
        developer=read_text(row.get("developer")),
        audit_status=read_number(row.get("audit_status")),
        reason=read_text(row.get("reason")),
    )


def delete_template(component_token: str, template_id: int) -> None:
    """wxa/deletetemplate 删除代码模板; not repeated, the second time it would be 85064."""
    body = {"template_id": template_id}
    call("/wxa/deletetemplate", body, access_token=component_token, repeat=False)
