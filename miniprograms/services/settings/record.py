"""What mini programs should have: said by people, version by version, and whether WeChat has it."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from miniprograms.models import Authorizer, Setting, SettingProfile, SettingVersion
from miniprograms.services.settings.kinds import Difference, NothingDesired, SettingChanged
from miniprograms.services.settings.registry import KINDS
from platform_auth.operations import Actor, record_operation

TRIES = 3  # to write, while a worker changes the row


def setting_of(authorizer: Authorizer, kind: str) -> Setting:
    """The row of KIND; one that is not saved yet where nobody has asked for it so far."""
    row: Setting | None = Setting.objects.filter(authorizer=authorizer, kind=kind).first()
    return row or Setting(authorizer=authorizer, kind=kind)


def saved_setting_of(authorizer: Authorizer, kind: str) -> Setting:
    row, _is_new = Setting.objects.get_or_create(authorizer=authorizer, kind=kind)
    return row


def drifted_authorizers() -> QuerySet[Any, Any]:
    """
    The keys of all mini programs that have something else at WeChat than they should have, for
    `filter(pk__in=…)`.
    """
    return Setting.objects.drifted().values("authorizer")


def differences_of(setting: Setting) -> list[Difference]:
    """How WeChat's value, as it was seen last, differs from what it should be."""
    return compare(setting.kind, setting.desired, setting.at_wechat)


def compare(kind: str, desired: Any, at_wechat: Any) -> list[Difference]:
    """None at all where one of the two is not known."""
    if desired is None or at_wechat is None:
        return []
    return KINDS[kind].compare(desired, at_wechat)


def changes_of(setting: Setting, value: Any) -> list[Difference]:
    """How VALUE differs from what SETTING should be by now."""
    kind = KINDS[setting.kind]
    before = kind.empty if setting.desired is None else setting.desired
    return kind.compare(value, before)


def set_desired(
    authorizer: Authorizer,
    kind: str,
    value: Any,
    *,
    by: Actor | None,
    applies: bool,
    seen: int | None = None,
    profile: SettingProfile | None = None,
) -> Setting:
    """
    VALUE is what AUTHORIZER should have of KIND from now on; None: whatever it has is fine. Where
    it APPLIES the row is due, and a worker or `apply_now` brings it to WeChat in the name of BY.

    SEEN is the version that the person was shown. Raises BadSetting and SettingChanged.
    """
    kept = None if value is None else KINDS[kind].check(value)
    for _attempt in range(TRIES):
        setting = saved_setting_of(authorizer, kind)
        if seen is not None and seen != setting.version:
            raise SettingChanged
        try:
            with transaction.atomic():
                if _write_desired(setting, kept, by=by, applies=applies, profile=profile):
                    setting.refresh_from_db()
                    return setting
        except IntegrityError:
            break
    raise SettingChanged


def _write_desired(
    setting: Setting,
    value: Any,
    *,
    by: Actor | None,
    applies: bool,
    profile: SettingProfile | None,
) -> bool:
    """Whether it is written: not where somebody has changed the row meanwhile."""
    is_new = value != setting.desired
    if not is_new and not applies:
        return True
    values = _values_to_write(setting, value, is_new=is_new)
    if applies:
        values |= {
            "state": Setting.State.WAITING,
            "due_at": Now(),
            "apply_by_id": by.pk if by else None,
        }
    if setting.state != Setting.State.APPLYING:
        # Whoever looks at the row just now has looked too early.
        values |= {"epoch": F("epoch") + 1, "lease_until": None}
    rows = Setting.objects.filter(pk=setting.pk, version=setting.version, epoch=setting.epoch)
    if not rows.update(**values):
        return False
    if is_new:
        number = setting.version + 1
        SettingVersion.objects.create(
            setting=setting,
            number=number,
            value=value,
            profile=profile,
            by_id=by.pk if by else None,
        )
        source = f" ({profile})" if profile else ""
        record_operation(
            "set_setting",
            by=by,
            appid=setting.authorizer.appid,
            result=f"{setting.kind} {number}{source}",
        )
    return True


def _values_to_write(setting: Setting, value: Any, *, is_new: bool) -> dict[str, Any]:
    has_drifted = bool(compare(setting.kind, value, setting.at_wechat))
    is_there = value is not None and setting.at_wechat is not None and not has_drifted
    return {
        "desired": value,
        "version": F("version") + int(is_new),
        "has_drifted": has_drifted,
        "state": Setting.State.APPLIED if is_there else Setting.State.UNTOUCHED,
        "due_at": None if value is None else Now(),
        "failures": 0,
        "reason": "",
        "errcode": None,
        "remarks": {},
    }


def adopt_value(setting: Setting, *, by: Actor | None, seen: int | None = None) -> Setting:
    """What WeChat has is what it should be from now on. Nothing is sent."""
    if setting.at_wechat is None:
        raise NothingDesired
    return set_desired(
        setting.authorizer, setting.kind, setting.at_wechat, by=by, applies=False, seen=seen
    )


def request_look(authorizer: Authorizer, kind: str) -> Setting:
    """WeChat's value is fetched soon, by a worker."""
    setting = saved_setting_of(authorizer, kind)
    Setting.objects.filter(pk=setting.pk).update(due_at=Now() - timedelta(seconds=1))
    return setting
