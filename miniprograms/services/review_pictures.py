"""
Pictures for WeChat's reviewers, who load them by address: kept here for a month, and served to
whoever knows the address.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, ReviewPicture
from platform_auth.operations import Actor, record_operation
from platform_auth.problems import CannotAct
from wechat.http import EXTENSIONS, PICTURES, kind_of

MAX_SIZE = 2 * 1024 * 1024  # bytes
MAX_KEPT = 100  # of one mini program
PICTURE_LIFE = timedelta(days=30)


class BadPicture(CannotAct):
    """It is none that we serve."""

    code = "bad_picture"


def keep_picture(authorizer: Authorizer, content: bytes, *, by: Actor) -> str:
    """The address at which anybody can load CONTENT for a month. Raises BadPicture."""
    kind = kind_of(content)
    if kind not in PICTURES:
        raise BadPicture(_("Only JPEG, PNG and GIF pictures are taken."))
    if len(content) > MAX_SIZE:
        raise BadPicture(_("A picture may have 2 MB."))
    ReviewPicture.objects.filter(added_at__lt=timezone.now() - PICTURE_LIFE).delete()
    if authorizer.review_pictures.count() >= MAX_KEPT:
        raise BadPicture(_("These are enough pictures for a month."))
    with transaction.atomic():
        row: ReviewPicture = ReviewPicture.objects.create(
            authorizer=authorizer, content_type=kind, content=content, added_by_id=by.pk
        )
        record_operation("keep_picture", by=by, appid=authorizer.appid)
    address = reverse("review-picture", args=[row.key, EXTENSIONS[kind].removeprefix(".")])
    return f"{settings.PUBLIC_URL}{address}"


def find_picture(key: str) -> ReviewPicture | None:
    """The one called KEY, while it is kept."""
    rows = ReviewPicture.objects.filter(key=key, added_at__gte=timezone.now() - PICTURE_LIFE)
    row: ReviewPicture | None = rows.first()
    return row
