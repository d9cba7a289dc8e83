"""Conditions about what is submitted with the code, the quota, and what is under way already."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from audits.models import CodeAudit
from audits.problems import Check
from audits.services.preflight.subject import Subject, fine, unknown, wrong
from audits.services.submission_files import age_media
from platform_auth.errcodes import explain_errcode
from wechat import code_review
from wechat.errors import MustCommit, NoAudit

MAX_ITEMS, MAX_TAGS, MAX_TAG, MAX_TITLE = 5, 10, 20, 32
MAX_FEEDBACK, MAX_STUFF = 200, 5
MAX_PREVIEWS = 10
CATEGORY_PARTS = ("first_id", "second_id", "third_id")
# Categories in which users publish, by the names of their classes.
UGC_CATEGORIES = {"社交", "社区", "论坛", "社区/论坛", "笔记", "问答"}


def check_items(subject: Subject) -> Check:
    """item_list: its size, and each page's entry (85006, 85010, 85011, 85023)."""
    items = subject.submission.get("item_list")
    if items is None:
        return fine("items", _("No pages are named: WeChat chooses them."))
    if not 1 <= len(items) <= MAX_ITEMS:
        return wrong("items", _("One to five pages can be offered for review."), "staff")
    for number, item in enumerate(items, 1):
        if problem := _find_item_problem(item):
            detail = _("Page %(number)d: %(error)s") % {"number": number, "error": problem}
            return wrong("items", detail, "staff")
    return fine("items", _("Pages offered for review: %d.") % len(items))


def _find_item_problem(item: Mapping[str, Any]) -> str:
    tags = str(item.get("tag", "")).split()
    if not item:
        return _("its entry is empty.")
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in tags):
        return _("at most 10 tags of 20 characters, with spaces between.")
    if len(str(item.get("title", ""))) > MAX_TITLE:
        return _("the title has more than 32 characters.")
    return ""


def check_item_categories(subject: Subject) -> Check:
    """Each page is offered in a category that the mini program may name (85008)."""
    items = subject.submission.get("item_list") or []
    if not items:
        return fine("item_categories", _("No category is named: WeChat takes the mini program's."))
    offered = {
        tuple(getattr(one, part) or 0 for part in CATEGORY_PARTS)
        for one in subject.answers.categories()
    }
    for number, item in enumerate(items, 1):
        if tuple(item.get(part) or 0 for part in CATEGORY_PARTS) not in offered:
            named = " › ".join(
                str(item.get(f"{level}_class", "–")) for level in ("first", "second")
            )
            detail = _("Page %(number)d: the mini program may not name the category %(category)s.")
            return wrong("item_categories", detail % {"number": number, "category": named}, "staff")
    return fine("item_categories", _("The pages' categories are the mini program's."))


def check_pages(subject: Subject) -> Check:
    """The pages that are named exist in the code (85007)."""
    items = subject.submission.get("item_list") or []
    named = [item["address"] for item in items if item.get("address")]
    if not named:
        return fine("pages", _("No page is named."))
    if subject.is_to_be_uploaded:
        return unknown("pages", _("Known once the code is uploaded."), "staff")
    try:
        pages = subject.answers.pages()
    except MustCommit:
        return unknown("pages", _("There is no code with pages."), "staff")
    if missing := [path for path in named if path.partition("?")[0] not in pages]:
        detail = _("The code has no such pages: %s.") % ", ".join(missing)
        return wrong("pages", detail, "staff")
    return fine("pages", _("The pages that are named exist."))


def check_texts(subject: Subject) -> Check:
    """The answer to a rejection is not too long (85051)."""
    submission = subject.submission
    stuff = [part for part in submission.get("feedback_stuff", "").split("|") if part]
    if len(submission.get("feedback_info", "")) > MAX_FEEDBACK:
        detail = _("The answer to the last rejection has more than 200 characters.")
        return wrong("texts", detail, "staff")
    if len(stuff) + len(subject.composed.feedback_files) > MAX_STUFF:
        return wrong("texts", _("At most five files can go with the answer."), "staff")
    return fine("texts", _("The texts are not too long."))


def check_media(subject: Subject) -> Check:
    """Preview pictures and films: not too many (85093), and there still (85092)."""
    preview = subject.submission.get("preview_info") or {}
    ids = [*preview.get("pic_id_list", []), *preview.get("video_id_list", [])]
    number = len(ids) + len(subject.composed.preview_files)
    if not number:
        return fine("media", _("No preview pictures or films."))
    if number > MAX_PREVIEWS:
        return wrong("media", _("At most ten preview pictures and films."), "staff")
    there = age_media(subject.authorizer, ids)
    if dead := [media_id for media_id, is_there in there.items() if not is_there]:
        detail = _("WeChat keeps media ids for three days; these are older: %s.")
        return wrong("media", detail % ", ".join(dead), "staff")
    if set(ids) - there.keys():
        return unknown("media", _("Whether WeChat still has the media ids is not known."), "staff")
    return fine("media", _("Preview pictures and films: %d.") % number)


def check_ugc(subject: Subject) -> Check:
    """Where users publish, the first submission says who watches over it (85094)."""
    if subject.submission.get("ugc_declare"):
        return fine("ugc", _("What users publish is declared."))
    categories = subject.answers.categories()
    names = {name for one in categories for name in (one.first_class, one.second_class)}
    social = UGC_CATEGORIES & names
    if not social:
        return fine("ugc", _("Its categories need no declaration on what users publish."))
    try:
        subject.answers.latest_audit()
    except NoAudit:
        detail = _("The first submission in the category %s declares what users publish.")
        return wrong("ugc", detail % ", ".join(sorted(social)), "staff")
    return fine("ugc", _("What users publish was declared with the first submission."))


def check_quota(subject: Subject) -> Check:
    """Submissions left this month (85085); speed-ups are told with them."""
    quota = subject.answers.quota()
    words = {
        "rest": quota.rest,
        "limit": quota.limit,
        "speedups": quota.speedup_rest,
        "most": quota.speedup_limit,
    }
    if quota.rest <= 0:
        return wrong("quota", explain_errcode(85085), "staff")
    detail = _(
        "Left this month: %(rest)d of %(limit)d submissions, %(speedups)d of %(most)d speed-ups."
    )
    return fine("quota", detail % words)


def check_open_audit(subject: Subject) -> Check:
    """No other review is open (85009), here or at WeChat."""
    detail = _("Audit %s is still open. Wait for its verdict or withdraw it first.")
    own: CodeAudit | None = subject.authorizer.audits.open().first()
    if own is not None:
        return wrong("open_audit", detail % (own.auditid or "…"), "wechat")
    try:
        latest = subject.answers.latest_audit()
    except NoAudit:
        return fine("open_audit", _("No review is open."))
    if latest.verdict.status in (code_review.IN_REVIEW, code_review.DELAYED):
        return wrong("open_audit", detail % latest.auditid, "wechat")
    return fine("open_audit", _("No review is open."))
