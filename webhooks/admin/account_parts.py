"""What WeChat has pushed about an account, on the tabs of its page."""

from typing import Any

from django.db.models import OuterRef
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from messaging.services.kind_names import name_of_kind
from miniprograms.admin.account_parts import LOG, Part, add_parts
from miniprograms.admin.concerns import Concern, Watch, add_watches
from miniprograms.admin.facts import count_few, say_few
from miniprograms.admin.own_parts import MOST
from miniprograms.models import Authorizer
from platform_auth.admin.columns import link_to
from platform_auth.admin.pages import ago, label, table
from platform_auth.models import Push
from webhooks.admin.push_words import describe_push
from webhooks.admin.pushes import COLOURS

_PERMISSION = "platform_auth.view_push"


def _log_url(row: Authorizer, more: str = "") -> str:
    return f"{reverse('admin:platform_auth_push_changelist')}?account={row.appid}{more}"


def _pushes(request: HttpRequest, row: Authorizer) -> object:
    pushes = Push.objects.filter(appid=row.appid).order_by("-received_at", "-id")[:MOST]
    headers = [_("received"), _("kind"), _("says"), _("state")]
    cells = [
        (
            link_to(push, ago(push.received_at)),
            name_of_kind(push.kind) or push.kind or "–",
            Truncator(describe_push(push)).chars(80) or "–",
            label(push.get_state_display(), COLOURS.get(Push.State(push.state), "")),
        )
        for push in pushes
    ]
    return table(headers, cells)


def _count_failed(rows: Any) -> Any:
    failed: Any = Push.objects.filter(appid=OuterRef("appid"), state=Push.State.FAILED)
    return rows.annotate(failed_pushes=count_few(failed))


def _failed(row: Any, user: Any) -> list[Concern]:
    if not row.failed_pushes:
        return []
    text = _("Pushes that could not be worked out: %(number)s.") % {
        "number": say_few(row.failed_pushes)
    }
    return [Concern(text, _("Look, and replay them"), _log_url(row, "&state=failed"))]


add_watches(Watch(_PERMISSION, _failed, _count_failed))
add_parts(Part(LOG, 20, _("Pushed by WeChat"), _PERMISSION, _pushes, _log_url))
