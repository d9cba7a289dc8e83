"""
What happens to an account, as events for other back ends. Each is published in the transaction that
changes the row, after it.
"""

from collections.abc import Mapping
from typing import Any

from miniprograms.models import Authorizer
from platform_auth.platform_events import publish_event

BOUND = "authorizer.bound"
CHANGED = "authorizer.changed"
UNBOUND = "authorizer.unbound"
NEEDS_REAUTHORIZATION = "authorizer.needs_reauthorization"
ALERTED = "account.alerted"

# In these nobody may act for the account; whatever leads out of them is told as bound.
OUT_OF_REACH = (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION)

# What the profile tells that others keep as well; a change of it is an event.
PUBLIC_FIELDS = (
    "user_name",
    "nick_name",
    "principal_name",
    "kind",
    "account_status",
    "verify_type_info",
    "func_info",
)


def account_facts(account: Authorizer) -> dict[str, Any]:
    """What every event says of ACCOUNT."""
    return {
        "appid": account.appid,
        "component_appid": account.component.appid,
        "user_name": account.user_name,
        "nick_name": account.nick_name,
        "kind": account.kind,
    }


def public_values(account: Authorizer) -> dict[str, Any]:
    """What `publish_changes` compares."""
    return {name: getattr(account, name) for name in PUBLIC_FIELDS}


def publish_account_event(event: str, appid: str, **data: Any) -> None:
    """EVENT happened to the account APPID, which is read as it is now; DATA comes on top."""
    account = Authorizer.objects.select_related("component").get(appid=appid)
    facts = account_facts(account) | {"state": account.state}
    publish_event(event, appid=appid, data=facts | data)


def publish_bound(appid: str, *, user_ref: str = "") -> None:
    """
    The account APPID is ours to act for, now or again. USER_REF is what the back end that asked for
    the binding calls it.
    """
    account = Authorizer.objects.select_related("component").get(appid=appid)
    details = {"state": account.state, "auth_time": account.auth_time}
    reference = {"user_ref": user_ref} if user_ref else {}
    data = account_facts(account) | public_values(account) | details | reference
    publish_event(BOUND, appid=appid, data=data)


def publish_changes(account: Authorizer, before: Mapping[str, Any], *also: str) -> None:
    """
    What has changed of ACCOUNT, whose public values were as BEFORE, and ALSO what no column tells;
    nothing where nothing has. An account that is not normal any more is an alert besides.
    """
    now = public_values(account)
    changed = [*also, *(name for name in PUBLIC_FIELDS if now[name] != before[name])]
    if not changed:
        return
    publish_account_event(CHANGED, account.appid, changed=changed, **now)
    is_normal = account.account_status == Authorizer.AccountStatus.NORMAL
    if "account_status" in changed and not is_normal:
        publish_alert(
            account.appid,
            "account_status",
            {
                "account_status": account.account_status,
                "previous_status": before["account_status"],
            },
        )


def publish_alert(appid: str, cause: str, details: Mapping[str, Any]) -> None:
    """
    WeChat has something against APPID, as DETAILS tell. CAUSE is `account_status`, or the kind of
    its push.
    """
    publish_account_event(ALERTED, appid, cause=cause, details=dict(details))
