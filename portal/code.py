"""
The merchants' pages about their mini programs: what is online, what is under review, what may be
tried out. Everything is the owner's alone; to others it does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Prefetch, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audits.models import CodeAudit, CodeVersion, GrayRelease, Release, Screenshot
from audits.services.reasons import is_for_merchant
from miniprograms.account_events import OUT_OF_REACH
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.downloads import CACHE_LIFE, cached_file, file_response
from platform_auth.errcodes import explain_to_merchant
from platform_auth.leases import release_db_connection
from portal.findings import findings_of
from wechat import code
from wechat.errors import WeChatError
from wechat.http import SHOWN_PICTURES, File

MAX_AUDITS_SHOWN = 10
PICTURE_LIFE = 24 * 3600  # seconds


@dataclass(frozen=True)
class CodeStanding:
    """
    What a merchant sees of a mini program: what is ONLINE since when, the last review, and what
    only a part of the users have so far. Where our access IS_ENDED it is what we knew last.
    """

    online: str
    since: datetime | None
    review: CodeAudit | None
    gray: GrayRelease | None = None
    is_ended: bool = False
    online_id: int | None = None  # of the CodeVersion that is online, if we know

    @property
    def is_rejected(self) -> bool:
        """Whether the newest review has ended so."""
        return self.review is not None and self.review.status == CodeAudit.Status.REJECTED

    @property
    def is_merchants_turn(self) -> bool:
        """Whether it was rejected for something that the merchant changes at WeChat."""
        return self.review is not None and self.is_rejected and is_for_merchant(self.review.reason)


def read_standings(rows: Iterable[Authorizer]) -> dict[int, CodeStanding]:
    """
    How the code of ROWS stands, by their ids. The newest act and review of each is one step in an
    index; to number all of them, as a prefetch of the first does, would read every one.
    """
    done = Release.objects.filter(authorizer=OuterRef("pk"), state=Release.State.DONE)
    reviews = CodeAudit.objects.filter(authorizer=OuterRef("pk"))
    steps = GrayRelease.objects.filter(authorizer=OuterRef("pk"), state__in=GrayRelease.PARTLY_LIVE)
    newest = Authorizer.objects.filter(pk__in=[row.pk for row in rows]).values_list(
        "pk",
        Subquery(done.order_by("-id").values("pk")[:1]),
        Subquery(reviews.newest_first().values("pk")[:1]),
        Subquery(steps.values("pk")),
    )
    pks = list(newest)
    acts = Release.objects.select_related("audit").in_bulk([act for _, act, _, _ in pks if act])
    audits = CodeAudit.objects.in_bulk([review for _, _, review, _ in pks if review])
    grays = GrayRelease.objects.select_related("audit").in_bulk([gray for *_, gray in pks if gray])
    ended = {row.pk for row in rows if row.state in OUT_OF_REACH}
    return {
        pk: _standing(acts.get(act), audits.get(review), grays.get(gray), is_ended=pk in ended)
        for pk, act, review, gray in pks
    }


def _standing(
    act: Release | None,
    review: CodeAudit | None,
    gray: GrayRelease | None,
    *,
    is_ended: bool,
) -> CodeStanding:
    version, since, online_id = "", None, None
    if act:
        is_release = act.kind == Release.Kind.RELEASE
        online_id = act.audit.version_id if act.audit and is_release else None
        version = act.live_after or (act.audit.user_version if act.audit else "")
        since = act.at
    elif review and review.released_at:  # before our time: it has no act
        version, since, online_id = review.user_version, review.released_at, review.version_id
    return CodeStanding(version, since, review, gray, is_ended, online_id)


@never_cache
@require_safe
@login_required
def program(request: HttpRequest, appid: str) -> HttpResponse:
    """One mini program: online, under review, on trial, and how its reviews went."""
    row = find_program(request, appid)
    pictures = Prefetch("screenshots", Screenshot.objects.defer("content").order_by("id"))
    audits = list(row.audits.newest_first().prefetch_related(pictures)[:MAX_AUDITS_SHOWN])
    newest = audits[0] if audits else None
    context = {
        "row": row,
        "standing": read_standings([row])[row.pk],
        "newest": newest,
        "older": audits[1:],
        "to_do": explain_to_merchant(newest.errcode) if newest else "",
        "trial": trial_version(row),
        "findings": findings_of(row),
        "lacks_code": lacks_need(row, "code"),
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


def lacks_need(row: Authorizer, *codes: str) -> bool:
    """Whether ROW is bound but does not let us do what one of CODES stands for."""
    is_bound = row.state == Authorizer.State.BOUND
    return is_bound and any(need.code in codes for need in row.lacking_needs)


def _fetch_trial_code(row: Authorizer) -> File | None:
    """wxa/get_qrcode, or nothing where WeChat does not give it."""
    release_db_connection()
    try:
        return call_as(row.appid, code.get_qrcode)
    except WeChatError:
        return None
