"""
What is submitted with code: the one place that makes it, of the layers that there are. Lowest
first: the template's profile, the mini program's, this submission's; merged as RFC 7396 has it.

A profile holds fields of submit_audit by WeChat's names, and of our own `preview_files` and
`feedback_files` (keys of SubmissionFile) and `needs`, what the code cannot do without: `domains`,
server domains with their scheme, and `opens`, appids of the mini programs that it opens.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from django.db.models import Q
from django.utils.translation import gettext as _

from audits.models import (
    CodeAudit,
    CodeTemplate,
    CodeVersion,
    SubmissionFile,
    SubmissionProfile,
)
from audits.problems import BadSubmission
from audits.services.ext_json import is_same_json, merge
from audits.services.newest import save_newest
from audits.services.wechat_answers import Answers
from miniprograms.models import Authorizer
from platform_auth.operations import Actor, record_operation
from wechat.code import Category
from wechat.code_review import Submission
from wechat.errors import WeChatError

Owner = CodeTemplate | Authorizer
Fields = Mapping[str, Any]

FILE_FIELDS = ("preview_files", "feedback_files")
OWN_FIELDS = (*FILE_FIELDS, "needs")
FEEDBACK = ("feedback_info", "feedback_stuff", "feedback_files")
FIELD_NAMES = {*Submission.__annotations__, *OWN_FIELDS}
LEVELS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Composed:
    """What is submitted for one mini program. The files have ids of WeChat's only once uploaded."""

    submission: Submission
    needs: Mapping[str, Any] = field(default_factory=dict)
    preview_files: list[SubmissionFile] = field(default_factory=list)
    feedback_files: list[SubmissionFile] = field(default_factory=list)


def profile_of(owner: Owner) -> SubmissionProfile | None:
    """The newest profile of OWNER, or None if it never had any."""
    return owner.submission_profiles.filter(is_newest=True).first()


def save_profile(
    owner: Owner, fields: Fields, *, by: Actor | None, seen: int | None = None
) -> SubmissionProfile | None:
    """
    FIELDS are the profile of OWNER from now on, as a new version; where they are so already,
    nothing is written.

    SEEN is the key of the version that the person was shown, 0 for none. Raises ValuesChanged where
    it is another by now, and BadSubmission.
    """
    _check_fields(fields)
    row: SubmissionProfile | None = save_newest(
        owner.submission_profiles,
        "fields",
        dict(fields),
        by=by,
        seen=seen,
        record=lambda before: _record(owner, before, fields, by),
    )
    return row


def _check_fields(fields: Fields) -> None:
    if unknown := sorted(fields.keys() - FIELD_NAMES):
        raise BadSubmission(_("A submission has no such fields: %s") % ", ".join(unknown))
    for name in FILE_FIELDS:
        find_files(fields.get(name) or [])


def find_files(keys: list[int]) -> list[SubmissionFile]:
    """The files of KEYS, in their order, without what is in them. Raises BadSubmission."""
    rows = SubmissionFile.objects.defer("content").in_bulk(keys)
    if missing := [key for key in keys if key not in rows]:
        listed = ", ".join(map(str, missing))
        raise BadSubmission(_("There are no such files for reviewers: %s") % listed)
    return [rows[key] for key in keys]


def _record(owner: Owner, before: Fields, after: Fields, by: Actor | None) -> None:
    """Which fields have changed, never what they say."""
    names = sorted(
        name
        for name in before.keys() | after.keys()
        if not is_same_json(before.get(name), after.get(name))
    )
    if isinstance(owner, Authorizer):
        record_operation("set_submission_profile", by=by, appid=owner.appid, result=" ".join(names))
    else:
        result = f"codetemplate {owner}: {' '.join(names)}"
        record_operation("set_submission_profile", by=by, result=result)


def inherit_profile(template: CodeTemplate) -> None:
    """A new TEMPLATE of a development mini program has the profile of the one before."""
    if not template.source_appid:
        return
    earlier = (
        SubmissionProfile.objects.filter(
            is_newest=True,
            template__component=template.component_id,
            template__source_appid=template.source_appid,
            template__template_id__lt=template.template_id,
        )
        .order_by("-template__template_id")
        .first()
    )
    if earlier is not None and profile_of(template) is None:
        with suppress(BadSubmission):  # of files that are not here any more
            save_profile(template, earlier.fields, by=None)


