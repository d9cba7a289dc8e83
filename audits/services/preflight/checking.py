"""Asking for all conditions of a submission, and keeping in short what came of it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models import CodeTemplate, CodeVersion, PreflightSummary
from audits.problems import BadExtJson, BadSubmission, Check, Who
from audits.services.ext_json import build_ext_json
from audits.services.preflight import account_checks, code_checks, submission_checks
from audits.services.preflight.subject import Subject, unknown, wrong
from audits.services.submission_profiles import Composed, Fields, compose_submission
from audits.services.wechat_answers import Answers
from miniprograms.models import Authorizer
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from wechat.errors import Refused, WeChatError
from wechat.explanations import find_explanation

# In the order in which they are shown: the code of the check, what it is called, and the function.
CHECKS: list[tuple[str, Any, Callable[[Subject], Check]]] = [
    ("open_audit", _("nothing in review"), submission_checks.check_open_audit),
    ("account", _("the account"), account_checks.check_account),
    ("basics", _("name, avatar, introduction"), account_checks.check_basics),
    ("category", _("category"), account_checks.check_category),
    ("certificate", _("certificates of the categories"), account_checks.check_certificate),
    ("verified", _("verification"), account_checks.check_verification),
    ("filed", _("ICP filing"), account_checks.check_filing),
    ("uploaded", _("code"), code_checks.check_upload),
    ("scanned", _("WeChat's check of the code"), code_checks.check_scan),
    ("private_interfaces", _("private interfaces"), code_checks.check_private_interfaces),
    ("required_private_infos", _("requiredPrivateInfos"), code_checks.check_required_infos),
    ("privacy_guide", _("privacy guide"), code_checks.check_privacy_guide),
    ("domains", _("server domains"), code_checks.check_domains),
    ("opened_programs", _("mini programs it opens"), code_checks.check_opened_programs),
    ("items", _("pages for the reviewer"), submission_checks.check_items),
    ("item_categories", _("their categories"), submission_checks.check_item_categories),
    ("pages", _("paths of pages"), submission_checks.check_pages),
    ("texts", _("texts"), submission_checks.check_texts),
    ("media", _("preview pictures and films"), submission_checks.check_media),
    ("ugc", _("what users publish"), submission_checks.check_ugc),
    ("quota", _("quota"), submission_checks.check_quota),
]
TITLES = {code: title for code, title, _check in CHECKS} | {"ext_json": _("ext.json")}


@dataclass(frozen=True, slots=True)
class Preflight:
    """What came of all CHECKS of one submission."""

    checks: list[Check]
    checked_at: datetime

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way; what is not known does not."""
        return not self.failing

    @property
    def failing(self) -> list[Check]:
        return [check for check in self.checks if check.ok is False]


def preflight_of(
    authorizer: Authorizer,
    *,
    template: CodeTemplate | None = None,
    ext: Mapping[str, Any] | None = None,
    fields: Fields | None = None,
) -> Preflight:
    """
    What would stand in the way of a submission for AUTHORIZER, with FIELDS over the profiles: of
    the version that was uploaded last, or of TEMPLATE with EXT, which is still to be uploaded. It
    asks WeChat about ten things, less what it has asked within five minutes; do not call it in a
    transaction.
    """
    answers = Answers(authorizer)
    version = newest_upload(authorizer) if template is None else None
    problems = []
    try:
        composed = compose_submission(authorizer, version, template, fields, answers)
    except BadSubmission as problem:
        composed = Composed({})
        problems.append(wrong("media", str(problem), "staff"))
    if template is None:
        subject = subject_of(authorizer, version, composed, answers)
    else:
        try:
            text = build_ext_json(authorizer, template, ext)
        except BadExtJson as problem:
            text = "{}"
            problems.append(wrong("ext_json", str(problem), "staff"))
        values = json.loads(text)
        subject = Subject(authorizer, None, values, composed, answers, is_to_be_uploaded=True)
    return inspect(subject, problems)


def newest_upload(authorizer: Authorizer) -> CodeVersion | None:
    """The version that was uploaded last, if WeChat took any."""
    uploaded = authorizer.versions.filter(state=CodeVersion.State.COMMITTED)
    version: CodeVersion | None = uploaded.select_related("template").order_by("-id").first()
    return version


def subject_of(
    authorizer: Authorizer, version: CodeVersion | None, composed: Composed, answers: Answers
) -> Subject:
    """What a preflight of the uploaded VERSION is about."""
    answers.version = version.pk if version else 0
    ext = json.loads(version.ext_json) if version else {}
    return Subject(authorizer, version, ext, composed, answers)


def inspect(subject: Subject, problems: Sequence[Check] = ()) -> Preflight:
    """
    All checks of SUBJECT after the PROBLEMS that it has; in short they are kept, where they are
    about code that is there.
    """
    checks = [_run(code, check, subject) for code, _title, check in CHECKS]
    result = Preflight([*problems, *checks], timezone.now())
    if not subject.is_to_be_uploaded:
        _keep_summary(subject.authorizer, result)
    return result


def _run(code: str, check: Callable[[Subject], Check], subject: Subject) -> Check:
    """What comes of CHECK; nobody is held back by what was true some minutes ago."""
    result = _try(code, check, subject)
    if result.ok is False and subject.answers.forget_cached():
        return _try(code, check, subject)
    return result


def _try(code: str, check: Callable[[Subject], Check], subject: Subject) -> Check:
    try:
        return check(subject)
    except (WeChatError, Unreadable) as problem:
        return unknown(code, explain_error(problem), _who_must_act(problem))


def _who_must_act(problem: Exception) -> Who:
    if not isinstance(problem, Refused):
        return "wechat"
    responsible = find_explanation(problem.errcode).responsible
    return "staff" if responsible == "us" else responsible


def _keep_summary(authorizer: Authorizer, result: Preflight) -> None:
    PreflightSummary.objects.update_or_create(
        authorizer=authorizer,
        defaults={
            "ok": result.ok,
            "failing": [check.code for check in result.failing],
            "for_merchant": " ".join(
                check.code for check in result.failing if check.who == "merchant"
            ),
            "checked_at": Now(),
        },
    )


def describe_failing(codes: Iterable[str]) -> Sequence[str]:
    """What the checks of CODES, as a summary keeps them, are called."""
    return [str(TITLES.get(code, code)) for code in codes]
