"""Uploading a template's code to a mini program: wxa/commit, once."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import CodeAudit, CodeTemplate, CodeVersion, PreflightSummary
from audits.problems import CommitIsOpen, SubmissionIsRunning
from audits.services.ext_json import build_ext_json, kept_members
from audits.services.ext_values import keep_first_values
from audits.services.outcomes import (
    ABANDONED_AFTER,
    MAX_CHECKS,
    NOT_DONE,
    close_act,
    earliest_effect,
    mark_unknown,
    refuse_act,
)
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from wechat import code, code_release
from wechat.errors import Unreachable


def commit_template(
    authorizer: Authorizer,
    template: CodeTemplate,
    *,
    user_version: str,
    user_desc: str,
    ext: Mapping[str, Any] | None = None,
    by: Actor | None,
    keeps_first: bool = True,
    within: Callable[[CodeVersion], object] | None = None,
) -> CodeVersion:
    """
    Upload TEMPLATE to AUTHORIZER as USER_VERSION (at most 64 characters), with EXT over the values
    of ext.json that are kept. A mini program without values of its own keeps those of EXT, unless
    they are the same for many (not KEEPS_FIRST).

    The row is written first, and WITHIN its transaction whatever must know of it; if that raises,
    nothing was done. The row's state tells the outcome where WeChat did not: UNKNOWN. Raises
    BadExtJson, CommitIsOpen, SubmissionIsRunning (WeChat would review this version in the place of
    the one submitted), and what WeChat answered.
    """
    ext_json = build_ext_json(authorizer, template, ext)
    try:
        with transaction.atomic():
            lock_authorizer(authorizer)
            if authorizer.audits.filter(status__in=CodeAudit.IN_FLIGHT).exists():
                raise SubmissionIsRunning
            version: CodeVersion = CodeVersion.objects.create(
                authorizer=authorizer,
                template=template,
                user_version=user_version,
                user_desc=user_desc,
                ext_json=ext_json,
                first_values=kept_members(ext or {}) if keeps_first else None,
                state=CodeVersion.State.COMMITTING,
                created_by_id=by.pk if by else None,
                due_at=Now() + ABANDONED_AFTER,
            )
            record_operation("commit", by=by, appid=authorizer.appid, version=user_version)
            if within:
                within(version)
    except IntegrityError:
        raise CommitIsOpen from None
    _call_commit(version)
    version.refresh_from_db()
    return version


def lock_authorizer(authorizer: Authorizer) -> None:
    """
    Until the transaction ends nobody else begins an upload or a submission for AUTHORIZER. Rows
    that name it may still be written: who holds its summary would else wait for us, and we for it.
    """
    Authorizer.objects.select_for_update(no_key=True).only("pk").get(pk=authorizer.pk)


def _call_commit(version: CodeVersion) -> None:
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
    except NOT_DONE as error:
        refuse_act(version, error)
        raise
    except Unreachable as error:
        mark_unknown(version, str(error))
    else:
        _confirm_commit(version)


def _confirm_commit(version: CodeVersion) -> None:
    with transaction.atomic():
        if close_act(version, CodeVersion.State.COMMITTED):
            keep_first_values(version)
            # It was of the code before, and would be read as one of this.
            PreflightSummary.objects.filter(authorizer=version.authorizer_id).delete()


def reconcile_commit(version: CodeVersion) -> None:
    """Ask getversioninfo whether VERSION became the trial version. Raises what WeChat answered."""
    trial, _released = call_as(version.authorizer.appid, code_release.get_version_info)
    since = earliest_effect(version.created_at, _previous_commit_at(version)).timestamp()
    if trial and trial.user_version == version.user_version and trial.at >= since:
        _confirm_commit(version)
    elif version.failures >= MAX_CHECKS:
        error = _("WeChat does not have it: it was never uploaded.")
        refuse_act(version, error)
    else:
        mark_unknown(version, version.last_error)


def _previous_commit_at(version: CodeVersion) -> datetime | None:
    """When the upload before VERSION that may have the same name at WeChat began."""
    same_name = version.authorizer.versions.filter(user_version=version.user_version)
    earlier = same_name.filter(pk__lt=version.pk)
    return earlier.order_by("-id").values_list("created_at", flat=True).first()
