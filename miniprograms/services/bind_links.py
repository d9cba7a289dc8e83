"""Links with which merchants who have no login can bind, or authorise an account again."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack, cast

from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from miniprograms.link_models import LINK_SALT
from miniprograms.models import Authorizer, Binding, BindLink
from platform_auth.client_models import ApiClient
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from wechat.component import EITHER

LINK_LIFETIME = timedelta(days=3)
MOST_NAMED = 10  # accounts that were bound with one link
# How links were signed before they were rows; those that are out there live for three days, too.
OLD_SALT = "miniprograms.bind-link"


class Purpose(TypedDict, total=False):
    """What a link is for, by the columns of its row."""

    client: ApiClient | None
    component: Component | None
    auth_type: int
    device: str
    category_id_list: list[int]
    return_url: str
    user_ref: str
    is_single: bool


def make_bind_link(
    user: User, *, by: Actor, appid: str = "", **purpose: Unpack[Purpose]
) -> BindLink:
    """
    A link with which USER can bind without logging in, for three days; BY makes it. With APPID it
    is for this account alone.
    """
    if appid:
        purpose.setdefault("auth_type", EITHER)
    with transaction.atomic():
        row = BindLink.objects.create(
            user=user,
            made_by_id=by.pk,
            biz_appid=appid,
            password_mark=_mark_of(user),
            created_at=Now(),
            expires_at=Now() + LINK_LIFETIME,
            **purpose,
        )
        record_operation("make_bind_link", by=by, appid=appid, result=user.get_username())
    return bind_links().get(pk=row.pk)


def renew_bind_link(link: BindLink, *, by: Actor) -> BindLink:
    """Another link for what LINK was for, because BY says so."""
    purpose: Purpose = {
        "component": link.component,
        "device": link.device,
        "category_id_list": link.category_id_list,
        "return_url": link.return_url,
        "user_ref": link.user_ref,
        "is_single": link.is_single,
    }
    if link.auth_type is not None:
        purpose["auth_type"] = link.auth_type
    return make_bind_link(link.user, by=by, appid=link.biz_appid, **purpose)


def _mark_of(user: User) -> str:
    """What tells whether the password has changed; Django's sessions end by the same."""
    return user.get_session_auth_hash()[:64]


def bind_links() -> QuerySet[BindLink]:
    """All links, with what `status_of` must know, and the database's time."""
    attempts = Binding.objects.filter(link=OuterRef("pk"))
    bound = attempts.filter(status=Binding.Status.BOUND)
    is_open = Q(status=Binding.Status.OPEN, expires_at__gt=Now(), dropped_at=None)
    is_given_to_another = Q(status=Binding.Status.BOUND) & ~Q(user=OuterRef("user"))
    return BindLink.objects.select_related(
        "user", "made_by", "component", "client__owner"
    ).annotate(
        now=Now(),
        bound_appid=Subquery(bound.filter(user=OuterRef("user")).values("appid")[:1]),
        is_unclaimed=Exists(attempts.filter(status=Binding.Status.UNCLAIMED)),
        is_refused=Exists(attempts.filter(Q(status=Binding.Status.REFUSED) | is_given_to_another)),
        is_started=Exists(attempts.filter(is_open | Q(status=Binding.Status.TRADING))),
    )


def status_of(link: Any) -> BindLink.Status:
    """What has come of LINK, one of `bind_links()`."""
    if link.bound_appid:
        return BindLink.Status.BOUND
    if link.is_unclaimed:
        return BindLink.Status.UNCLAIMED
    if link.is_refused:
        return BindLink.Status.REFUSED
    if has_ended(link, link.now):
        return BindLink.Status.REVOKED
    if link.is_started:
        return BindLink.Status.STARTED
    return BindLink.Status.EXPIRED if link.expires_at <= link.now else BindLink.Status.OPEN


