"""Whether a push really belongs to the account in its URL, which nobody signed."""

from django.db.models import Q
from django.db.models.functions import Now

from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component
from wechat.errors import Untrusted
from wechat.push import Push

# The accounts that WeChat's 全网发布 test writes from; they authorise for the test alone.
RELEASE_TEST_ACCOUNTS = {
    "wx570bc396a51b8ff8": "gh_3c884a361561",
    "wxd101a85aa106f53e": "gh_8dad206e9538",
    "wx9252c5e0bb1836fc": "gh_c0f28a78b318",
    "wxc39235c15087f6f3": "gh_905ae9d01059",
    "wx8e1097c5bc82cde9": "gh_3f222ed8d140",
    "wx7720d01d4b2a4500": "gh_393666f1fdf4",
    "wx14550af28c71a144": "gh_26128078e9ab",
    "wx05d483572dcd5d8b": "gh_39abb5d4e1b7",
    "wxa35b9c23cfe664eb": "gh_2b3713f184a6",
    "wx5910277cae6fd970": "gh_7818dcb60240",
}


# The account is ours under both its names, and no other account is under this user_name.
def is_release_test(appid: str, user_name: str) -> bool:
    """Whether this is one of the accounts of WeChat's 全网发布 test."""
    return RELEASE_TEST_ACCOUNTS.get(appid) == user_name


def check_address(component: Component, appid: str, push: Push) -> None:
    """
    Raise Untrusted unless PUSH, opened with the keys of COMPONENT, may be for APPID.

    One component's keys seal for all its authorizers, so only the ToUserName inside tells whom a
    push is for. Where we do not know the account's original id yet, its profile becomes due.
    """
    if push.is_component_push:
        raise Untrusted("door")
    user_name = push.get("ToUserName")
    if not user_name:
        check_appid(component, appid)
        return
    if is_release_test(appid, user_name):
        return
    rows = Authorizer.objects.filter(Q(appid=appid) | Q(user_name=user_name), component=component)
    user_names = {row["appid"]: row["user_name"] for row in rows.values("appid", "user_name")}
    if any(other != appid for other in user_names):
        raise Untrusted("address")
    if appid not in user_names:
        check_unclaimed(component, appid)
    elif user_names[appid] not in ("", user_name):
        raise Untrusted("address")
    elif not user_names[appid]:
        Authorizer.objects.filter(appid=appid, profile_due_at=None).update(profile_due_at=Now())


def check_appid(component: Component, appid: str) -> None:
    """
    Raise Untrusted unless APPID is known to COMPONENT: for a push that names nobody, or cannot be
    read.
    """
    if not Authorizer.objects.filter(appid=appid, component=component).exists():
        check_unclaimed(component, appid)


def check_unclaimed(component: Component, appid: str) -> None:
    """Raise Untrusted unless APPID authorises COMPONENT though nobody here has it yet."""
    if not Binding.objects.unclaimed().filter(appid=appid, component=component).exists():
        raise Untrusted("address")
