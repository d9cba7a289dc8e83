"""
The merchants' pages about their mini programs: what is online, what is under review, what may be
tried out. Everything is the owner's alone; to others it does not exist.
"""

from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audits.models import CodeVersion, Screenshot
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.downloads import CACHE_LIFE, cached_file, file_response
from platform_auth.errcodes import explain_to_merchant
from platform_auth.leases import release_db_connection
from portal.conditions import condition_of, lacking_needs
from portal.standings import read_standings
from wechat import code
from wechat.errors import WeChatError
from wechat.http import SHOWN_PICTURES, File

MAX_AUDITS_SHOWN = 10
PICTURE_LIFE = 24 * 3600  # seconds


@never_cache
@require_safe
@login_required
def program(request: HttpRequest, appid: str) -> HttpResponse:
    """One mini program: online, under review, on trial, and how its reviews went."""
    row = find_program(request, appid)
    pictures = Prefetch("screenshots", Screenshot.objects.defer("content").order_by("id"))
    audits = list(row.audits.newest_first().prefetch_related(pictures)[:MAX_AUDITS_SHOWN])
    newest = audits[0] if audits else None
    standing = read_standings([row])[row.pk]
    context = {
        "row": row,
        "standing": standing,
        "condition": condition_of(row, standing),
        "newest": newest,
        "older": audits[1:],
        "to_do": explain_to_merchant(newest.errcode) if newest else "",
        "trial": trial_version(row),
        "lacks_code": bool(lacking_needs(row, "code")),
    }
    return render(request, "portal/program.html", context)


@require_safe
@login_required
def trial_code(request: HttpRequest, appid: str) -> HttpResponse:
    """The code that opens the trial version in WeChat; asked for through us, so no token leaks."""
    row = find_program(request, appid)
    version = trial_version(row)
    if version is None:
        raise Http404
    file = cached_file(f"trial-code-{version.pk}", lambda: _fetch_trial_code(row))
    if file is None:
        return HttpResponse(status=HTTPStatus.BAD_GATEWAY, content_type="text/plain")
    return file_response(file.kind, file.content, life=CACHE_LIFE)


@require_safe
@login_required
def screenshot(request: HttpRequest, appid: str, pk: int) -> HttpResponse:
    """A picture WeChat took for a rejection."""
    rows = Screenshot.objects.filter(audit__authorizer=find_program(request, appid))
    picture = get_object_or_404(rows, pk=pk, content_type__in=SHOWN_PICTURES)
    return file_response(picture.content_type, bytes(picture.content), life=PICTURE_LIFE)


def find_program(request: HttpRequest, appid: str) -> Authorizer:
    """The mini program APPID of whoever asks; anybody else's is not found."""
    own = Authorizer.objects.filter(owner_id=request.user.pk, kind=Authorizer.Kind.MINI_PROGRAM)
    row: Authorizer = get_object_or_404(own.select_related("preflight"), appid=appid)
    return row


def trial_version(row: Authorizer) -> CodeVersion | None:
    """What was uploaded last, while WeChat lets us ask for it."""
    if row.state != Authorizer.State.BOUND:
        return None
    uploaded = row.versions.filter(state=CodeVersion.State.COMMITTED).defer("ext_json")
    version: CodeVersion | None = uploaded.order_by("-id").first()
    return version


def _fetch_trial_code(row: Authorizer) -> File | None:
    """wxa/get_qrcode, or nothing where WeChat does not give it."""
    release_db_connection()
    try:
        return call_as(row.appid, code.get_qrcode)
    except WeChatError:
        return None