def has_ended(link: BindLink, now: datetime) -> bool:
    """Whether LINK is revoked, itself or with whose it is: by NOW, the database's time."""
    user, client = link.user, link.client
    if link.revoked_at or not user.is_active or link.password_mark != _mark_of(user):
        return True
    if client is None:
        return False
    is_expired = client.expires_at is not None and client.expires_at <= now
    return is_expired or not client.owner.is_active


def find_bind_link(token: str) -> BindLink | None:
    """The link whose address ends with TOKEN, if it may still be used."""
    link: Any = bind_links().filter(pk=_read(token)).first()
    if link is None or link.expires_at <= link.now or has_ended(link, link.now):
        return None
    is_used = link.bound_appid or link.is_unclaimed or link.is_refused
    if (link.is_single and is_used) or _is_of_another(link):
        return None
    found: BindLink = link
    return found


def ending_of(token: str) -> str:
    """What has become of the link whose address ends with TOKEN; "" where it tells nobody."""
    link: Any = bind_links().filter(pk=_read(token)).first()
    if link is None:
        return ""
    status = status_of(link)
    if status in (BindLink.Status.OPEN, BindLink.Status.STARTED):  # one for another's account
        return str(BindLink.Status.EXPIRED) if link.expires_at <= link.now else ""
    return str(status)


def accounts_bound_with(token: str) -> list[Authorizer]:
    """
    The accounts that were bound with the link whose address ends with TOKEN and still are its
    merchant's, as many as a page has room for; the last first.
    """
    attempts = Binding.objects.filter(
        link=_read(token), status=Binding.Status.BOUND, authorizer__owner=F("link__user")
    )
    rows = Authorizer.objects.filter(pk__in=attempts.values("authorizer"))
    rows = rows.exclude(state=Authorizer.State.UNBOUND)
    return list(rows.order_by("-create_time", "-id")[:MOST_NAMED])


def _read(token: str) -> int:
    """The number of the link, 0 where nobody has made it."""
    try:
        return int(signing.Signer(salt=LINK_SALT).unsign(token))
    except signing.BadSignature:
        return _keep_old(token)


def _keep_old(token: str) -> int:
    """The number of a link that was signed before links were rows: it becomes one."""
    try:
        content = signing.loads(token, salt=OLD_SALT, max_age=LINK_LIFETIME)
    except signing.BadSignature:
        return 0
    pk, appid = content if isinstance(content, list) else (content, "")
    user = User.objects.filter(pk=pk).first()
    if user is None:
        return 0
    made_at = datetime.fromtimestamp(signing.b62_decode(token.split(":")[-2]), UTC)
    row, _is_new = BindLink.objects.get_or_create(
        user=user,
        biz_appid=appid,
        created_at=made_at,
        defaults={
            "auth_type": EITHER if appid else None,
            "password_mark": _mark_of(user),
            "expires_at": made_at + LINK_LIFETIME,
        },
    )
    return row.pk


def _is_of_another(link: BindLink) -> bool:
    """
    Whether the one account that LINK is for belongs to somebody else by now. Nobody's is as good
    as another's where it was to be authorised again.
    """
    others = Authorizer.objects.filter(appid=link.biz_appid or None).exclude(owner=link.user)
    return (others.exclude(owner=None) if link.is_single else others).exists()


def linked_account(link: BindLink) -> Authorizer | None:
    """The account that LINK is for alone, if it is its merchant's already."""
    rows = Authorizer.objects.filter(appid=link.biz_appid or None, owner=link.user)
    return cast(Authorizer | None, rows.first())


def revoke_bind_link(link: BindLink, *, by: Actor) -> None:
    """
    LINK leads nowhere from now on, because BY says so. What is under way with it waits for staff.
    """
    with transaction.atomic():
        rows = BindLink.objects.filter(pk=link.pk, revoked_at=None)
        if rows.update(revoked_at=Now()):
            result = link.user.get_username()
            record_operation("revoke_bind_link", by=by, appid=link.biz_appid, result=result)
