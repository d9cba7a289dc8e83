"""
Who may open a mini program's trial version (体验者): added and removed at WeChat, and what we know
of each. WeChat ids stay out of the operation log, which is for ever.
"""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer, Tester
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, recorded_call
from platform_auth.problems import CannotAct
from wechat import testers as wechat
from wechat.errors import Busy, NotSent, Unreachable


class NotATester(CannotAct):
    """WeChat's list has nobody of that name."""

    code = "not_a_tester"
    text = _("This person is no tester.")


@dataclass(frozen=True, slots=True)
class ListedTester:
    """One of WeChat's list; ADDED where somebody here has added them."""

    userstr: str
    added: Tester | None


def list_testers(authorizer: Authorizer) -> list[ListedTester]:
    """
    WeChat's list, in its order. What we know of testers who are none any more is forgotten. Raises
    what WeChat answered.
    """
    rows = {row.userstr: row for row in known_testers(authorizer)}
    release_db_connection()
    userstrs = call_as(authorizer.appid, wechat.list_testers)
    former = [row.pk for userstr, row in rows.items() if userstr not in userstrs]
    Tester.objects.filter(pk__in=former).delete()
    return [ListedTester(userstr, rows.get(userstr)) for userstr in userstrs]


def known_testers(authorizer: Authorizer) -> list[Tester]:
    """Those whom somebody here has added, the newest first; nobody is asked."""
    return list(authorizer.testers.select_related("added_by").order_by("-pk"))


def find_tester(authorizer: Authorizer, userstr: str) -> Tester | None:
    """What we know of USERSTR, if somebody here has added them."""
    if not userstr.isprintable():  # a database takes no NUL
        return None
    row: Tester | None = authorizer.testers.filter(userstr=userstr).first()
    return row


def add_tester(authorizer: Authorizer, wechatid: str, *, by: Actor) -> Tester:
    """
    bind_tester: let whoever has WECHATID open the trial version. Raises what WeChat answered; after
    Unreachable nobody knows whether they may, and the list tells.
    """
    appid = authorizer.appid
    with recorded_call("add_tester", by=by, appid=appid, result=mask_wechatid(wechatid)):
        userstr = call_as(appid, wechat.bind_tester, wechatid)
    values = {"wechatid": wechatid, "added_by_id": by.pk, "added_at": timezone.now()}
    row, _is_new = Tester.objects.update_or_create(
        authorizer=authorizer, userstr=userstr, defaults=values
    )
    return row


def remove_tester(authorizer: Authorizer, userstr: str, *, by: Actor) -> None:
    """
    unbind_tester: let USERSTR open it no more. Raises NotATester, and what WeChat answered: its
    "busy" may mean either, and an answer that was lost anything, so then its list is looked at.
    """
    appid = authorizer.appid
    if not userstr.isprintable():
        raise NotATester
    row = find_tester(authorizer, userstr)
    name = mask_wechatid(row.wechatid) if row else userstr
    with recorded_call("remove_tester", by=by, appid=appid, result=name):
        try:
            call_as(appid, wechat.unbind_tester, userstr=userstr)
        except NotSent:
            raise
        except (Busy, Unreachable) as error:
            if userstr in call_as(appid, wechat.list_testers):
                raise
            was_none = isinstance(error, Busy)
        else:
            was_none = False
    Tester.objects.filter(authorizer=authorizer, userstr=userstr).delete()
    if was_none:
        raise NotATester


def mask_wechatid(wechatid: str) -> str:
    """WECHATID for the log: whoever knows it recognises it."""
    return f"{wechatid[:2]}…{wechatid[-2:]}" if len(wechatid) > 5 else "…"
