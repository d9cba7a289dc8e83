"""What merchants enter: about a binding before it goes to WeChat, and about their testers."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Binding
from platform_auth.models import Component, is_appid
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
        widget=forms.TextInput(
            attrs={"placeholder": "wx…", "autocomplete": "off", "spellcheck": "false"}
        ),
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
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class RemoveTesterForm(forms.Form):
    """Who shall not any more, by WeChat's name for them."""

    userstr = forms.CharField(max_length=128)
