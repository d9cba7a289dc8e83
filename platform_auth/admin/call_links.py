"""Links into the log of calls to WeChat, for those who may look at it."""

import re
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from platform_auth.admin.columns import link

_RID = re.compile(r"(\brid [0-9a-f]+(?:-[0-9a-f]+)+)", re.ASCII)


def may_see_calls(request: HttpRequest) -> bool:
    return request.user.has_perm("platform_auth.view_wechatcall")


def calls_url(**query: Any) -> str:
    """The log, narrowed by QUERY: what is searched for (q), or filters."""
    return f"{reverse('admin:platform_auth_wechatcall_changelist')}?{urlencode(query)}"


def link_call(term: str) -> SafeString | str:
    """TERM, an appid, a rid or a request, with the calls that it names."""
    return link(calls_url(q=term), term) if term else "–"


def link_rids(text: str) -> SafeString:
    """TEXT with a link at each of WeChat's rids."""
    parts = (
        link(calls_url(q=part.removeprefix("rid ")), part) if number % 2 else part
        for number, part in enumerate(_RID.split(text))
    )
    return format_html_join("", "{}", ((part,) for part in parts))
