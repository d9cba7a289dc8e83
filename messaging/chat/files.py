"""The files of a conversation, asked for through us so that no token leaks."""

import re
from collections.abc import Callable
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from messaging.chat.page import ChatPage, open_page
from messaging.chat.site import ChatSite
from messaging.models import Conversation, Reply
from messaging.services import history
from messaging.services.descriptions import VOICE
from messaging.services.history import Entry
from miniprograms.tokens import call_as
from platform_auth.downloads import cached_file, file_response
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import Push
from wechat import media
from wechat.errors import WeChatError
from wechat.http import File

BROWSER_LIFE = 24 * 3600  # seconds
ENTRY_KEY = re.compile(r"([ur])([0-9]{1,18})", re.ASCII)


@require_GET
def show_file(request: HttpRequest, site: ChatSite, pk: int, key: str) -> HttpResponse:
    """A picture or voice message of the conversation."""
    page = open_page(request, site, pk)
    entry = _get_entry(page.conversation, key)
    description = entry.description
    if not description.media_id:
        raise Http404
    download = media.get_voice if description.form == VOICE else media.get_media
    file = cached_file(
        f"chat-file-{entry.key}", lambda: _fetch(page, download, description.media_id)
    )
    if file is None:
        return HttpResponse(status=HTTPStatus.NOT_FOUND, content_type="text/plain")
    return file_response(file.kind, file.content, life=BROWSER_LIFE, name=file.name)


def _get_entry(conversation: Conversation, key: str) -> Entry:
    """The entry of KEY in CONVERSATION. Raises Http404."""
    match = ENTRY_KEY.fullmatch(key)
    if not match:
        raise Http404
    kind, number = match.groups()
    if kind == "u":
        push: Push = get_object_or_404(history.pushes_of(conversation), pk=number)
        return Entry(push.received_at, push=push)
    reply: Reply = get_object_or_404(history.replies_of(conversation), pk=number)
    return Entry(reply.at, reply=reply)


def _fetch(page: ChatPage, download: Callable[[str, str], File], media_id: str) -> File | None:
    """What WeChat keeps under MEDIA_ID; after three days it does not."""
    release_db_connection()
    try:
        return call_as(page.conversation.authorizer.appid, download, media_id)
    except (WeChatError, Unreadable):
        return None
