"""The pages of the set-up guide: how it stands, new keys, and two acts."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from config.setup_guide.facts import read_facts
from config.setup_guide.new_keys import KEY_KINDS, make_keys
from config.setup_guide.steps import steps_of
from platform_auth import call_log
from platform_auth.acting_component import NoComponent, acting_component
from platform_auth.admin.old_keys import describe_field_keys, describe_message_keys
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.installation import is_real
from platform_auth.logins.proof import require_proof
from platform_auth.models import Component
from platform_auth.setting_up import REACHED, check_callback, confirm_key_backup
from wechat.bulkhead import take_place
from wechat.errors import WeChatError

MAY_SET_UP = "platform_auth.change_component"

View = Callable[[HttpRequest], HttpResponse]


def _for_those_who_may(view: View) -> Any:
    """VIEW within the admin, for whoever may change the platform; others of staff are refused."""
    return admin.site.admin_view(permission_required(MAY_SET_UP, raise_exception=True)(view))


def _page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


@_for_those_who_may
@require_GET
def guide(request: HttpRequest) -> HttpResponse:
    with suppress(DatabaseError, InterfaceError):  # its writer tries again, and says so
        call_log.write()
    facts = read_facts()
    steps = steps_of(facts)
    return _page(
        request,
        "admin/setup/guide.html",
        title=_("Set-up guide"),
        steps=steps,
        changes=_changes_of(facts.component),
        done=sum(step.is_done for step in steps),
        is_real=is_real(),
    )


def _changes_of(component: Component | None) -> list[str]:
    """What is known of keys that are being changed."""
    message_keys = describe_message_keys(component) if component else ""
    return [*filter(None, [message_keys]), *describe_field_keys()]


@_for_those_who_may
def new_keys(request: HttpRequest) -> HttpResponse:
    """POST shows new keys, once: they are kept nowhere, and the next POST makes others."""
    require_proof(request)
    kind = request.POST.get("kind", "")
    made = make_keys(kind) if request.method == "POST" and kind in KEY_KINDS else None
    return _page(
        request, "admin/setup/keys.html", title=_("New keys"), kinds=KEY_KINDS.values(), made=made
    )


@_for_those_who_may
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """Let WeChat look whether it reaches us."""
    take_place()
    try:
        result = check_callback(acting_component(), by=request.user)
    except (NoComponent, Unreadable, WeChatError) as problem:
        messages.error(request, explain_error(problem))
    else:
        level = messages.SUCCESS if result.startswith(REACHED) else messages.WARNING
        messages.add_message(request, level, _("WeChat has looked: see below what it found."))
    return _back("reach")


@_for_those_who_may
@require_POST
def backup(request: HttpRequest) -> HttpResponse:
    """The person says that a copy of the field keys is kept."""
    require_proof(request)
    confirm_key_backup(by=request.user)
    messages.success(request, _("It is in the operation log that a copy of the keys is kept."))
    return _back("backup")


def _back(step: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('setup-guide')}#{step}")
