"""The inbox: what WeChat pushed, decoded and redacted, and the button that runs it again."""

import re
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from platform_auth import inbox
from platform_auth.admin.pages import StaffAdmin, ago, label, pretty
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from platform_auth.operations import record
from platform_auth.pushes import work_for
from platform_auth.wechat.errors import Untrusted, WeChatError, scrub
from platform_auth.wechat.push import read

# ComponentVerifyTicket, AuthorizationCode, PreAuthCode, auth_code, and whatever is called alike.
_SECRET = re.compile(r"(?:ticket|token|secret|authorizationcode|auth_?code)\Z", re.IGNORECASE)

_COLOURS = {Push.State.DONE: "success", Push.State.FAILED: "danger", Push.State.IGNORED: ""}


def redact(value: Any, name: str = "") -> Any:
    """VALUE of the field NAME, with *** in place of every credential in it."""
    if _SECRET.search(name):
        return "***"
    if isinstance(value, dict):
        return {key: redact(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item, name) for item in value]
    return scrub(value) if isinstance(value, str) else value


@admin.register(Push)
class PushAdmin(StaffAdmin):
    list_display = ("kind", "appid", "state_label", "sent", "received", "attempts", "error")
    list_display_links = ("kind",)
    list_filter = ("state",)
    ordering = ("-id",)
    search_fields = ("appid", "kind")
    search_help_text = _("An appid, or a kind such as authorized")
    fields = ("kind", "appid", "component", "state_label", "attempts", "error", "created",
              "received_at", "retry_at", "message")  # fmt: skip
    readonly_fields = fields
    actions = ("replay",)
    actions_detail = ("replay_one",)
    troubles = (WeChatError, Unreadable)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("component")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        name = "appid" if term.startswith("wx") else "kind"
        return queryset.filter(**{name: term}), False

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("platform_auth.replay_push")

    @admin.action(description=_("Replay the selected pushes"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        self.tell_each(request, queryset, lambda push: _replay(push, request.user))

    @action(description=_("Replay"), permissions=["replay"], url_path="replay", icon="replay")
    def replay_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda push, form: _replay(push, request.user),
            title=_("Replay"),
            question=_("What this push asks for is done again, now."),
        )

    @admin.display(description=_("state"), ordering="state")
    def state_label(self, push: Push) -> SafeString:
        return label(push.get_state_display(), _COLOURS.get(Push.State(push.state), ""))

    @admin.display(description=_("sent"), ordering="created")
    def sent(self, push: Push) -> SafeString | str:
        return ago(push.created)

    @admin.display(description=_("received"), ordering="id")
    def received(self, push: Push) -> SafeString | str:
        return ago(push.received_at)

    @admin.display(description=_("message"))
    def message(self, push: Push) -> object:
        try:
            return pretty(redact(read(push.body.encode()).fields))
        except Unreadable:
            return _("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
        except Untrusted:
            return _("It is not XML that we understand.")


def _replay(push: Push, by: Any) -> object:
    """Run the handler of PUSH again; a sentence about the outcome."""
    if push.state == Push.State.IGNORED:
        return _("there is nothing to do for such a push.")
    with transaction.atomic():
        inbox.replay(push, work_for)
        push.refresh_from_db()
        record("replay_push", by=by, appid=push.appid, result=f"{push.kind}: {push.state}")
    match push.state:
        case Push.State.DONE:
            return _("done.")
        case Push.State.FAILED:
            return _("it failed again: %(error)s") % {"error": push.error}
        case _other:
            return _("nothing to do: %(why)s") % {"why": push.error}
