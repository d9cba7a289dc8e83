"""What staff say about a channel: where it leads, and what it is told of."""

from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from messaging.outbound import Undelivered, check_url
from notices.kinds import KINDS
from notices.models import Channel, NoticeRule
from platform_auth.admin.shown_rows import ShownRowForm
from platform_auth.text_rules import EMAIL_RULES, broken_rules

ADDRESS_HELP = _(
    "An e-mail address; or the whole address that the group shows for its bot, or that of a "
    "program. It is kept encrypted and never shown again."
)
SECRET_HELP = _(
    "Of 钉钉 (加签) and 飞书 (签名校验), if the bot has one. A signed webhook gets its secret "
    "from us."
)


def address_problem(type_: str, address: str) -> str:
    """Why nothing can be sent to ADDRESS, in words; "" if it can. May ask the network for it."""
    if type_ == Channel.Type.EMAIL:
        if broken := broken_rules(address, EMAIL_RULES):
            return " ".join(broken)
        try:
            validate_email(address)
        except ValidationError as problem:
            return str(problem.messages[0])
        return ""
    try:
        check_url(address)
    except Undelivered as problem:
        return str(problem)
    return ""


class ChannelForm(forms.ModelForm[Channel]):
    """PROBLEM is what is wrong with the address: it is looked up before a transaction begins."""

    problem: ClassVar[str] = ""
    new_address = forms.CharField(
        label=_("Address"),
        max_length=500,
        required=False,
        help_text=ADDRESS_HELP,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    new_secret = forms.CharField(
        label=_("Secret of the bot"),
        max_length=200,
        required=False,
        help_text=SECRET_HELP,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )

    class Meta:
        model = Channel
        fields = ("name", "type", "is_on", "language", "quiet_from", "quiet_until")
        help_texts: ClassVar[dict[str, Any]] = {
            "quiet_from": _(
                "Between these times only what is urgent is sent; the rest comes afterwards."
            ),
            "language": _("In which the notices are written."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None and "new_address" in self.fields:
            self.fields["new_address"].label = _("Another address")
            self.fields["new_secret"].label = _("Another secret of the bot")
            for name in ("new_address", "new_secret"):
                self.fields[name].widget.attrs["placeholder"] = _("Leave empty to keep it.")

    def clean_new_address(self) -> str:
        address: str = self.cleaned_data["new_address"].strip()
        if self.problem:
            raise ValidationError(self.problem)
        if not address and self.instance.pk is None:
            raise ValidationError(_("Where is it to be sent?"))
        return address

    def clean(self) -> dict[str, Any] | None:
        begin, end = self.cleaned_data.get("quiet_from"), self.cleaned_data.get("quiet_until")
        if (begin is None) != (end is None):
            raise ValidationError(_("Quiet hours need a beginning and an end."))
        return super().clean()

    def save(self, commit: bool = True) -> Channel:
        channel = self.instance
        if address := self.cleaned_data["new_address"]:
            channel.address = address
        if channel.type == Channel.Type.WEBHOOK:
            if not channel.pk:
                channel.sign_with_new_secret()
        elif secret := self.cleaned_data["new_secret"]:
            channel.secret = secret
        return super().save(commit)


class NoticeRuleForm(ShownRowForm):
    """One line: of these accounts, these kinds."""

    kind = forms.ChoiceField(
        label=_("What about"),
        required=False,
        choices=[("", _("everything")), *((name, kind.label) for name, kind in KINDS.items())],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = NoticeRule
        fields = ("kind", "tag", "least_severity")
        labels: ClassVar[dict[str, Any]] = {"least_severity": _("At least")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(Any, self.fields["tag"]).empty_label = _("all accounts")
