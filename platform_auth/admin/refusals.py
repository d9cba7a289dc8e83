"""What the push URLs refused, in words: for the component's page, where nothing seems to arrive."""

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from platform_auth.admin.pages import ago, table
from platform_auth.models import PushRefusal

MAX_REFUSALS = 20

DOORS = {
    "component": _("授权事件接收URL (authorisation events)"),
    "message": _("消息与事件接收URL (messages and events)"),
}
REASONS = {
    "address": _("It is for an account that is not known here, or for another one than the URL."),
    "age": _("It is older than pushes are kept."),
    "appid": _("Another appid is sealed in: it is for another platform."),
    "body": _("The body could not be read."),
    "component": _("It is for a platform that is not registered here."),
    "decryption": _("The EncodingAESKey in WeChat's console is another one than ours."),
    "door": _("The two URLs are swapped in WeChat's console."),
    "encoding": _("What is sealed is no base64: something in between changes the request."),
    "envelope": _("It is neither WeChat's XML nor its JSON."),
    "length": _("It does not say its length, or is longer than 256 KiB."),
    "method": _("It is neither GET nor POST."),
    "parameters": _("The address lacks WeChat's parameters: in plain mode there are none."),
    "path": _("There is no such address: compare it with the ones above."),
    "signature": _("The token in WeChat's console is another one than ours, or it is forged."),
}


def refusals_table() -> SafeString | str:
    """Door, reason, how often, and when last; the newest first."""
    headers = [_("URL"), _("reason"), _("refused"), _("last")]
    rows = [
        (DOORS[row.door], REASONS.get(row.reason, row.reason), row.count, ago(row.newest_at))
        for row in PushRefusal.objects.order_by("-newest_at")[:MAX_REFUSALS]
    ]
    return table(headers, rows)
