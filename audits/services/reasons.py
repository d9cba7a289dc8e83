"""
Reading why WeChat rejected a review. Its reasons are numbered clauses with numbered points:

    1:小程序内容不符合规则:
    (1):你好，小程序页面内容不完整，请补充后重新提交审核。
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_CLAUSE = 200
_CLAUSE = re.compile(r"\d{1,2}\s*[:：、.．]\s*(?P<text>[^\s\d].*)")
_POINT = re.compile(r"[(（]\d{1,2}[)）]\s*[:：、.．]?\s*(?P<text>.*)")
_GREETING = re.compile(r"^(?:你好|您好)[,，:：!！]?\s*")
# What only the administrator can change, at WeChat; the rest is in the code.
_OF_ACCOUNT = re.compile("类目|资质|名称|备案|简介|头像")


@dataclass(frozen=True, slots=True)
class Point:
    """What WeChat objects to: the CLAUSE of its rules, and the DETAIL of this code."""

    clause: str
    detail: str


def parse_reason(reason: str) -> list[Point]:
    """
    The points of REASON, plain text with a line for each; a clause without any is one by itself.
    What is not numbered at all is one clause.
    """
    points: list[Point] = []
    clause, details = "", [""]
    for line in filter(None, map(str.strip, reason.splitlines())):
        if point := _POINT.fullmatch(line):
            details.append(point["text"])
        elif match := _CLAUSE.fullmatch(line):
            points += _points_of(clause, details)
            clause, details = match["text"], [""]
        elif clause:
            details[-1] = f"{details[-1]}\n{line}".strip()
        else:
            clause = line
    return points + _points_of(clause, details)


def _points_of(clause: str, details: list[str]) -> list[Point]:
    name = clause.rstrip(":： ")[:MAX_CLAUSE]
    texts = [text for text in (_GREETING.sub("", detail) for detail in details) if text]
    if not name and texts:  # points without a clause
        name, texts = texts[0][:MAX_CLAUSE], texts[1:]
    return [Point(name, text) for text in texts or [""]] if name else []


def is_for_merchant(reason: str) -> bool:
    """Whether WeChat objects, in REASON, to something that the account's administrator changes."""
    return bool(_OF_ACCOUNT.search(reason))


def category_of(fields: Mapping[str, Any], profile: Mapping[str, Any]) -> str:
    """The category that a submission of FIELDS names first, else the first of the PROFILE's."""
    items = fields.get("item_list")
    item = items[0] if isinstance(items, list) and items else {}
    names = [item.get(f"{rank}_class") for rank in ("first", "second")]
    if not any(names):
        categories = profile.get("categories")
        first = categories[0] if isinstance(categories, list) and categories else {}
        names = [first.get(rank) for rank in ("first", "second")] if isinstance(first, dict) else []
    return " / ".join(str(name) for name in names if name)[:100]
