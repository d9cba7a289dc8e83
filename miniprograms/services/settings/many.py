"""One value for many mini programs: what a profile would come to for each, and applying it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, Setting, SettingProfile
from miniprograms.services.settings.kinds import BadSetting, Difference, NothingDesired
from miniprograms.services.settings.record import (
    Wish,
    changes_of,
    compare,
    set_all_desired,
)
from miniprograms.services.settings.registry import KINDS
from platform_auth.operations import Actor, record_operation

MAX_PROGRAMS = 2_000  # of one act
CHUNK = 100  # in one transaction
OUT_OF_REACH = (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION)


@dataclass(frozen=True, slots=True)
class SettingPlan:
    """
    What a profile means for one setting of one mini program: what it should be AFTERWARDS, how this
    differs from what was desired and from what WeChat has; or the PROBLEM for which it is left out.
    """

    authorizer: Authorizer
    setting: Setting
    afterwards: Any
    changes: list[Difference]
    at_wechat: list[Difference]
    problem: str = ""

    @property
    def is_seen(self) -> bool:
        return self.setting.at_wechat is not None


def members_of(profile: SettingProfile) -> list[Authorizer]:
    """The mini programs with one of PROFILE's tags."""
    rows = Authorizer.objects.filter(
        kind=Authorizer.Kind.MINI_PROGRAM, tags__in=profile.tags.all()
    ).distinct()
    return list(rows.order_by("id")[: MAX_PROGRAMS + 1])


def plan_profile(
    profile: SettingProfile, authorizers: Sequence[Authorizer], *, adds: bool = False
) -> list[SettingPlan]:
    """What it means for AUTHORIZERS to get PROFILE; where it ADDS, what they have stays."""
    rows = Setting.objects.filter(authorizer__in=authorizers, kind__in=profile.values)
    settings = {(row.authorizer_id, row.kind): row for row in rows}
    return [
        _plan(row, settings.get((row.pk, kind)) or Setting(authorizer=row, kind=kind), value, adds)
        for row in authorizers
        for kind, value in profile.values.items()
        if kind in KINDS
    ]


def _plan(authorizer: Authorizer, setting: Setting, value: Any, adds: bool) -> SettingPlan:
    problem, afterwards = "", value
    try:
        afterwards = _joined(setting, value) if adds else _filled(setting, value)
    except (BadSetting, NothingDesired) as error:
        problem = str(error)
    if authorizer.state in OUT_OF_REACH:
        problem = _("The mini program is not bound to the platform any more.")
    return SettingPlan(
        authorizer,
        setting,
        afterwards,
        changes_of(setting, afterwards),
        compare(setting.kind, afterwards, setting.at_wechat),
        problem,
    )


def _filled(setting: Setting, value: Any) -> Any:
    """VALUE, with what the mini program has where that leaves something open."""
    kind = KINDS[setting.kind]
    if kind.fill is None:
        return value
    present = setting.at_wechat if setting.desired is None else setting.desired
    try:
        return kind.check(kind.fill(value, kind.empty if present is None else present))
    except BadSetting:
        if present is None:
            raise NothingDesired(_("What it has now is not known yet. Look at it first.")) from None
        raise


def _joined(setting: Setting, value: Any) -> Any:
    """VALUE besides what is desired, or else besides what WeChat has, if that is known."""
    kind = KINDS[setting.kind]
    present = setting.at_wechat if setting.desired is None else setting.desired
    if kind.join is None:
        raise BadSetting(_("This can only be replaced."))
    if present is None:
        raise NothingDesired(_("What it has now is not known yet. Look at it first."))
    return kind.check(kind.join(present, value))


def apply_plans(
    plans: Sequence[SettingPlan], *, profile: SettingProfile | None, by: Actor | None
) -> int:
    """
    Each of PLANS without a problem is desired from now on, and due; workers bring them to WeChat.
    How many mini programs these are of. Raises SettingChanged where one is not as it was planned.
    """
    fitting = [plan for plan in plans if not plan.problem]
    wishes = [
        Wish(plan.authorizer, plan.setting.kind, plan.afterwards, plan.setting.version)
        for plan in fitting
    ]
    for start in range(0, len(wishes), CHUNK):
        set_all_desired(wishes[start : start + CHUNK], by=by, applies=True, profile=profile)
    number = len({plan.authorizer.pk for plan in fitting})
    if profile is not None:
        record_operation("apply_profile", by=by, result=f"{profile}: {number}")
    return number
