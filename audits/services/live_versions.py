"""Which version is live where, by our records."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery

from audits.models import CodeVersion, Release
from audits.services.ext_json import live_version
from audits.services.summaries import order_key
from miniprograms.models import Authorizer


def choose_by_live(programs: Any, *, below: str = "", never: bool = False) -> Any:
    """
    Those of PROGRAMS that have a version live which is older than BELOW; or NEVER had any, by our
    records. Where nobody knows, as after a roll-back that could not be read, it is neither.
    """
    condition = Q(pk__in=[])
    if never:
        done = Release.objects.filter(authorizer=OuterRef("pk"), state=Release.State.DONE)
        has_none = Q(code_summary=None) | Q(code_summary__live_version="")
        condition |= has_none & Q(~Exists(done))
    if below:
        condition |= Q(code_summary__live_key__gt="", code_summary__live_key__lt=order_key(below))
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
