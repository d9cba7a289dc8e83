"""
What merchants enter: about a binding before it goes to WeChat, about their testers, and about what
they are told of.
"""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from messaging.outbound import Undelivered, check_url
from miniprograms.models import Binding
from notices.kinds import KINDS, MERCHANT_KINDS
from notices.models import Channel
from platform_auth.models import Component
from platform_auth.text_rules import is_appid
from wechat.component import EITHER, MINI_PROGRAM, OFFICIAL_ACCOUNT

Platforms = tuple[Sequence[Component], str]
NO_CHOICE: Platforms = ((), "")


class BindForm(forms.Form):
    """Which account, and where its owner will confirm. Every field may be left out."""

    auth_type = forms.TypedChoiceField(
        label=_("What would you like to bind?"),
        choices=[
            (EITHER, _("Either; I choose at WeChat")),
            (MINI_PROGRAM, _("Mini program")),
            (OFFICIAL_ACCOUNT, _("Official account")),
        ],
        coerce=int,
        initial=EITHER,
        required=False,
        widget=forms.RadioSelect,
    )
    device = forms.ChoiceField(
        label=_("Where will its administrator confirm?"),
        choices=[
            (Binding.Device.COMPUTER, _("On this computer, by scanning WeChat's code")),
            (Binding.Device.PHONE, _("On a phone, by opening a link in WeChat")),
        ],
        initial=Binding.Device.COMPUTER,
        required=False,
        widget=forms.RadioSelect,
    )
    biz_appid = forms.CharField(
        label=_("Only this AppID (optional)"),
        help_text=_("It begins with wx. You find it in the account's settings at WeChat."),
        max_length=32,
        required=False,
        validators=[is_appid],
        widget=forms.TextInput(attrs={"placeholder": "wx…", "spellcheck": "false"}),
    )

    component = forms.ChoiceField(
        label=_("Which platform shall manage it?"), required=False, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, platforms: Platforms = NO_CHOICE, **kwargs: Any) -> None:
        """PLATFORMS may be chosen from; the one named beside them acts where nobody chooses."""
        super().__init__(*args, **kwargs)
        rows, usual = platforms
        if rows and [row.appid for row in rows] != [usual]:
            field = cast(forms.ChoiceField, self.fields["component"])
            field.choices = [(row.appid, str(row)) for row in rows]
            field.initial, field.required = usual, not usual
        else:
            del self.fields["component"]

    def clean_auth_type(self) -> int:
        """Left out, it is either kind."""
        return int(self.cleaned_data["auth_type"] or EITHER)

    def clean_device(self) -> str:
        """Left out, it is the computer."""
        return str(self.cleaned_data["device"] or Binding.Device.COMPUTER)


class TesterForm(forms.Form):
    """Who shall be able to try the mini program out."""

    wechatid = forms.CharField(
        label=_("WeChat ID"),
        help_text=_("微信号, as WeChat shows it under “me”; not the nickname."),
        max_length=64,
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )


class RemoveTesterForm(forms.Form):
    """Who shall not any more, by WeChat's name for them."""

    userstr = forms.CharField(max_length=128)


class ChannelForm(forms.Form):
    """What a merchant is told of by one channel, and when."""

    is_on = forms.BooleanField(label=_("Send notices here"), required=False)
    kinds = forms.MultipleChoiceField(
        label=_("What about"),
        required=False,
        choices=[(kind, capfirst(KINDS[kind].label)) for kind in MERCHANT_KINDS],
        widget=forms.CheckboxSelectMultiple,
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    quiet_from = forms.TimeField(
        label=_("Quiet from"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    quiet_until = forms.TimeField(
        label=_("Quiet until"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        help_text=_("In between only what is urgent is sent; the rest comes afterwards."),
    )

    def clean(self) -> dict[str, Any] | None:
        begin, end = self.cleaned_data.get("quiet_from"), self.cleaned_data.get("quiet_until")
        if (begin is None) != (end is None):
            self.add_error("quiet_until", _("Quiet hours need a beginning and an end."))
        return super().clean()


class NewBotForm(forms.Form):
    """The bot of a group, by the address that the group shows for it."""

    type = forms.ChoiceField(
        label=_("Where is the group?"),
        choices=[(Channel.Type(bot).value, Channel.Type(bot).label) for bot in Channel.BOTS],
        widget=forms.RadioSelect,
    )
    name = forms.CharField(label=_("What do you call it?"), max_length=100)
    address = forms.CharField(
        label=_("Address of the bot"),
        help_text=_("The whole address, as the group shows it. It is not shown here again."),
        max_length=500,
        widget=forms.TextInput(
            attrs={"placeholder": "https://…", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    secret = forms.CharField(
        label=_("Secret (if the bot has one)"),
        help_text=_("钉钉 calls it 加签, 飞书 签名校验."),
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        try:
            check_url(address)
        except Undelivered as problem:
            raise ValidationError(str(problem)) from None
        return address
