"""
Which of our third-party platforms acts: the one that is chosen, else the one that the settings
name, else the only one there is. Never just the oldest: what a merchant authorises, they authorise
for good.
"""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from platform_auth.models import Component
from platform_auth.problems import CannotAct


class NoComponent(CannotAct):
    """No third-party platform is registered here that could act."""

    code = "no_component"
    text = _("No platform is registered yet.")


class NamedComponentMissing(NoComponent):
    """The settings name a platform that is not registered here."""

    text = _("The platform that WECHAT_COMPONENT_APPID names is not registered.")


class SeveralComponents(NoComponent):
    """Several are registered, the settings name none of them, and nobody has chosen."""

    code = "several_components"
    text = _("Several platforms are registered: say which.")


class UnknownComponent(NoComponent):
    """What was chosen is not registered here."""

    code = "unknown_component"
    text = _("There is no such platform.")


def acting_component(chosen: str = "") -> Component:
    """
    The component of the appid CHOSEN, or where that is "" the one that acts for new bindings, with
    the database's time as `now`. Raises NoComponent, by what is missing.
    """
    return pick(registered_components(), chosen)


def registered_components() -> list[Component]:
    return list(Component.objects.with_clock().order_by("appid"))


def pick(registered: list[Component], chosen: str = "") -> Component:
    """Which of REGISTERED acts, as `acting_component` says. Raises NoComponent."""
    named = settings.WECHAT_COMPONENT_APPID
    if appid := chosen or named:
        row = next((row for row in registered if row.appid == appid), None)
        if row is not None:
            return row
        raise UnknownComponent if chosen else NamedComponentMissing
    if not registered:
        raise NoComponent
    if len(registered) > 1:
        raise SeveralComponents
    return registered[0]


def components_for_merchants() -> tuple[list[Component], str]:
    """
    What merchants may choose from for a new binding: the one that acts if nobody chooses, and
    those that staff offer. With the appid of the former, "" where there is none.
    """
    registered = registered_components()
    try:
        usual = pick(registered).appid
    except NoComponent:
        usual = ""
    return [row for row in registered if row.appid == usual or row.is_offered], usual


def describe_disagreement() -> str:
    """A sentence about settings and database that do not fit each other; "" where they do."""
    appids = list(Component.objects.order_by("appid").values_list("appid", flat=True))
    named = settings.WECHAT_COMPONENT_APPID
    if named and named not in appids:
        others = f"; registered is {', '.join(appids)}" if appids else ""
        return (
            f"WECHAT_COMPONENT_APPID names {named}, which is not registered{others}: nobody can "
            "bind. Run manage.py register_component, or correct the setting."
        )
    if not named and len(appids) > 1:
        return (
            f"{len(appids)} components are registered ({', '.join(appids)}) and "
            "WECHAT_COMPONENT_APPID names none of them: it is not known which acts for new "
            "bindings, so they must be chosen each time."
        )
    return ""
