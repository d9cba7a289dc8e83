"""The second factor: asked for at a login, and set up or removed by its person."""

from typing import Any

import segno
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, View
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from platform_auth.logins import second_factor
from platform_auth.logins.passwords import is_password
from platform_auth.logins.pending import forget_pending, pending_user
from platform_auth.logins.proof import require_proof
from platform_auth.logins.sessions import end_other_sessions, note_proof
from platform_auth.views.doors import enter, safe_next

_CODE = {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("One-time code"),
        help_text=gettext_lazy("Six digits from the app on your phone, or a recovery code."),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs=_CODE),
    )


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "current-password", "autofocus": True}
        ),
    )


@method_decorator(never_cache, name="dispatch")
class LoginCode(FormView):  # type: ignore[type-arg]
    """The second step of a login: the password was right, and nobody is logged in yet."""

    template_name = "portal/login_code.html"
    form_class = CodeForm
    login = "portal:login"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.user = pending_user(request)
        if self.user is None:
            return redirect(self.login)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        assert self.user is not None  # noqa: S101 -- as dispatch has made sure
        factor = second_factor.verify_code(self.user, form.cleaned_data["code"])
        if factor is None:
            text = _("This code is wrong, or was used. After several wrong codes wait a moment.")
            form.add_error("code", text)
            return self.form_invalid(form)
        target = forget_pending(self.request)
        return enter(self.request, self.user, redirect(target), factor)


class StaffLoginCode(LoginCode):
    template_name = "admin/login_code.html"
    login = "admin:login"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        frame = admin.site.each_context(self.request)
        own = super().get_context_data(**kwargs)
        return {**frame, **own, "title": gettext_lazy("Log in")}


@method_decorator(never_cache, name="dispatch")
class TwoSteps(View):
    """Where a member of staff sets the second factor up, and removes it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._render(request, CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        require_proof(request)
        if request.POST.get("remove"):
            second_factor.remove_factor(request.user, by=request.user)
            messages.success(request, _("You log in with your password alone again."))
            return redirect("two-steps")
        form = CodeForm(request.POST)
        codes = []
        if form.is_valid():
            codes = second_factor.confirm_setup(request, form.cleaned_data["code"])
            if not codes:
                form.add_error("code", _("This code is wrong. Is the time on your phone right?"))
        if codes:
            end_other_sessions(request.user, request.session.session_key or "")
            note_proof(request)
            return self._page(request, codes=codes)
        return self._render(request, form)

    def _render(self, request: HttpRequest, form: CodeForm) -> HttpResponse:
        """What is so now; the key is shown to nobody who has not just proven who they are."""
        if second_factor.factor_of(request.user):
            return self._page(request, is_on=True)
        require_proof(request)
        factor = second_factor.begin_setup(request.user)
        picture = segno.make(second_factor.setup_url(factor), error="m").svg_data_uri(border=2)
        key = second_factor.readable_key(factor)
        return self._page(request, form=form, picture=picture, key=key)

    def _page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        frame = admin.site.each_context(request)
        title = gettext_lazy("Two-step login")
        return render(request, "admin/two_steps.html", {**frame, "title": title, **context})


@method_decorator(never_cache, name="dispatch")
class Proof(View):
    """Asks who is there, before a grave act."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._render(request, self._form(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request)
        if not form.is_valid() or not self._is_right(request, form):
            return self._render(request, form)
        note_proof(request)
        return redirect(safe_next(request, reverse("admin:index")))

    def _form(self, request: HttpRequest) -> forms.Form:
        kind = CodeForm if second_factor.factor_of(request.user) else PasswordForm
        return kind(request.POST if request.method == "POST" else None)

    def _is_right(self, request: HttpRequest, form: forms.Form) -> bool:
        if "code" in form.fields:
            is_right = bool(second_factor.verify_code(request.user, form.cleaned_data["code"]))
        else:
            is_right = is_password(request, request.user, form.cleaned_data["password"])
        if not is_right:
            form.add_error(None, _("That is not right."))
        return is_right

    def _render(self, request: HttpRequest, form: forms.Form) -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": gettext_lazy("Confirm that it is you"),
            "question": _("Before this act we ask you once more. Afterwards you come back."),
            "form": form,
            "back": reverse("admin:index"),
        }
        return render(request, "admin/ask.html", context)
