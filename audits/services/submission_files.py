"""Pictures and films for reviewers: kept here, and at WeChat for each mini program again."""

from datetime import timedelta
from hashlib import sha256

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.models import SubmissionFile, SubmissionMedia
from audits.problems import BadSubmission
from audits.services.submission_profiles import Composed
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from wechat import code_review
from wechat.code_review import Submission
from wechat.http import PICTURES, File, kind_of

MEGABYTE = 1024 * 1024
LARGEST = {**dict.fromkeys(PICTURES, 2 * MEGABYTE), "video/mp4": 10 * MEGABYTE}
MEDIA_LIFE = timedelta(days=3)  # of an id at WeChat
USED_UNTIL = timedelta(days=2, hours=12)  # after that it is uploaded again


def keep_file(content: bytes, name: str, *, by: Actor | None) -> SubmissionFile:
    """
    Keep CONTENT as a file for reviewers; the same twice is one. What it is says its beginning.

    Raises BadSubmission for what WeChat would not take: png, jpeg and gif to 2 MB, mp4 to 10.
    """
    kind = kind_of(content)
    if kind not in LARGEST:
        raise BadSubmission(_("Use a png, jpeg or gif picture, or an mp4 film."))
    if len(content) > LARGEST[kind]:
        raise BadSubmission(_("Pictures may have 2 MB, films 10 MB."))
    with transaction.atomic():
        row, is_new = SubmissionFile.objects.get_or_create(
            digest=sha256(content).hexdigest(),
            defaults={
                "name": name[:200],
                "kind": kind,
                "content": content,
                "size": len(content),
                "by_id": by.pk if by else None,
            },
        )
        if is_new:
            record_operation("keep_submission_file", by=by, result=f"{row} ({row.size})")
    return row


def add_media(authorizer: Authorizer, composed: Composed) -> Submission:
    """
    What is submitted, with WeChat's ids of the files: those that are not at WeChat for AUTHORIZER,
    or not much longer, are uploaded. Raises what WeChat answered.
    """
    submission: Submission = dict(composed.submission)  # type: ignore[assignment]
    if composed.preview_files:
        preview = dict(submission.get("preview_info") or {})
        films = {True: "video_id_list", False: "pic_id_list"}
        for file in composed.preview_files:
            ids = preview.setdefault(films[file.is_film], [])
            ids.append(_media_id(authorizer, file))  # type: ignore[attr-defined]
        submission["preview_info"] = preview  # type: ignore[typeddict-item]
    if composed.feedback_files:
        ids = [_media_id(authorizer, file) for file in composed.feedback_files]
        submission["feedback_stuff"] = "|".join(
            [*filter(None, [submission.get("feedback_stuff")]), *ids]
        )
    return submission


def _media_id(authorizer: Authorizer, file: SubmissionFile) -> str:
    rows = SubmissionMedia.objects.filter(authorizer=authorizer, file=file)
    current = rows.filter(uploaded_at__gt=timezone.now() - USED_UNTIL).first()
    if current is not None:
        return current.media_id
    content = File(file.kind, bytes(file.content))
    release_db_connection()
    media_id = call_as(authorizer.appid, code_review.upload_media, content)
    SubmissionMedia.objects.update_or_create(
        authorizer=authorizer,
        file=file,
        defaults={"media_id": media_id, "uploaded_at": timezone.now()},
    )
    return media_id


def forget_media(authorizer: Authorizer) -> None:
    """WeChat does not know its ids of files any more: the next submission uploads them again."""
    SubmissionMedia.objects.filter(authorizer=authorizer).delete()


def age_media(authorizer: Authorizer, ids: list[str]) -> dict[str, bool]:
    """Of those IDS that were uploaded here for AUTHORIZER, whether WeChat still has them."""
    rows = SubmissionMedia.objects.filter(authorizer=authorizer, media_id__in=ids)
    oldest = timezone.now() - MEDIA_LIFE
    return {row.media_id: row.uploaded_at > oldest for row in rows}
