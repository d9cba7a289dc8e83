"""What staff do with a target by a form: send it an example, or again what it was sent before."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from messaging import tasks
from messaging.models import Target
from messaging.services import targets
from messaging.services.event_types.catalogue import EVENT_TYPES
from platform_auth.admin.acts import button
from platform_auth.admin.pages import StaffAdmin, UncertainOutcome
from platform_auth.operations import Actor
from platform_auth.wakeup import enqueue


class ExampleForm(forms.Form):
    """Which type the target is shown."""

    kind = forms.ChoiceField(
        label=_("kind"),
        choices=[(name, name) for name in EVENT_TYPES],
        widget=UnfoldAdminSelectWidget,
    )


class SinceForm(forms.Form):
    """From when on."""

    since = forms.DateTimeField(
        label=_("since"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text=_("When it was sent first, by the time of this page."),
    )

    def clean_since(self) -> Any:
        since, now = self.cleaned_data["since"], timezone.now()
        if since > now:
            raise ValidationError(_("This time has not come yet."))
        days = settings.PUSH_RETENTION_DAYS
        if since < now - timedelta(days=days):
            raise ValidationError(
                _("Nothing is kept for longer than %(days)d days.") % {"days": days}
            )
        return since


def _resend_since(target: Target, since: Any, by: Actor) -> object:
    resent = targets.resend_since(target, since, by=by)
    enqueue(tasks.forward)
    sentence = _("Sent again: %(number)d.") % {"number": resent.number}
    if resent.next_since is None:
        return sentence
    local = timezone.localtime(resent.next_since)
    return UncertainOutcome(
        f"{sentence} "
        + _("There is more, from %(time)s on: ask again for that.")
        % {"time": f"{local:%Y-%m-%d %H:%M}"}
    )


class TargetActs(StaffAdmin):
    """The buttons of a target that ask with a form."""

    @button(_("Send an example"), "operate", path="example", icon="science")
    def send_example(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(
            request,
            object_id,
            lambda row, form: targets.send_example(row, form.cleaned_data["kind"], by=request.user),
            title=_("Send an example"),
            question=_(
                "An example of this kind is sent to it now, signed like all else, about an account "
                "that does not exist. Its webhook-id begins with example_."
            ),
            form=lambda request, row: ExampleForm(request.POST or None),
        )

    @button(_("Send again since …"), "resend", path="resend-since", icon="history")
    def resend_since(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(
            request,
            object_id,
            lambda row, form: _resend_since(row, form.cleaned_data["since"], request.user),
            title=_("Send again since …"),
            question=_(
                "All that it was sent since then goes to it again, in its order and with the same "
                "webhook-id; up to %(number)d at once."
            )
            % {"number": targets.MAX_RESENT},
            form=lambda request, row: SinceForm(request.POST or None),
        )
