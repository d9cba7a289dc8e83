"""Which version is live where, by our records, and which of two versions is the newer."""

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from audits.models import CodeAudit, CodeVersion, Release
from audits.services.ext_json import live_version
from miniprograms.models import Authorizer

_VERSION = re.compile(r"^[^0-9]*([0-9]+(?:\.[0-9]+)*)(.*)$", re.DOTALL)
_PIECE = re.compile(r"[0-9]+|[^0-9]+")

VersionKey = tuple[tuple[int, ...], int, tuple[tuple[int, Any], ...]]


def version_key(version: str) -> VersionKey | None:
    """
    What VERSION is sorted by: 2.10 is newer than v2.9, 2.0 the same as 2.0.0, 2.0.0-beta older.

    None where there is no number in it, so that nothing can be said.
    """
    match = _VERSION.match(version.strip())
    if match is None:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    suffix = match[2].partition("+")[0].strip()
    pieces = tuple(
        (0, int(piece)) if piece[0] in "0123456789" else (1, piece)
        for piece in _PIECE.findall(suffix)
    )
    return tuple(numbers), 0 if suffix.startswith("-") else 1, pieces


def is_below(version: str, than: str) -> bool:
    """Whether VERSION is older than THAN; of what cannot be compared it is not."""
    key, limit = version_key(version), version_key(than)
    return key is not None and limit is not None and key < limit


def with_live_version(programs: Any) -> Any:
    """
    PROGRAMS, each with the version that is `live`: None where none ever was, "" where one is that
    we do not know, as after a roll-back whose outcome could not be read.
    """
    done = Release.objects.filter(authorizer=OuterRef("pk"), state=Release.State.DONE)
    name = Case(
        When(~Q(live_after=""), then=F("live_after")),
        When(audit__isnull=False, then=F("audit__user_version")),
        default=Value(""),
    )
    by_act = done.order_by("-id").annotate(live_name=name).values("live_name")[:1]
    # Released before our time: there is no act of ours.
    audits = CodeAudit.objects.filter(authorizer=OuterRef("pk")).exclude(released_at=None)
    by_audit = audits.order_by("-id").values("user_version")[:1]
    return programs.annotate(live=Coalesce(Subquery(by_act), Subquery(by_audit)))


def choose_by_live(programs: Any, *, below: str = "", never: bool = False) -> Any:
    """Those of PROGRAMS that have a version live which is older than BELOW; or NEVER had any."""
    programs = with_live_version(programs)
    condition = Q(live=None) if never else Q(pk__in=[])
    if below:
        versions = programs.order_by().values_list("live", flat=True).distinct()
        older = [version for version in versions if version and is_below(version, below)]
        condition |= Q(live__in=older)
    return programs.filter(condition)


def live_code_versions(programs: Iterable[Authorizer]) -> dict[int, CodeVersion | None]:
    """
    As `live_version` of each of PROGRAMS, by their keys, in few queries: of a roll-back, which is
    rare, one by one.
    """
    programs = list(programs)
    done = Release.objects.filter(authorizer=OuterRef("pk"), state=Release.State.DONE)
    uploaded = CodeVersion.objects.filter(
        authorizer=OuterRef("pk"), state=CodeVersion.State.COMMITTED
    )
    rows = Authorizer.objects.filter(pk__in=[program.pk for program in programs]).values_list(
        "pk",
        Subquery(done.exclude(live_after="").order_by("-id").values("pk")[:1]),
        Subquery(uploaded.order_by("-id").values("pk")[:1]),
    )
    newest = {pk: (act, upload) for pk, act, upload in rows}
    acts = Release.objects.select_related("audit__version").in_bulk(
        [act for act, _upload in newest.values() if act]
    )
    uploads = CodeVersion.objects.in_bulk(
        [upload for act, upload in newest.values() if upload and not act]
    )
    versions: dict[int, CodeVersion | None] = {}
    for program in programs:
        act_pk, upload = newest[program.pk]
        act = acts.get(act_pk)
        if act is None:
            versions[program.pk] = uploads.get(upload)
        elif act.kind == Release.Kind.RELEASE and act.audit:
            versions[program.pk] = act.audit.version
        else:
            versions[program.pk] = live_version(program)
    return versions
