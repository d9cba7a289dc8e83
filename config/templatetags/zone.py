"""Which zone the times of a page are in."""

from datetime import timedelta

from django import template
from django.utils import timezone

register = template.Library()


@register.simple_tag
def zone() -> str:
    """The zone of the setting TIME_ZONE as it is now, as UTC+8 or UTC-3:30."""
    offset = timezone.localtime().utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"
