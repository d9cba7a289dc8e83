"""The steps that tell whether WeChat's pushes arrive, and whether it takes our calls."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from config.setup_guide.facts import Facts, RefusedPushes
from config.setup_guide.step import PageLink, Step, StepState
from platform_auth.admin.pages import ago, say
from platform_auth.admin.refusals import DOORS, REASONS, refusals_table
from platform_auth.errcodes import explain_kept
from platform_auth.models import TICKET_LIFE, Component

LATE = timedelta(minutes=30)  # WeChat pushes a ticket every ten


def waiting(name: str, title: str, sentence: str) -> Step:
    """A step that nothing is known of before another is done."""
    return Step(name, title, StepState.WAITING, [sentence])


def ticket_step(facts: Facts) -> Step:
    name, title, component = "ticket", _("Receive a ticket"), facts.component
    if component is None:
        return waiting(name, title, _("It waits for the platform to be registered."))
    links = [PageLink(_("Ask WeChat to push tickets now"), _page_of(component, "ask-for-tickets"))]
    asked = [say(_("WeChat was asked for one %(time)s."), time=ago(component.push_asked_at))]
    asked = asked if component.push_asked_at else []
    at = component.ticket_received_at
    if at is None:
        first = _(
            "No component_verify_ticket has arrived yet. WeChat pushes one every ten minutes once "
            "it has 授权事件接收URL; where it has stopped, it is asked again (start_push_ticket)."
        )
        return Step(name, title, StepState.OPEN, [first, *asked], links=links)
    age = timezone.now() - at
    if age > TICKET_LIFE:
        sentence = _("The last ticket arrived %(time)s. One is good for twelve hours: it is lost.")
    elif age > LATE:
        sentence = _("The last ticket arrived %(time)s, though one comes every ten minutes.")
    else:
        return Step(
            name, title, StepState.DONE, [say(_("The last ticket arrived %(time)s."), time=ago(at))]
        )
    return Step(name, title, StepState.WRONG, [say(sentence, time=ago(at)), *asked], links=links)


def signature_step(facts: Facts) -> Step:
    """Whether what arrives is believed; a stranger's forgeries are no reason to say otherwise."""
    name, title, component = "signature", _("Prove the signature of pushes"), facts.component
    if component is None:
        return waiting(name, title, _("It waits for the platform to be registered."))
    refused = _unanswered_refusals(facts, component)
    if refused:
        sentences = [_describe(row) for row in refused]
        return Step(name, title, StepState.WRONG, sentences, table=refusals_table())
    if component.ticket_received_at is None:
        nothing = _(
            "Nothing has arrived at all, neither believed nor refused: look at the domain, the "
            "certificate and the proxy, and at the address in WeChat's console."
        )
        return Step(name, title, StepState.OPEN, [nothing])
    believed = _("Signature, decryption and appid are right: the last ticket was believed.")
    others = [_describe(row) for row in facts.refusals[:1]]
    more = [_("Others were refused, which may be anybody's:"), *others] if others else []
    return Step(name, title, StepState.DONE, [believed, *more])


def _unanswered_refusals(facts: Facts, component: Component) -> list[RefusedPushes]:
    """Of each door the newest refusal, if nothing has been believed there that makes up for it."""
    now = timezone.now()
    ticket_at, message_at = component.ticket_received_at, facts.seen.message_at
    tickets, messages = facts.refusal_at("component"), facts.refusal_at("message")
    is_fresh = ticket_at is not None and now - ticket_at < LATE
    found = []
    if tickets and not is_fresh and _is_newer(tickets, ticket_at):
        found.append(tickets)
    # Before there is an account nobody but strangers sends messages.
    bound_at = facts.seen.bound_at
    if messages and message_at is None and bound_at and _is_newer(messages, bound_at):
        found.append(messages)
    return found


def _is_newer(row: RefusedPushes, at: datetime | None) -> bool:
    return at is None or row.newest_at > at


def _describe(row: RefusedPushes) -> str:
    return say(
        _("%(door)s refused a request %(time)s (%(count)s in all): %(reason)s"),
        door=DOORS[row.door],
        time=ago(row.newest_at),
        count=row.count,
        reason=REASONS.get(row.reason, row.reason),
    )


def ip_list_step(facts: Facts) -> Step:
    name, title, component = "ip-list", _("Have WeChat take our calls"), facts.component
    if component is None or component.ticket_received_at is None:
        return waiting(
            name, title, _("WeChat is asked for the first time once a ticket has arrived.")
        )
    answered_at = facts.seen.answer_at
    addresses = [
        (address, at)
        for address, at in facts.refused_addresses
        if answered_at is None or at > answered_at
    ]
    if addresses:
        return _refused_step(name, title, addresses)
    if component.last_error:
        return Step(name, title, StepState.WRONG, [explain_kept(component.last_error)])
    if not component.access_token_expires:
        return waiting(name, title, _("WeChat has not been asked yet; the worker does it."))
    sentences = [_("WeChat has taken the last call.")]
    if facts.refused_addresses:
        sentences.append(
            _("It refused these before. Where several servers call WeChat, enter each of them.")
        )
    copies = _copies(facts.refused_addresses)
    return Step(name, title, StepState.DONE, sentences, copies=copies)


def _refused_step(name: str, title: str, addresses: list[tuple[str, datetime]]) -> Step:
    sentence = _(
        "WeChat refuses calls from addresses that are not on the platform's list. Enter these in "
        "管理中心 › 第三方平台 › 详情 › 开发配置 › 白名单IP地址列表, and ask for a new component "
        "token."
    )
    return Step(name, title, StepState.WRONG, [sentence], copies=_copies(addresses))


def _copies(addresses: list[tuple[str, datetime]]) -> list[tuple[str, str]]:
    return [(say(_("refused %(time)s"), time=ago(at)), address) for address, at in addresses]


def _page_of(component: Component, act: str) -> str:
    page = reverse("admin:platform_auth_component_change", args=[component.pk])
    return f"{page.removesuffix('change/')}{act}/"
