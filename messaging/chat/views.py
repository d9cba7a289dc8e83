"""The views of a conversation, each given the site it is opened on."""

from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST, require_safe

from messaging.chat.page import ChatPage, entry_state, open_page, page_state
from messaging.chat.site import ChatSite
from messaging.forms import explain_bad_content, forms_for
from messaging.models import Conversation
from messaging.services import customer_service, history
from miniprograms.tokens import call_as
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.forms import is_of_our_time
from platform_auth.leases import release_db_connection
from wechat import media
from wechat.bulkhead import Crowded, take_place, takes_place
from wechat.errors import WeChatError
from wechat.http import File
from wechat.replies import BadContent


@require_safe
def open_chat(request: HttpRequest, site: ChatSite, pk: int) -> HttpResponse:
    """The page of one conversation. To open it is to have read it."""
    return show_chat(request, site, pk)


def show_chat(request: HttpRequest, site: ChatSite, pk: int, **more: Any) -> HttpResponse:
    """That page, with what the site wants MORE of it."""
    page = open_page(request, site, pk)
    _mark_read(page)
    entries, has_older = history.read_page(page.conversation)
    window, others = page.render_window(), page.render_others()
    name = site.user_name(page.conversation)
    return site.page(
        request,
        title=name,
        conversation=page.conversation,
        name=name,
        window=window,
        others=others,
        entries=[page.render_entry(entry) for entry in entries],
        older=page.older_url(entries) if has_older else "",
        seen=page_state(entries, window, others),
        composer=page.composer(),
        news=page.url("chat-news"),
        typing=page.url("chat-typing"),
        account=page.parameter("account"),
        show=page.parameter("show"),
        choice=page.query(),
        **more,
    )


def _mark_read(page: ChatPage) -> None:
    """Whoever may answer has seen it, unless they look elsewhere."""
    if page.may_answer and page.conversation.unread and not page.parameter("away"):
        Conversation.objects.filter(pk=page.conversation.pk).update(unread=0)
        page.conversation.unread = 0


@require_GET
def show_news(request: HttpRequest, site: ChatSite, pk: int) -> HttpResponse:
    """What has come since, and what has changed; 204 if nothing has."""
    page = open_page(request, site, pk)
    _mark_read(page)
    return _render_news(page)


def _render_news(page: ChatPage, problem: str | None = None) -> HttpResponse:
    """What the page does not show yet; after an act with its PROBLEM, "" if there is none."""
    frame, *parts = page.parameter("seen").split() or [""]
    shown = dict(part.partition(":")[::2] for part in parts)
    entries, _has_older = history.read_page(page.conversation)
    window, others = page.render_window(), page.render_others()
    state = page_state(entries, window, others)
    if problem is None and state.split() == [frame, *parts]:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    fresh, changed = [], []
    for entry in entries:
        if entry.key not in shown:
            fresh.append(page.render_entry(entry))
        elif shown[entry.key] != entry_state(entry):
            changed.append(page.render_entry(entry, is_change=True))
    if frame == state.split()[0]:
        window = others = ""
    pieces = {"fresh": fresh, "changed": changed, "window": window, "others": others}
    return HttpResponse(page.render("news", seen=state, problem=problem, **pieces))


@require_GET
def show_older(request: HttpRequest, site: ChatSite, pk: int) -> HttpResponse:
    """The entries before a time, in place of the button that asked for them."""
    page = open_page(request, site, pk)
    before = _parse_time(request.GET.get("before", ""))
    entries, has_older = history.read_page(page.conversation, before=before)
    url = page.older_url(entries) if has_older else ""
    rendered = [page.render_entry(entry) for entry in entries]
    return HttpResponse(page.render("older", older=url, entries=rendered))


def _parse_time(text: str) -> datetime:
    with suppress(ValueError):
        time = parse_datetime(text)
        if time is not None and time.tzinfo is not None and is_of_our_time(time):
            return time
    raise Http404


@require_POST
@takes_place
def post_message(request: HttpRequest, site: ChatSite, pk: int, way: str) -> HttpResponse:
    page = open_page(request, site, pk, answering=True)
    kind = page.conversation.authorizer.kind
    form_class = forms_for(kind).get(way)
    if form_class is None:
        raise Http404
    form = form_class(kind, request.POST, request.FILES)
    if not form.is_valid():
        return _respond(page, _join_errors(form))
    try:
        content = form.content(lambda file: _upload(page, file))
    except BadContent as problem:
        return _respond(page, explain_bad_content(problem))
    except (WeChatError, Unreadable) as problem:
        return _respond(page, explain_error(problem))
    customer_service.send_message(page.conversation, content, by=request.user)
    return _respond(page)


def _join_errors(form: Form) -> str:
    labels = {name: f"{field.label}: " for name, field in form.fields.items()}
    return " ".join(
        labels.get(name, "") + " ".join(map(str, problems))
        for name, problems in form.errors.items()
    )


def _upload(page: ChatPage, file: File) -> str:
    release_db_connection()
    appid = page.conversation.authorizer.appid
    return call_as(appid, media.upload_media, media.IMAGE, file)


def _respond(page: ChatPage, problem: str = "") -> HttpResponse:
    """After an act: the news, or for a browser without JavaScript the page."""
    if not cast(Any, page.request).htmx:
        return HttpResponseRedirect(page.url("chat") + page.query())
    response = _render_news(page.reload(), problem)
    if not problem:
        response["HX-Trigger"] = "chat-said"
    return response


@require_POST
@takes_place
def post_resend(request: HttpRequest, site: ChatSite, pk: int, reply: int) -> HttpResponse:
    """Send once more what was not sent, or perhaps not."""
    page = open_page(request, site, pk, answering=True)
    rows = page.conversation.replies.select_related("conversation__authorizer")
    customer_service.resend_message(get_object_or_404(rows, pk=reply), by=request.user)
    return _respond(page)


@require_POST
def post_typing(request: HttpRequest, site: ChatSite, pk: int) -> HttpResponse:
    """Let the user see that somebody writes, if WeChat is so kind."""
    page = open_page(request, site, pk, answering=True)
    if page.conversation.is_open:
        with suppress(WeChatError, Unreadable, Crowded):
            take_place()
            customer_service.show_typing(page.conversation)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
