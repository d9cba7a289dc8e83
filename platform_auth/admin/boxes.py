"""
The small pieces that stand in every row of a list. They are written here and not by templates,
whose rendering was a third of what a row costs.
"""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateformat import format as format_time
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

# As the frame's unfold/helpers/label.html has them, to which a test holds us.
_BOX = "inline-block font-semibold rounded-default text-[11px] uppercase whitespace-nowrap h-6 "
_BOX += "leading-6 px-2"
_PLAIN = "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200"
_COLOURS = {
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
}


def label(text: object, kind: str = "") -> SafeString:
    """TEXT in a coloured box; KIND is success, info, warning, danger or nothing."""
    colours = _COLOURS.get(kind, _PLAIN)
    return format_html('<span class="{} {} staff-label">{}</span>', _BOX, colours, text)


def ago(at: datetime | None) -> SafeString | str:
    """How long ago AT is, or in how long it comes, with the exact time as its title."""
    if at is None:
        return "–"
    now = timezone.now()
    text: object
    if abs(now - at) < timedelta(minutes=1):
        text = _("just now")
    elif at < now:
        text = _("%(time)s ago") % {"time": timesince(at, now, depth=1)}
    else:
        text = _("in %(time)s") % {"time": timesince(now, at, depth=1)}
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}" class="whitespace-nowrap">{}</time>',
        local.isoformat(),
        format_time(local, "Y-m-d H:i:s O"),
        text,
    )
