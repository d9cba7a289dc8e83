"""The addresses below a conversation's page."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache

from messaging.chat import views
from messaging.chat.files import show_file
from messaging.chat.site import ChatSite

ChatView = Callable[..., HttpResponse]


def chat_urlpatterns(
    make_site: Callable[[str], ChatSite], guard: Callable[[ChatView], ChatView], at: str
) -> list[URLPattern]:
    """
    The addresses below a conversation's page AT, their views guarded by GUARD.

    MAKE_SITE gives the site, by the appid in the address, if there is one.
    """
    routes: list[tuple[str, str, ChatView]] = [
        ("news/", "chat-news", never_cache(views.show_news)),
        ("older/", "chat-older", never_cache(views.show_older)),
        ("say/<slug:way>/", "chat-say", views.post_message),
        ("again/<int:reply>/", "chat-again", views.post_resend),
        ("typing/", "chat-typing", views.post_typing),
        ("file/<slug:key>/", "chat-file", show_file),
    ]
    return [
        path(f"{at}{route}", guard(on_site(make_site, view)), name=name)
        for route, name, view in routes
    ]


def on_site(make_site: Callable[[str], ChatSite], view: ChatView) -> ChatView:
    """VIEW of a conversation, opened on the site that MAKE_SITE gives."""

    def wrapped(request: HttpRequest, pk: int, appid: str = "", **kwargs: Any) -> HttpResponse:
        return view(request, make_site(appid), pk, **kwargs)

    return wrapped
