"""Accounts that wait for staff: whose are they?"""

import logging

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from miniprograms.account_events import publish_bound
from miniprograms.models import Authorizer, Binding
from miniprograms.permissions import lacking_codes
from miniprograms.services.profiles import guess_kind, profile_values, sync_profile
from miniprograms.tokens import authorizer_token
from platform_auth.domain_events import DomainEvent, publish
from platform_auth.due_pushes import make_due
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)


class NotUnclaimed(Exception):
    """Somebody has decided on this binding already."""

    def __init__(self) -> None:
        super().__init__(_("This binding has been decided already."))


def record_unclaimed(component: Component, listed: wechat.Listed) -> bool:
    """
    Show staff an account that authorises COMPONENT and that nobody here asked for. False if it
    has come by another way meanwhile.
    """
    with transaction.atomic():
        Component.objects.select_for_update(no_key=True).get(pk=component.pk)  # one at a time
        waiting = Binding.objects.unclaimed().filter(
            component=component, appid=listed.appid, authorizer=None
        )
        if waiting.exists() or Authorizer.objects.filter(appid=listed.appid).exists():
            return False
        binding = Binding.objects.create(
            component=component,
            appid=listed.appid,
            status=Binding.Status.UNCLAIMED,
            parked_because=Binding.UnclaimedReason.NOBODY_ASKED,
            refresh_token=listed.refresh_token,
            auth_time=listed.auth_time,
        )
        publish_unclaimed(binding)
    return True


def publish_unclaimed(binding: Binding) -> None:
    facts = {"binding": binding.pk, "reason": str(binding.parked_because)}
    publish(DomainEvent("binding.unclaimed", binding.appid, facts=facts))


def fetch_names(component: Component, appid: str) -> None:
    """Fetch the names of an unclaimed account, so that staff see what they decide on. May fail."""
    release_db_connection()
    try:
        profile, grant = as_component(component, wechat.get_authorizer_info, appid)
    except WeChatError as error:
        logger.warning("the profile of unclaimed %s was not fetched: %s", appid, error)
        return
    values = profile_values(profile, grant)
    names = {name: values[name] for name in ("nick_name", "principal_name")}
    Binding.objects.unclaimed().filter(component=component, appid=appid).update(**names)


def assign_unclaimed(binding: Binding, *, user: User, by: Actor) -> Authorizer:
    """
    Give the unclaimed account of BINDING to USER, because BY says so. The authorizer.

    Raises NotUnclaimed. Its token and profile are fetched at once, or later if WeChat fails.
    """
    with transaction.atomic():
        decided = _decide(binding, status=Binding.Status.BOUND, user=user)
        authorizer = _hand_over(decided, user)
        make_due(decided.component, decided.appid)
        Binding.objects.filter(pk=decided.pk).update(authorizer=authorizer, refresh_token="")
        lacks = authorizer.lacks.strip()
        result = f"{user.get_username()}: {lacks}" if lacks else user.get_username()
        record_operation("assign_binding", by=by, appid=decided.appid, result=result)
        publish_bound(decided.appid, user_ref=decided.user_ref)
    try:
        authorizer_token(authorizer.appid)
        sync_profile(authorizer)
    except WeChatError as error:
        logger.warning("%s was assigned, but WeChat says: %s", authorizer.appid, error)
    authorizer.refresh_from_db()
    return authorizer


def _decide(binding: Binding, **outcome: object) -> Binding:
    """BINDING, now with OUTCOME. Of two who decide at once one gets NotUnclaimed."""
    rows = Binding.objects.unclaimed().filter(pk=binding.pk)
    if not rows.update(**outcome, finished_at=Now()):
        raise NotUnclaimed
    decided: Binding = Binding.objects.select_related("component").get(pk=binding.pk)
    return decided


def _hand_over(binding: Binding, user: User) -> Authorizer:
    """The account of BINDING, now USER's; a new row is made from the refresh token kept with it."""
    kind = guess_kind(binding.func_info, binding.auth_type)
    authorizer, is_new = Authorizer.objects.get_or_create(
        appid=binding.appid,
        defaults={
            "component": binding.component,
            "owner": user,
            "kind": kind,
            "state": Authorizer.State.NEEDS_RECOVERY,
            "refresh_token": binding.refresh_token,
            "func_info": binding.func_info,
            "lacks": lacking_codes(kind, binding.func_info),
            "auth_time": binding.auth_time,
            "create_time": binding.started_at,
            "due_at": binding.started_at,
            "profile_due_at": binding.started_at,
        },
    )
    if not is_new:
        Authorizer.objects.filter(pk=authorizer.pk).update(owner=user, updated_at=Now())
    return authorizer


def refuse_unclaimed(binding: Binding, *, by: Actor) -> None:
    """Leave the account of BINDING unclaimed, because BY says so. Raises NotUnclaimed."""
    with transaction.atomic():
        decided = _decide(binding, status=Binding.Status.REFUSED, refresh_token="")
        record_operation("refuse_binding", by=by, appid=decided.appid)