# What comes of the layers


def merged_fields(
    authorizer: Authorizer, template: CodeTemplate | None, upload: Fields | None = None
) -> dict[str, Any]:
    """The fields for AUTHORIZER with TEMPLATE, with those of this submission, UPLOAD, over them."""
    owners = Q(authorizer=authorizer) | (Q(template=template) if template else Q())
    kept = SubmissionProfile.objects.filter(owners, is_newest=True)
    layers = sorted(kept, key=lambda row: row.authorizer_id is not None)
    merged: dict[str, Any] = {}
    for layer in [*(row.fields for row in layers), upload or {}]:
        merged = merge(merged, layer)
    return merged


def compose_submission(
    authorizer: Authorizer,
    version: CodeVersion | None,
    template: CodeTemplate | None,
    fields: Fields | None,
    answers: Answers,
) -> Composed:
    """
    What is submitted for AUTHORIZER: FIELDS over the profiles of itself and of the template that
    VERSION is of, or TEMPLATE. An answer to a rejection is taken out of profiles only after one.

    Raises BadSubmission for a file that is not here.
    """
    template = version.template if version else template
    given = fields or {}
    merged = merged_fields(authorizer, template, given)
    if not _was_rejected(authorizer):
        for name in FEEDBACK:
            if name not in given:
                merged.pop(name, None)
    if items := merged.get("item_list"):
        is_own = "item_list" in given or "item_list" in _fields_of(authorizer)
        merged["item_list"] = _fit_items(items, answers, is_own=is_own)
        if not merged["item_list"]:
            del merged["item_list"]
    files = {name: find_files(merged.pop(name, None) or []) for name in FILE_FIELDS}
    needs = merged.pop("needs", None) or {}
    return Composed(cast(Submission, merged), needs, **files)


def _fields_of(owner: Owner) -> Fields:
    row = profile_of(owner)
    return row.fields if row else {}


def _was_rejected(authorizer: Authorizer) -> bool:
    submitted = authorizer.audits.exclude(status=CodeAudit.Status.REFUSED).newest_first()
    audit = submitted.first()
    return audit is not None and audit.status == CodeAudit.Status.REJECTED


def _fit_items(items: list[Any], answers: Answers, *, is_own: bool) -> list[dict[str, Any]]:
    """
    ITEMS in categories of the mini program. One without a category, or with one that the template
    names and the mini program has not, is offered in its first; where WeChat does not tell which
    there are, it is left out. What somebody has chosen for this very mini program stays.
    """
    try:
        offered = answers.categories()
    except WeChatError:
        offered = []
    return [item for item in (_fit_item(dict(one), offered, is_own) for one in items) if item]


def _fit_item(item: dict[str, Any], offered: list[Category], is_own: bool) -> dict[str, Any]:
    category = find_category(item, offered)
    if category is None and is_own and (item.get("first_id") or item.get("first_class")):
        return item
    if category is None and not offered:
        return {}
    page = {name: item[name] for name in ("address", "tag", "title") if item.get(name)}
    return {**category_entry(category or offered[0]), **page}


def find_category(item: Fields, offered: list[Category]) -> Category | None:
    """Which of OFFERED the entry ITEM of item_list names, by numbers or by words."""
    if item.get("first_id"):
        wanted = [item.get(f"{level}_id") or 0 for level in LEVELS]
        numbers = ([one.first_id, one.second_id, one.third_id or 0] for one in offered)
        fitting = (one for one, ids in zip(offered, numbers, strict=True) if ids == wanted)
        return next(fitting, None)
    wanted_names = [item.get(f"{level}_class") or "" for level in LEVELS]
    if not wanted_names[0]:
        return None
    for length in (3, 2):
        for one in offered:
            names = [one.first_class, one.second_class, one.third_class]
            if names[:length] == wanted_names[:length]:
                return one
    return None


def category_entry(category: Category) -> dict[str, Any]:
    """CATEGORY as submit_audit names it."""
    entry: dict[str, Any] = {}
    for level in LEVELS:
        if name := getattr(category, f"{level}_class"):
            entry[f"{level}_class"] = name
        if number := getattr(category, f"{level}_id"):
            entry[f"{level}_id"] = number
    return entry
