"""Whoever was invited sets their password, by the link that they were given."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from platform_auth.logins.invitations import GOOD_FOR, InvitationTokens, accept_invitation
from platform_auth.views.forgotten import ResetPassword


class AcceptInvitation(ResetPassword):
    """As the page of whoever has forgotten their password, in the language of the invitation."""

    template_name = "portal/invitation.html"
    token_generator = InvitationTokens()
    extra_context = {"days": GOOD_FOR.days}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        language = request.GET.get("language", "")
        if language in dict(settings.LANGUAGES):
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                language,
                max_age=settings.LANGUAGE_COOKIE_AGE,
                path=settings.LANGUAGE_COOKIE_PATH,
                secure=settings.LANGUAGE_COOKIE_SECURE,
                httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
                samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]
            )
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.save(commit=False)
        accept_invitation(user)
        logout(self.request)  # and the token goes with the session
        text = _("Your password is set. Log in with it as %(name)s.") % {"name": user}
        messages.success(self.request, text)
        return redirect("admin:login" if user.is_staff else "portal:login")
