"""The merchants' page of notices: what they are told of, by e-mail or by the bot of a group."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from messaging.outbound import Undelivered
from notices.kinds import MERCHANT_DEFAULTS
from notices.models import Channel, Message
from notices.services import own_channels, sending
from notices.services.own_channels import Choice, TooManyChannels
from notices.tasks import send_notices
from platform_auth.fields import Unreadable
from platform_auth.logins.languages import language_of
from platform_auth.wakeup import enqueue
from portal.forms import ChannelForm, NewBotForm
from wechat.bulkhead import take_place


@never_cache
@require_safe
@login_required
def notices_page(request: HttpRequest) -> HttpResponseBase:
    """All channels of the merchant, a form for each, and one for a new one."""
    return _show(request, NewBotForm())


@require_POST
@login_required
def add_bot_view(request: HttpRequest) -> HttpResponseBase:
    """The bot of a group is told as well."""
    form = NewBotForm(request.POST)
    if not form.is_valid():
        return _show(request, form)
    values = form.cleaned_data
    try:
        own_channels.add_bot(
            _person(request),
            type_=values["type"],
            name=values["name"],
            address=values["address"],
            secret=values["secret"],
        )
    except TooManyChannels as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("Added. Try it now with its test button."))
    return redirect("portal:notices")


@require_POST
@login_required
def save_email_view(request: HttpRequest) -> HttpResponseBase:
    """What is sent to the address of the merchant's login."""
    form = ChannelForm(request.POST, prefix="email")
    if not form.is_valid():
        return _show(request, NewBotForm(), {"email": form})
    if own_channels.save_email_choice(_person(request), _choice(form)):
        messages.success(request, _("Saved."))
    return redirect("portal:notices")


@require_POST
@login_required
def save_channel_view(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What a bot is told of."""
    channel = _own(request, pk)
    form = ChannelForm(request.POST, prefix=str(pk))
    if not form.is_valid():
        return _show(request, NewBotForm(), {str(pk): form})
    own_channels.save_choice(channel, _choice(form), by=_person(request))
    messages.success(request, _("Saved."))
    return redirect("portal:notices")


@require_POST
@login_required
def test_channel_view(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Something arrives there now, or the page says why not."""
    channel = _own(request, pk)
    take_place()
    try:
        messages.success(request, sending.send_test(channel, by=request.user))
    except (Undelivered, Unreadable) as problem:
        messages.error(request, str(problem))
    return redirect("portal:notices")


@require_POST
@login_required
def remove_bot_view(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A bot is told nothing any more. The e-mail channel stays, to be switched off."""
    channel = _own(request, pk)
    if channel.type != Channel.Type.EMAIL:
        own_channels.remove_bot(channel, by=_person(request))
        messages.success(request, _("Removed."))
    return redirect("portal:notices")


@require_POST
@login_required
def resend_view(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What was given up is sent again."""
    number = sending.resend_messages(_own(request, pk).messages.all(), by=request.user)
    enqueue(send_notices)
    messages.success(request, _("Sent again: %(number)d.") % {"number": number})
    return redirect("portal:notices")


def _person(request: HttpRequest) -> User:
    """The merchant, who is logged in."""
    return cast(User, request.user)


def _own(request: HttpRequest, pk: int) -> Channel:
    channel: Channel = get_object_or_404(Channel, pk=pk, owner=request.user.pk)
    return channel


def _choice(form: ChannelForm) -> Choice:
    return Choice(**form.cleaned_data)


def _show(
    request: HttpRequest, new_bot: NewBotForm, filled: dict[str, ChannelForm] | None = None
) -> HttpResponseBase:
    """The page; FILLED are forms that were not right, by their prefix."""
    filled = filled or {}
    rows = Channel.objects.filter(owner=request.user.pk).prefetch_related("rules").order_by("pk")
    by_type = {row.type: row for row in rows}
    email = by_type.get(Channel.Type.EMAIL)
    bots = [row for row in rows if row.type != Channel.Type.EMAIL]
    context = {
        "address": _person(request).email,
        "email": _describe(email, filled.get("email"), language_of(request.user)),
        "bots": [_describe(row, filled.get(str(row.pk)), row.language) for row in bots],
        "new_bot": new_bot,
        "may_add": len(rows) < own_channels.MAX_CHANNELS,
    }
    return render(request, "portal/notices.html", context)


def _describe(channel: Channel | None, form: ChannelForm | None, language: str) -> dict[str, Any]:
    """A channel for the page; None is the one by e-mail before anything was chosen, in LANGUAGE."""
    if channel is None:
        default = {"is_on": True, "kinds": MERCHANT_DEFAULTS, "language": language}
        return {"row": None, "form": form or ChannelForm(initial=default, prefix="email")}
    initial = {
        "is_on": channel.is_on,
        "kinds": [rule.kind for rule in channel.rules.all()],
        "language": channel.language,
        "quiet_from": channel.quiet_from,
        "quiet_until": channel.quiet_until,
    }
    prefix = "email" if channel.type == Channel.Type.EMAIL else str(channel.pk)
    return {
        "row": channel,
        "form": form or ChannelForm(initial=initial, prefix=prefix),
        "newest": own_channels.newest_messages(channel),
        "given_up": channel.messages.filter(state=Message.State.DEAD).exists(),
    }
