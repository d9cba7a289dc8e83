"""Of what people were told about an account, on the tabs of its page."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from miniprograms.admin.account_parts import LOG, Part, add_parts
from miniprograms.admin.own_parts import MOST, list_url
from miniprograms.models import Authorizer
from notices.kinds import KINDS
from notices.models import Notice
from platform_auth.admin.columns import link_to
from platform_auth.admin.pages import ago, table


def _notices(request: HttpRequest, row: Authorizer) -> object:
    rows = Notice.objects.filter(appid=row.appid).order_by("-id")[:MOST]
    cells = [(link_to(one, _name(one.kind)), ago(one.created_at)) for one in rows]
    return table([_("notice"), _("time")], cells)


def _name(kind: str) -> object:
    return KINDS[kind].label if kind in KINDS else kind


add_parts(
    Part(
        LOG,
        50,
        _("Notices"),
        "notices.view_notice",
        _notices,
        lambda row: list_url("notices_notice", q=row.appid),
    )
)
