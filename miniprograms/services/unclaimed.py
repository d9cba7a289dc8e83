"""Accounts that wait for staff: whose are they?"""

import logging

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, Binding
from miniprograms.services.profiles import profile_values, sync_profile
from miniprograms.tokens import authorizer_token
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

Status = Binding.Status


class NotUnclaimed(Exception):
    """Somebody has decided on this binding already."""

    def __init__(self) -> None:
        super().__init__(_("This binding has been decided already."))


def record_unclaimed(component: Component, listed: wechat.Listed) -> bool:
    """
    Park an account that authorises COMPONENT and that nobody here asked for. False if it has come
    by another way meanwhile.
    """
    with transaction.atomic():
        Component.objects.select_for_update(no_key=True).get(pk=component.pk)  # one at a time
        waiting = Binding.objects.parked().filter(component=component, appid=listed.appid)
        known = Authorizer.objects.filter(appid=listed.appid)
        if waiting.filter(authorizer=None).exists() or known.exists():
            return False
        Binding.objects.create(
            component=component,
            appid=listed.appid,
            status=Status.PARKED,
            parked_because=Binding.Parked.UNCLAIMED,
            refresh_token=listed.refresh_token,
            auth_time=listed.auth_time,
        )
    return True


def describe(component: Component, appid: str) -> None:
    """Fetch the names of a parked account, so that staff see what they decide on. May fail."""
    release_db_connection()
    try:
        profile, grant = as_component(component, wechat.get_authorizer_info, appid)
    except WeChatError as error:
        logger.warning("the profile of parked %s was not fetched: %s", appid, error)
        return
    values = profile_values(profile, grant)
    names = {name: values[name] for name in ("nick_name", "principal_name")}
    Binding.objects.parked().filter(component=component, appid=appid).update(**names)


def assign_unclaimed(binding: Binding, *, user: User, by: Actor) -> Authorizer:
    """
    Give the parked account of BINDING to USER, because BY says so. The authorizer.

    Raises NotParked. Its token and profile are fetched at once, or later if WeChat fails.
    """
    with transaction.atomic():
        parked = _decide(binding, status=Status.BOUND, user=user)
        authorizer = _hand_over(parked, user)
        Binding.objects.filter(pk=parked.pk).update(authorizer=authorizer, refresh_token="")
        record_operation("assign_binding", by=by, appid=parked.appid, result=user.get_username())
    try:
        authorizer_token(authorizer.appid)
        sync_profile(authorizer)
    except WeChatError as error:
        logger.warning("%s was assigned, but WeChat says: %s", authorizer.appid, error)
    authorizer.refresh_from_db()
    return authorizer


def _decide(binding: Binding, **outcome: object) -> Binding:
    """BINDING as it was parked, now with OUTCOME. Of two who decide at once one gets NotParked."""
    decided = Binding.objects.parked().filter(pk=binding.pk)
    if not decided.update(**outcome, finished_at=Now()):
        raise NotUnclaimed
    parked: Binding = Binding.objects.select_related("component").get(pk=binding.pk)
    return parked


def _hand_over(binding: Binding, user: User) -> Authorizer:
    """The account of BINDING, now USER's; a new row is made from the parked refresh token."""
    authorizer, is_new = Authorizer.objects.get_or_create(
        appid=binding.appid,
        defaults={
            "component": binding.component,
            "owner": user,
            "kind": Authorizer.Kind.MINI_PROGRAM,
            "state": Authorizer.State.NEEDS_RECOVERY,
            "refresh_token": binding.refresh_token,
            "func_info": binding.func_info,
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
    """Leave the parked account of BINDING unclaimed, because BY says so. Raises NotParked."""
    with transaction.atomic():
        parked = _decide(binding, status=Status.REFUSED, refresh_token="")
        record_operation("refuse_binding", by=by, appid=parked.appid)
