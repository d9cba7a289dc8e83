"""Who we are to WeChat: registering a component, and changing its secrets without showing them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from platform_auth import tokens
from platform_auth.events import log_event
from platform_auth.fields import Unreadable, read_or_empty, seal, secret_fields
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import SYSTEM, Actor, record_operation, recorded_call
from platform_auth.text_rules import is_aes_key, is_app_secret, is_appid, is_message_token
from platform_auth.unreadable import demand_readable
from wechat import component as wechat
from wechat.errors import NotReady

VALIDATORS: dict[str, Callable[[str], None]] = {
    "appid": is_appid,
    "app_secret": is_app_secret,
    "message_token": is_message_token,
    "aes_key": is_aes_key,
}
# WeChat goes on using the old one for a while after a change in its console.
KEPT_AS_PREVIOUS = ("message_token", "aes_key")


def register_component(
    *,
    appid: str,
    secret: str,
    token: str,
    aes_key: str,
    name: str = "",
    is_offered: bool = False,
    replaces_unreadable: bool = False,
    by: Actor | None = None,
) -> Component:
    """
    Make or update the component APPID; BY is None for the system. Doing it twice changes nothing.
    Whether merchants may choose it (IS OFFERED) is only for a new one.

    A secret that cannot be read is kept, and nothing changed, unless it REPLACES UNREADABLE ones.

    Raises ValidationError, by field name, without the values, and Unreadable.
    """
    secrets = {"app_secret": secret, "message_token": token, "aes_key": aes_key}
    check_values({"appid": appid, **secrets})
    component: Component
    with transaction.atomic():
        component, is_new = Component.objects.select_for_update().get_or_create(
            appid=appid,
            defaults={
                **secrets,
                "name": name,
                "is_offered": is_offered,
                "due_at": timezone.now(),
            },
        )
        if is_new:
            record_operation("register_component", by=by, appid=appid)
        else:
            plain = {"name": name or component.name}
            if replaces_unreadable:
                _give_up_unreadable(component, by)
            _write_changes(component, secrets, plain, by)
    return component


def change_component(
    component: Component,
    *,
    name: str,
    is_offered: bool | None = None,
    secret: str = "",
    token: str = "",
    aes_key: str = "",
    by: Actor | None,
) -> list[str]:
    """
    Give COMPONENT a NAME and those secrets that are not "", and unless it is None say whether
    merchants may choose it (IS OFFERED); the names of what is now different.

    Raises ValidationError, by field name, without the values, and Unreadable where a new secret
    would take the place of one that cannot be read.
    """
    fields = {"app_secret": secret, "message_token": token, "aes_key": aes_key}
    secrets = {field: value for field, value in fields.items() if value}
    check_values(secrets)
    with transaction.atomic():
        row = Component.objects.select_for_update().get(pk=component.pk)
        offered = row.is_offered if is_offered is None else is_offered
        changed = _write_changes(row, secrets, {"name": name, "is_offered": offered}, by)
    component.refresh_from_db()
    return changed


def drop_previous_keys(component: Component, *, by: Actor | None) -> None:
    """Believe pushes by the present message token and EncodingAESKey alone from now on."""
    with transaction.atomic():
        Component.objects.filter(pk=component.pk).update(
            previous_message_token="",
            previous_aes_key="",
            previous_key_uses=0,
            previous_key_used_at=None,
            updated_at=Now(),
        )
        record_operation("drop_previous_keys", by=by, appid=component.appid)


def check_values(values: Mapping[str, str]) -> None:
    """Raise ValidationError for those of VALUES, by field name, that cannot be right."""
    problems = {}
    for field, value in values.items():
        try:
            VALIDATORS[field](value)
        except ValidationError as error:
            problems[field] = error.messages
    if problems:
        # Anew, since Django's own error carries the value.
        raise ValidationError(problems)


def request_tickets(component: Component, *, by: Actor | None) -> str:
    """Ask WeChat to push tickets now, however late they are; what it says. Raises WeChatError."""
    with recorded_call("start_push_ticket", by=by, appid=component.appid):
        Component.objects.filter(pk=component.pk).update(push_asked_at=Now())
        release_db_connection()
        return wechat.start_push_ticket(component.appid, component.app_secret)


def refresh_component_token(component: Component, *, by: Actor | None) -> None:
    """Get a new component token now, whatever the old one's age. Raises WeChatError."""
    with recorded_call("refresh_component_token", by=by, appid=component.appid):
        Component.objects.filter(pk=component.pk).update(due_at=Now(), failures=0)
        tokens.component_token(component)
        component.refresh_from_db()
        if component.last_error:  # the old token is still good, so nobody was told
            raise NotReady(component.last_error)


def demand_replaceable(component: Component, secrets: Iterable[str]) -> None:
    """Raise Unreadable if new SECRETS, by field name, would take the place of unreadable ones."""
    names = list(secrets)
    previous = [f"previous_{name}" for name in names if name in KEPT_AS_PREVIOUS]
    try:
        demand_readable(component, [*names, *previous])
    except Unreadable as problem:
        only_lost = _(
            "Only where it is lost for good: manage.py register_component --replace-unreadable."
        )
        raise Unreadable(f"{problem} {only_lost}") from None


def _give_up_unreadable(component: Component, by: Actor | None) -> None:
    """Empty the secrets of COMPONENT that cannot be read; tickets and tokens come from WeChat."""
    held = [field.name for field in secret_fields(Component) if component.__dict__[field.name]]
    lost = [name for name in held if not read_or_empty(component, name)]
    if not lost:
        return
    values: dict[str, Any] = dict.fromkeys(lost, "")
    if "access_token" in lost:
        values["access_token_expires"] = 0
    Component.objects.filter(pk=component.pk).update(**values, due_at=Now(), updated_at=Now())
    record_operation("give_up_secrets", by=by, appid=component.appid, result=", ".join(lost))
    component.refresh_from_db()


def _write_changes(
    component: Component, secrets: Mapping[str, str], plain: Mapping[str, Any], by: Actor | None
) -> list[str]:
    """Write what differs, and who changed which fields, in the caller's transaction."""
    demand_replaceable(component, secrets)
    fresh = {field: value for field, value in secrets.items() if getattr(component, field) != value}
    moved = {
        f"previous_{field}": getattr(component, field)
        for field in KEPT_AS_PREVIOUS
        if field in fresh
    }
    values: dict[str, Any] = {**seal(Component, component.appid, **fresh, **moved)}
    if moved:
        values |= {"previous_key_uses": 0, "previous_key_used_at": None, "keys_changed_at": Now()}
    if "app_secret" in fresh:
        values |= {"due_at": Now(), "failures": 0, "last_error": ""}
    different = {name: value for name, value in plain.items() if getattr(component, name) != value}
    values |= different
    changed = [*fresh, *different]
    if changed:
        Component.objects.filter(pk=component.pk).update(**values, updated_at=Now())
        record_operation(
            "change_component", by=by, appid=component.appid, result=", ".join(changed)
        )
        person = by.get_username() if by else SYSTEM
        log_event("change_component", "done", user=person, fields=changed)
    return changed
