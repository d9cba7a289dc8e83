"""Uploading a template's code to a mini program: wxa/commit, once."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import CodeAudit, CodeTemplate, CodeVersion
from audits.problems import BadExtJson, CommitIsOpen, SubmissionIsRunning
from audits.services.history import earliest
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from wechat import code
from wechat.errors import BackingOff, NotReady, NotSent, Refused, Unreachable

State = CodeVersion.State

LOOK_AGAIN = timedelta(seconds=30)
# A call takes at most 18 s twice: an act that still runs after this was left by a dead process.
ABANDONED = timedelta(minutes=1)
LOOKS = 2  # without a trace at WeChat, before it counts as not done

# Nobody knows yet whether such a submission has reached WeChat.
ON_THE_WAY = (CodeAudit.Status.SUBMITTING, CodeAudit.Status.UNKNOWN)

STANDARD_TEMPLATE = 1
STANDARD_MEMBERS = {"extAppid", "ext", "window"}
MEMBERS = {
    "extEnable",
    "extAppid",
    "directCommit",
    "ext",
    "extPages",
    "pages",
    "subPackages",
    "window",
    "networkTimeout",
    "tabBar",
    "plugins",
    "requiredPrivateInfos",
    "sitemap",
    "customOpen",
    "functionPages",
    "navigateToMiniProgramAppIdList",
}


def build_ext_json(
    authorizer: Authorizer, template: CodeTemplate, values: Mapping[str, Any] | None
) -> str:
    """
    The ext.json for AUTHORIZER: the usual members, and VALUES over them.

    Raises BadExtJson for members that WeChat does not know, or not in a standard template.
    """
    standard = template.template_type == STANDARD_TEMPLATE
    allowed = STANDARD_MEMBERS if standard else MEMBERS
    usual: dict[str, Any] = {"extAppid": authorizer.appid, "ext": {}}
    if not standard:
        usual = {"extEnable": True, **usual}
    members = {**usual, **(values or {}), "extAppid": authorizer.appid}
    if unknown := sorted(members.keys() - allowed):
        raise BadExtJson(_("ext.json has no such members: %s") % ", ".join(unknown))
    if not isinstance(members["ext"], dict):
        raise BadExtJson(_("`ext` in ext.json must be an object."))
    return json.dumps(members, ensure_ascii=False)


def commit(
    authorizer: Authorizer,
    template: CodeTemplate,
    *,
    user_version: str,
    user_desc: str,
    ext: Mapping[str, Any] | None = None,
    by: Actor | None,
    within: Callable[[CodeVersion], object] | None = None,
) -> CodeVersion:
    """
    Upload TEMPLATE to AUTHORIZER as USER_VERSION (at most 64 characters), with EXT for ext.json.

    The row is written first, and WITHIN its transaction whatever must know of it; if that raises,
    nothing was done. The row's state tells the outcome where WeChat did not: UNKNOWN. Raises
    BadExtJson, CommitIsOpen, SubmissionIsRunning (WeChat would review this version in the place of
    the one submitted), and what WeChat answered.
    """
    ext_json = build_ext_json(authorizer, template, ext)
    try:
        with transaction.atomic():
            lock(authorizer)
            if authorizer.audits.filter(status__in=ON_THE_WAY).exists():
                raise SubmissionIsRunning
            version: CodeVersion = CodeVersion.objects.create(
                authorizer=authorizer,
                template=template,
                user_version=user_version,
                user_desc=user_desc,
                ext_json=ext_json,
                state=State.COMMITTING,
                created_by_id=by.pk if by else None,
                due_at=Now() + ABANDONED,
            )
            record_operation("commit", by=by, appid=authorizer.appid, result=user_version)
            if within:
                within(version)
    except IntegrityError:
        raise CommitIsOpen from None
    _send(version)
    version.refresh_from_db()
    return version


def lock(authorizer: Authorizer) -> None:
    """Until the transaction ends nobody else begins an upload or a submission for AUTHORIZER."""
    Authorizer.objects.select_for_update().only("pk").get(pk=authorizer.pk)


def _send(version: CodeVersion) -> None:
    release_db_connection()
    try:
        call_as(
            version.authorizer.appid,
            code.commit,
            template_id=version.template.template_id,
            ext_json=version.ext_json,
            user_version=version.user_version,
            user_desc=version.user_desc,
        )
    except Refused as error:
        end(version, State.REFUSED, str(error), errcode=error.errcode)
        raise
    except (NotSent, NotReady, BackingOff) as error:
        end(version, State.REFUSED, str(error))
        raise
    except Unreachable as error:
        wait(version, str(error))
    else:
        end(version, State.COMMITTED)


def end(version: CodeVersion, state: State, error: str = "", **values: Any) -> None:
    """The outcome of VERSION's upload."""
    open_states = [State.COMMITTING, State.UNKNOWN]
    CodeVersion.objects.filter(pk=version.pk, state__in=open_states).update(
        state=state, last_error=error, due_at=None, lease_until=None, **values
    )


def wait(version: CodeVersion, error: str) -> None:
    """The answer was lost: the code may be there or not. `settle_commit` looks."""
    CodeVersion.objects.filter(pk=version.pk, state__in=[State.COMMITTING, State.UNKNOWN]).update(
        state=State.UNKNOWN,
        last_error=error,
        failures=version.failures + 1,
        due_at=Now() + LOOK_AGAIN,
        lease_until=None,
    )


def reconcile_commit(version: CodeVersion) -> None:
    """Ask getversioninfo whether VERSION became the trial version. Raises what WeChat answered."""
    trial, _released = call_as(version.authorizer.appid, code.get_version_info)
    since = earliest(version.created_at, _committed_before(version)).timestamp()
    if trial and trial.user_version == version.user_version and trial.at >= since:
        end(version, State.COMMITTED)
    elif version.failures >= LOOKS:
        end(version, State.REFUSED, _("WeChat does not have it: it was never uploaded."))
    else:
        wait(version, version.last_error)


def _committed_before(version: CodeVersion) -> datetime | None:
    """When the upload before VERSION that may have the same name at WeChat began."""
    before = CodeVersion.objects.filter(
        authorizer=version.authorizer, user_version=version.user_version, pk__lt=version.pk
    )
    times = before.order_by("-id").values_list("created_at", flat=True)
    return times.first()
