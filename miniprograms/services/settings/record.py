"""What mini programs should have: said by people, version by version, and whether WeChat has it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from miniprograms.models import Authorizer, Setting, SettingProfile, SettingVersion
from miniprograms.services.settings.kinds import Difference, NothingDesired, SettingChanged
from miniprograms.services.settings.registry import KINDS
from platform_auth.operations import Actor, record_operation


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


@dataclass(frozen=True, slots=True)
class Wish:
    """
    VALUE is what AUTHORIZER should have of KIND from now on; None: whatever it has is fine. SEEN is
    the version that the person was shown, if they were.
    """

    authorizer: Authorizer
    kind: str
    value: Any
    seen: int | None = None


def set_desired(
    authorizer: Authorizer,
    kind: str,
    value: Any,
    *,
    by: Actor | None,
    applies: bool,
    seen: int | None = None,
) -> Setting:
    """One wish alone; see `set_all_desired`."""
    [setting] = set_all_desired(
        [Wish(authorizer, kind, value, seen)], by=by, applies=applies, profile=None
    )
    setting.refresh_from_db()
    return setting


def set_all_desired(
    wishes: Sequence[Wish],
    *,
    by: Actor | None,
    applies: bool,
    profile: SettingProfile | None,
) -> list[Setting]:
    """
    Keep WISHES, all or none. Where this APPLIES the rows are due, and a worker or `apply_now`
    brings them to WeChat in the name of BY. Raises BadSetting and SettingChanged.
    """
    values = [None if wish.value is None else KINDS[wish.kind].check(wish.value) for wish in wishes]
    with transaction.atomic():
        rows = _lock_rows(wishes)
        settings = [rows[wish.authorizer.pk, wish.kind] for wish in wishes]
        versions = []
        for wish, setting, value in zip(wishes, settings, values, strict=True):
            if wish.seen is not None and wish.seen != setting.version:
                raise SettingChanged
            is_new = value != setting.desired
            if is_new or applies:
                _write_desired(setting, value, is_new=is_new, by=by, applies=applies)
            if is_new:
                versions.append(_record_version(wish, setting, value, by=by, profile=profile))
        SettingVersion.objects.bulk_create(versions)
    return settings


def _lock_rows(wishes: Sequence[Wish]) -> dict[tuple[int, str], Setting]:
    """The rows of WISHES; workers that would change them wait."""
    _make_missing([(wish.authorizer.pk, wish.kind) for wish in wishes])
    rows = Setting.objects.filter(
        authorizer__in=[wish.authorizer.pk for wish in wishes],
        kind__in={wish.kind for wish in wishes},
    )
    locked = rows.select_for_update().order_by("pk")
    return {(row.authorizer_id, row.kind): row for row in locked}


def _make_missing(keys: Sequence[tuple[int, str]]) -> None:
    """Rows for those of KEYS, of mini program and kind, that nobody has asked for so far."""
    rows = Setting.objects.filter(authorizer__in=[pk for pk, _kind in keys])
    saved = set(rows.values_list("authorizer_id", "kind"))
    Setting.objects.bulk_create(
        [Setting(authorizer_id=pk, kind=kind) for pk, kind in keys if (pk, kind) not in saved],
        ignore_conflicts=True,
    )


def _write_desired(
    setting: Setting, value: Any, *, is_new: bool, by: Actor | None, applies: bool
) -> None:
    has_drifted = bool(compare(setting.kind, value, setting.at_wechat))
    is_there = value is not None and setting.at_wechat is not None and not has_drifted
    values = {
        "desired": value,
        "version": setting.version + is_new,
        "has_drifted": has_drifted,
        "state": Setting.State.APPLIED if is_there else Setting.State.UNTOUCHED,
        "due_at": None if value is None else Now(),
        "failures": 0,
        "reason": "",
        "errcode": None,
        "remarks": {},
    }
    if applies and value is not None:
        values |= {"state": Setting.State.WAITING, "apply_by_id": by.pk if by else None}
    if setting.state != Setting.State.APPLYING:
        # Whoever looks at the row just now has looked too early.
        values |= {"epoch": setting.epoch + 1, "lease_until": None}
    Setting.objects.filter(pk=setting.pk).update(**values)
    setting.version += is_new


def _record_version(
    wish: Wish, setting: Setting, value: Any, *, by: Actor | None, profile: SettingProfile | None
) -> SettingVersion:
    """VALUE as a version of SETTING, which is not saved yet."""
    source = f" ({profile})" if profile else ""
    appid, result = wish.authorizer.appid, f"{setting.kind} {setting.version}{source}"
    record_operation("set_setting", by=by, appid=appid, result=result)
    return SettingVersion(
        setting=setting,
        number=setting.version,
        value=value,
        profile=profile,
        by_id=by.pk if by else None,
    )


def adopt_value(setting: Setting, *, by: Actor | None, seen: int | None = None) -> Setting:
    """What WeChat has is what it should be from now on. Nothing is sent."""
    if setting.at_wechat is None:
        raise NothingDesired
    return set_desired(
        setting.authorizer, setting.kind, setting.at_wechat, by=by, applies=False, seen=seen
    )


def request_looks(authorizers: Iterable[Authorizer], kinds: Iterable[str]) -> None:
    """What WeChat has of KINDS is fetched soon, by a worker, for each of AUTHORIZERS."""
    keys = [row.pk for row in authorizers]
    names = [kind for kind in kinds if kind in KINDS]
    _make_missing([(pk, kind) for pk in keys for kind in names])
    soon = Now() - timedelta(seconds=1)
    Setting.objects.filter(authorizer__in=keys, kind__in=names).update(due_at=soon)
