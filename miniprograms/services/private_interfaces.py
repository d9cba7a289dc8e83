"""
Interfaces of the front end that WeChat grants one by one (地理位置接口): how they stand, applying
for one, and WeChat's verdict on that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, InterfaceApplication
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation, recorded_call
from platform_auth.problems import CannotAct
from wechat import messages, privacy
from wechat.errors import NotSent, Refused, Unreachable, WeChatError
from wechat.http import read_number
from wechat.messages import PrivacyAudit
from wechat.privacy import PrivateInterface

MAX_CONTENT, MAX_PAGES, MAX_PICTURES, MAX_FILMS = 300, 10, 10, 1
MAX_ADDRESS = 500
MAX_APPLICATIONS = 20  # that are shown of one mini program
SETTLED_AFTER = timedelta(seconds=60)  # an answer on its way is older than this no more

State = InterfaceApplication.State


class BadApplication(CannotAct):
    """WeChat would not take it. PROBLEMS are sentences, by the field that each is about."""

    code = "bad_application"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Material:
    """What shows a reviewer what the interface is for: addresses of pages, pictures and a film."""

    content: str
    url_list: list[str]
    pic_list: list[str]
    video_list: list[str]

    def check(self) -> None:
        """Raise BadApplication for what WeChat would refuse."""
        problems = {
            name: sentence
            for name, sentence in {
                "content": self._problem_of_content(),
                "url_list": _problem_of(self.url_list, MAX_PAGES) or self._problem_of_all(),
                "pic_list": _problem_of(self.pic_list, MAX_PICTURES),
                "video_list": _problem_of(self.video_list, MAX_FILMS) or self._problem_of_film(),
            }.items()
            if sentence
        }
        if problems:
            raise BadApplication(problems)

    def _problem_of_content(self) -> str:
        if self.content.strip() and len(self.content) <= MAX_CONTENT:
            return ""
        return _("WeChat takes a reason of up to %(most)d characters.") % {"most": MAX_CONTENT}

    def _problem_of_all(self) -> str:
        if self.url_list or self.pic_list or self.video_list:
            return ""
        return _("Show the use: WeChat wants a page, a picture or a film.")

    def _problem_of_film(self) -> str:
        is_mp4 = all(urlsplit(film).path.lower().endswith(".mp4") for film in self.video_list)
        return "" if is_mp4 else _("WeChat takes films as mp4 only.")


def _problem_of(addresses: list[str], most: int) -> str:
    if len(addresses) > most:
        return _("WeChat takes at most %(most)d addresses here.") % {"most": most}
    if not all(map(is_address, addresses)):
        return _("These are not all addresses that begin with https:// or http://.")
    return ""


def is_address(text: str) -> bool:
    """Whether WeChat could load TEXT as an address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_web = parts.scheme in ("https", "http") and bool(parts.hostname)
    return is_web and len(text) <= MAX_ADDRESS and text.isprintable() and " " not in text


def list_interfaces(authorizer: Authorizer) -> list[PrivateInterface]:
    """
    The interfaces there are and how each stands by WeChat, and our open applications settled by it.
    Raises what WeChat answered.
    """
    release_db_connection()
    interfaces = call_as(authorizer.appid, privacy.list_privacy_interfaces)
    for row in authorizer.interface_applications.filter(state__in=InterfaceApplication.OPEN):
        for interface in interfaces:
            if interface["api_name"] == row.api_name:
                _settle(row, interface)
    return list(interfaces)


def _settle(row: InterfaceApplication, interface: PrivateInterface) -> None:
    """Take ROW, which is open, to where WeChat has it."""
    audit_id, status, now = interface["audit_id"], interface["status"], timezone.now()
    if not _is_about(row, audit_id):
        if row.audit_id and audit_id:  # WeChat takes another one after a rejection only
            _change(row, State.REJECTED, decided_at=now)
        elif not row.audit_id and row.applied_at < now - SETTLED_AFTER:
            _change(row, State.NOT_TAKEN, reason=_("WeChat does not have it: it never arrived."))
    elif status == privacy.IN_REVIEW and row.state != State.IN_REVIEW:
        _change(row, State.IN_REVIEW, audit_id=audit_id, reason="")
    elif status == privacy.GRANTED:
        _change(row, State.GRANTED, audit_id=audit_id, reason="", decided_at=now)
    elif status == privacy.REFUSED:
        reason = interface["fail_reason"]
        _change(row, State.REJECTED, audit_id=audit_id, reason=reason, decided_at=now)


