"""
The merchants' pages about their mini programs: what is online, what is under review, what may be
tried out. Everything is the owner's alone; to others it does not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audits.models import CodeAudit, CodeVersion, Release, Screenshot
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.errcodes import explain_to_merchant
from platform_auth.leases import release_db_connection
from wechat import code
from wechat.errors import WeChatError
from wechat.http import PICTURES

LAST = 10  # audits shown
CODE_LIFE, FAILURE_LIFE = 300, 15  # seconds for which a trial version's code is kept, or missed
PICTURE_LIFE = 24 * 3600

_State = Authorizer.State


@dataclass(frozen=True)
class Told:
    """What a merchant is told of a mini program: what is ONLINE since when, and the last review."""

    online: str
    since: datetime | None
    review: CodeAudit | None


def with_code(rows: QuerySet[Authorizer]) -> QuerySet[Authorizer]:
    """ROWS with what `tell` needs, in two queries for all of them."""
    done = Release.objects.filter(state=Release.State.DONE).select_related("audit")
    return rows.prefetch_related(
        Prefetch("releases", done.order_by("-id")[:1], to_attr="last_acts"),
        Prefetch("audits", CodeAudit.objects.newest_first()[:1], to_attr="last_audits"),
    )


def tell(row: Any) -> Told:
    """ROW comes from `with_code`."""
    act: Release | None = next(iter(row.last_acts), None)
    review: CodeAudit | None = next(iter(row.last_audits), None)
    if act:
        version = act.live_after or (act.audit.user_version if act.audit else "")
        return Told(version, act.at, review)
    if review and review.released_at:  # before our time: it has no act
        return Told(review.user_version, review.released_at, review)
    return Told("", None, review)


@never_cache
@require_safe
@login_required
def program(request: HttpRequest, appid: str) -> HttpResponse:
    """One mini program: online, under review, on trial, and how its reviews went."""
    row = _find(request, appid)
    pictures = Prefetch("screenshots", Screenshot.objects.defer("content").order_by("id"))
    audits = list(row.audits.newest_first().prefetch_related(pictures)[:LAST])
    newest = audits[0] if audits else None
    context = {
        "row": row,
        "told": tell(row),
        "newest": newest,
        "older": audits[1:],
        "to_do": explain_to_merchant(newest.errcode) if newest else "",
        "trial": _trial(row),
    }
    return render(request, "portal/program.html", context)


@require_safe
@login_required
def trial_code(request: HttpRequest, appid: str) -> HttpResponse:
    """The code that opens the trial version in WeChat; asked for through us, so no token leaks."""
    row = _find(request, appid)
    version = _trial(row)
    if version is None:
        raise Http404
    kind, content = _kept(f"trial-code-{version.pk}", lambda: _ask_for_code(row))
    if not content:
        return HttpResponse(status=HTTPStatus.BAD_GATEWAY, content_type="text/plain")
    return _picture(kind, content, life=CODE_LIFE)


@require_safe
@login_required
def screenshot(request: HttpRequest, appid: str, pk: int) -> HttpResponse:
    """A picture WeChat took for a rejection."""
    rows = Screenshot.objects.filter(audit__authorizer=_find(request, appid))
    found = get_object_or_404(rows, pk=pk)
    return _picture(found.content_type, bytes(found.content), life=PICTURE_LIFE)


def _find(request: HttpRequest, appid: str) -> Authorizer:
    """The mini program APPID of whoever asks; anybody else's is not found."""
    own = Authorizer.objects.filter(owner_id=request.user.pk, kind=Authorizer.Kind.MINI_PROGRAM)
    row: Authorizer = get_object_or_404(with_code(own), appid=appid)
    return row


def _trial(row: Authorizer) -> CodeVersion | None:
    """What was uploaded last, while WeChat lets us ask for it."""
    if row.state != _State.BOUND:
        return None
    uploaded = row.versions.filter(state=CodeVersion.State.COMMITTED).defer("ext_json")
    version: CodeVersion | None = uploaded.order_by("-id").first()
    return version


def _ask_for_code(row: Authorizer) -> tuple[str, bytes]:
    """wxa/get_qrcode, or nothing where WeChat does not give it."""
    release_db_connection()
    try:
        file = call_as(row.appid, code.get_qrcode)
    except WeChatError:
        return "", b""
    return file.kind, file.content


def _kept(key: str, ask: Callable[[], tuple[str, bytes]]) -> tuple[str, bytes]:
    """What ASK gave a moment ago; a failure is kept too, so that reloading does not repeat it."""
    kept: tuple[str, bytes] | None = cache.get(key)
    if kept is None:
        kept = ask()
        cache.set(key, kept, CODE_LIFE if kept[1] else FAILURE_LIFE)
    return kept


def _picture(kind: str, content: bytes, *, life: int) -> HttpResponse:
    """A picture from outside: of a kind that holds no script, and named as what it is."""
    if kind not in PICTURES:
        raise Http404
    return HttpResponse(
        content,
        content_type=kind,
        headers={
            "Cache-Control": f"private, max-age={life}",
            "Content-Disposition": "inline",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
