"""The page on which staff call WeChat as an account, in the words of WeChat's documentation."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from miniprograms.models import Authorizer
from miniprograms.services.relaying import relay_call
from platform_auth.admin.acts import button, holding
from platform_auth.admin.call_links import calls_url, may_see_calls
from platform_auth.admin.explained import ExplainedAdmin
from platform_auth.admin.pages import label, pretty
from platform_auth.errcodes import explain_errcode
from platform_auth.forms import capitalise_labels
from platform_auth.logins.proof import require_proof
from platform_auth.text_rules import PATH_RULES, broken_rules
from wechat import lenient
from wechat.bulkhead import take_place
from wechat.errors import NotSent, Unreachable
from wechat.relay import MAX_JSON, Relay, Relayed, is_closed, normal_path, without_tokens

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
MOST_PARAMETERS = 100


class CallForm(forms.Form):
    """A call in WeChat's words; the token is ours to add."""

    method = forms.ChoiceField(
        label=_("method"),
        choices=[("GET", "GET"), ("POST", "POST")],
        widget=UnfoldAdminSelectWidget,
    )
    path = forms.CharField(
        label=_("path"),
        max_length=2000,
        help_text=_("As WeChat documents it, such as /wxa/get_page; its query may follow."),
        widget=UnfoldAdminTextInputWidget(attrs=_PLAIN),
    )
    query = forms.CharField(
        label=_("query"),
        required=False,
        max_length=4000,
        help_text=_("Such as begin=0&count=20; without the token."),
        widget=UnfoldAdminTextInputWidget(attrs=_PLAIN),
    )
    body = forms.CharField(
        label=_("body, in JSON"),
        required=False,
        max_length=MAX_JSON,
        widget=UnfoldAdminTextareaWidget(attrs={**_PLAIN, "rows": 8}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        capitalise_labels(self)

    def clean_path(self) -> str:
        text, _mark, query = str(self.cleaned_data["path"]).partition("?")
        path = normal_path(text.removeprefix("/"))
        if not path and (broken := broken_rules(f"/{text.removeprefix('/')}", PATH_RULES)):
            text = _("It is no path of WeChat's API: %(rules)s.") % {"rules": "; ".join(broken)}
            raise forms.ValidationError(text)
        if not path:
            raise forms.ValidationError(_("It is no path of WeChat's API."))
        if is_closed(path):
            raise forms.ValidationError(_("Paths that give tokens are closed to everybody."))
        self._query = query
        return path

    def clean_query(self) -> list[tuple[str, str]]:
        texts = [getattr(self, "_query", ""), str(self.cleaned_data["query"]).lstrip("?")]
        try:
            pairs = parse_qsl(
                "&".join(filter(None, texts)),
                keep_blank_values=True,
                strict_parsing=any(texts),
                max_num_fields=MOST_PARAMETERS,
            )
        except ValueError:
            raise forms.ValidationError(_("It is no query.")) from None
        return without_tokens(pairs)

    def clean_body(self) -> bytes:
        text = str(self.cleaned_data["body"]).strip()
        if not text:
            return b""
        if self.cleaned_data.get("method") == "GET":
            raise forms.ValidationError(_("A GET has no body."))
        try:
            json.loads(text)
            content = text.encode()
        except json.JSONDecodeError as error:
            facts = {"line": error.lineno, "column": error.colno}
            text = _("It is no JSON: look at line %(line)d, character %(column)d.") % facts
            raise forms.ValidationError(text) from None
        except ValueError:
            raise forms.ValidationError(_("It is no JSON.")) from None
        if len(content) > MAX_JSON:
            raise forms.ValidationError(_("At most 1 MiB."))
        return content


class CallingPages(ExplainedAdmin):
    """Adds the page to the admin of accounts."""

    has_call_wechat_permission = holding("platform_auth.call_wechat")

    @button(_("Call WeChat as this account"), "call_wechat", path="call", icon="terminal")
    def calling_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row: Authorizer = self.visible_or_404(request, object_id)
        form = CallForm(request.POST if request.method == "POST" else None)
        context: dict[str, Any] = {}
        if request.method == "POST":
            require_proof(request)
            if form.is_valid():
                take_place()
                context = self._call(request, row, form.cleaned_data)
        title = _("Call WeChat as this account")
        context |= {"title": title, "row": row, "form": form, "account_tab": "log"}
        if may_see_calls(request):
            context["log"] = calls_url(q=row.appid)
        return self.page(request, "admin/calling.html", **context)

    def _call(
        self, request: HttpRequest, row: Authorizer, fields: dict[str, Any]
    ) -> dict[str, Any]:
        """What the page shows of WeChat's answer, or of there being none."""
        relay = Relay(fields["method"], fields["path"], fields["query"], fields["body"])
        try:
            answer = relay_call(row, relay, by=request.user)
        except self.troubles as problem:
            is_lost = isinstance(problem, Unreachable) and not isinstance(problem, NotSent)
            return {"problem": self.describe_problem(problem), "is_lost": is_lost}
        if answer.rest:
            answer.rest.close()
        rids = f"{self.url_of(row).removesuffix('change/')}calls/?rid={answer.rid}"
        return {
            "answer": answer,
            "path": relay.path,
            "status": _status(answer.status),
            "errcode": label(answer.errcode, "warning" if answer.errcode else "success"),
            "explanation": explain_errcode(answer.errcode) if answer.errcode else "",
            "rid_url": rids if answer.rid else "",
            "content": _readable(answer),
            "size": answer.rest.length if answer.rest else len(answer.content),
        }


def _status(number: int) -> str:
    try:
        return f"{number} {HTTPStatus(number).phrase}"
    except ValueError:
        return str(number)


def _readable(answer: Relayed) -> object:
    """ANSWER as JSON to be read; "" where it is a file, or too long."""
    try:
        return pretty(lenient.loads(answer.content), is_open=True) if answer.content else ""
    except ValueError:
        return ""