def _is_about(row: InterfaceApplication, audit_id: int | None) -> bool:
    """Whether WeChat's AUDIT_ID is that of ROW; one whose number was lost has what is new to us."""
    if row.audit_id or audit_id is None:
        return row.audit_id is not None and row.audit_id == audit_id
    others = InterfaceApplication.objects.filter(authorizer=row.authorizer_id, audit_id=audit_id)
    return not others.exists()


def _change(row: InterfaceApplication, state: str, **values: Any) -> bool:
    """Take ROW to STATE by compare-and-set; a verdict is final."""
    rows = InterfaceApplication.objects.filter(pk=row.pk, state__in=InterfaceApplication.OPEN)
    changed = rows.update(state=state, **values)
    row.refresh_from_db()
    return bool(changed)


def applications_of(authorizer: Authorizer) -> list[InterfaceApplication]:
    """The last ones, newest first."""
    rows = authorizer.interface_applications.select_related("applied_by").order_by("-pk")
    return list(rows[:MAX_APPLICATIONS])


def apply_for_interface(
    authorizer: Authorizer, api_name: str, material: Material, *, by: Actor
) -> InterfaceApplication:
    """
    apply_privacy_interface: ask WeChat for API_NAME. The row's state tells the outcome: IN_REVIEW,
    or UNKNOWN where WeChat's answer was lost. Raises BadApplication and what WeChat answered.
    """
    material.check()
    lists = {
        "url_list": material.url_list,
        "pic_list": material.pic_list,
        "video_list": material.video_list,
    }
    row: InterfaceApplication = InterfaceApplication.objects.create(
        authorizer=authorizer,
        api_name=api_name,
        content=material.content,
        material=lists,
        state=State.SENDING,
        applied_by_id=by.pk,
    )
    appid = authorizer.appid
    try:
        with recorded_call("apply_for_interface", by=by, appid=appid, result=api_name):
            audit_id = call_as(
                appid, privacy.apply_privacy_interface, api_name, material.content, **lists
            )
    except Unreachable as error:
        if isinstance(error, NotSent):
            _mark_not_taken(row, error)
            raise
        _change(row, State.UNKNOWN, reason=str(error))
    except WeChatError as error:
        _mark_not_taken(row, error)
        raise
    else:
        _change(row, State.IN_REVIEW, audit_id=audit_id)
    return row


def _mark_not_taken(row: InterfaceApplication, error: WeChatError) -> None:
    errcode = error.errcode if isinstance(error, Refused) else None
    _change(row, State.NOT_TAKEN, reason=str(error), errcode=errcode)


def record_interface_verdict(component: Component, verdict: PrivacyAudit) -> bool:
    """
    wxa_privacy_apply. Whether anything changed: a VERDICT that is known already, or about nobody of
    ours, changes nothing.
    """
    accounts = Authorizer.objects.filter(component=component, user_name=verdict.user_name)
    account, audit_id = accounts.first(), read_number(verdict.audit_id)
    states = {messages.PASSED: State.GRANTED, messages.FAILED: State.REJECTED}
    state = states.get(verdict.status or 0)
    if state is None or account is None or audit_id is None or not verdict.api_name:
        return False
    reason = verdict.reason if state == State.REJECTED else ""
    result = f"{verdict.api_name} {reason}".strip()
    with transaction.atomic():
        row = _find_application(account, verdict.api_name[:64], audit_id)
        values = {"audit_id": audit_id, "reason": reason, "decided_at": timezone.now()}
        if not _change(row, state, **values):
            return False
        record_operation(f"interface_{state}", by=None, appid=account.appid, result=result)
    return True


def _find_application(account: Authorizer, api_name: str, audit_id: int) -> InterfaceApplication:
    """That of the number, or ours whose number was lost, or a new row: applied for elsewhere."""
    rows = InterfaceApplication.objects.filter(authorizer=account, api_name=api_name)
    row = rows.filter(audit_id=audit_id).first()
    if row is None:
        lost = rows.filter(audit_id=None, state__in=InterfaceApplication.OPEN)
        row = lost.order_by("-pk").first()
    if row is None:
        row = rows.create(
            authorizer=account, api_name=api_name, audit_id=audit_id, state=State.IN_REVIEW
        )
    return row
