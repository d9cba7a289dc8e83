"""Whoever has forgotten their password asks for a link by mail, and sets a new one by it."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from platform_auth.logins.attempts import TooManyAttempts
from platform_auth.logins.password_resets import MOST_MAILS, ask_for_reset, finish_reset
from platform_auth.mail import has_mail_server
from platform_auth.tasks import send_password_links
from platform_auth.wakeup import enqueue


class AddressForm(PasswordResetForm):
    """Django's; a worker sends the mails, so that the answer tells nothing of the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = gettext_lazy("Your e-mail address")

    def save(self, *args: Any, request: Any = None, **kwargs: Any) -> None:
        """Raises TooManyAttempts."""
        ask_for_reset(request, self.cleaned_data["email"])
        enqueue(send_password_links)


@method_decorator(never_cache, name="dispatch")
class ForgottenPassword(PasswordResetView):
    form_class = AddressForm
    template_name = "portal/forgotten.html"
    success_url = reverse_lazy("portal:link-sent")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Without a mail server there is nothing to ask for, and the page says so."""
        return super().post(request, *args, **kwargs) if has_mail_server() else self.get(request)

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except TooManyAttempts as error:
            minutes = -(-error.retry_after // 60)
            sentence = ngettext(
                "You have asked often. Please try again in %(minutes)d minute.",
                "You have asked often. Please try again in %(minutes)d minutes.",
                minutes,
            )
            form.add_error(None, sentence % {"minutes": minutes})
            context = self.get_context_data(form=form)
            response = self.render_to_response(context, status=HTTPStatus.TOO_MANY_REQUESTS)
            response["Retry-After"] = str(error.retry_after)
            return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"has_mail_server": has_mail_server()}


class LinkSent(TemplateView):
    """The same for every address, whether anybody has it or not."""

    template_name = "portal/link_sent.html"
    extra_context = {"most_mails": MOST_MAILS}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Where no mail can be sent, none is on its way."""
        if not has_mail_server():
            return redirect("portal:forgotten-password")
        return super().dispatch(request, *args, **kwargs)


class ResetPassword(PasswordResetConfirmView):
    """
    The link leads here with its token in the query, which goes into the session and out of the
    address. Nobody is logged in by it: whoever needs a code to log in still does.
    """

    template_name = "portal/reset_password.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = request.GET.get("token", self.reset_url_token)
        response: HttpResponseBase = super().dispatch(request, *args, token=token, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.save(commit=False)
        finish_reset(user)
        enqueue(send_password_links)
        logout(self.request)  # and the token goes with the session
        text = _("Your password has been changed. You are logged out everywhere: please log in.")
        messages.success(self.request, text)
        return redirect("admin:login" if user.is_staff else "portal:login")
