"""
WeChat's review of a mini program's code (代码审核): submit, look, withdraw, speed up.

TOKEN is the authorizer_access_token of a mini program that granted set 18. Times are Unix seconds
by WeChat's clock. Every function raises Refused (or the leaf it names), Unreachable, NotSent or
BadAnswer. What changes something at WeChat is never repeated here: after Unreachable ask what
happened. Pages: developers.weixin.qq.com, "代码管理".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from wechat.errors import BadAnswer
from wechat.http import File, call, read_id, read_text, read_time, take_number, take_text

PASSED, REJECTED, IN_REVIEW, WITHDRAWN, DELAYED = 0, 1, 2, 3, 4

LATEST_AUDIT = "/wxa/get_latest_auditstatus"


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """
    How a review stands: STATUS is PASSED, REJECTED, IN_REVIEW, WITHDRAWN or DELAYED.

    REASON may hold `<br>`; SCREENSHOTS are ids for `media.get_media`, good for three days.
    """

    status: int
    reason: str
    screenshots: list[str]


@dataclass(frozen=True, slots=True)
class LatestAudit:
    """The newest review of a mini program, and the version it is about."""

    auditid: int
    verdict: AuditVerdict
    user_version: str
    user_desc: str
    submit_audit_time: int


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of this month, for all mini programs of the platform together."""

    rest: int
    limit: int
    speedup_rest: int
    speedup_limit: int


class AuditItem(TypedDict, total=False):
    """One page offered for review; the first two classes and ids are required."""

    address: str
    tag: str
    title: str
    first_class: str
    second_class: str
    third_class: str
    first_id: int
    second_id: int
    third_id: int


class Preview(TypedDict, total=False):
    """Films and pictures of the mini program, as ids from `upload_media`."""

    video_id_list: list[str]
    pic_id_list: list[str]


class UgcDeclare(TypedDict, total=False):
    """
    What users publish and who watches over it; social categories must say so the first time.

    `scene`: 0 none, 1 profile, 2 picture, 3 video, 4 text, 5 audio. `method`: 1 WeChat's security
    API, 2 another product, 3 people, 4 none. `has_audit_team` 0 or 1; the texts up to 256.
    """

    scene: list[int]
    other_scene_desc: str
    method: list[int]
    has_audit_team: int
    audit_desc: str


class Submission(TypedDict, total=False):
    """
    The fields of submit_audit, WeChat's names, all optional.

    `item_list` up to 5 pages. `feedback_info` (up to 200) and `feedback_stuff` (up to 5 media ids
    joined by `|`) count only after a rejection. `privacy_api_not_use` declares that privacy APIs
    found in the code are not used.
    """

    item_list: list[AuditItem]
    preview_info: Preview
    version_desc: str
    feedback_info: str
    feedback_stuff: str
    ugc_declare: UgcDeclare
    privacy_api_not_use: bool
    order_path: str


def upload_media(token: str, file: File) -> str:
    """
    wxa/uploadmedia 上传提审素材: its media id, good for three days.

    Pictures (jpeg, png, gif) to 2 MB, films (mp4) to 10. A second upload is only a second id.
    """
    path = "/wxa/uploadmedia"
    return take_text(path, call(path, files={"media": file}, access_token=token), "mediaid")


def submit_audit(token: str, submission: Submission) -> int:
    """
    wxa/submit_audit 提交代码审核, of the trial version: the auditid.

    Never repeated. Raises AuditOpen (one is open already), CheckRunning (again in a minute, without
    a new commit), MustCommit, QuotaMonth, or Refused with what is wrong in SUBMISSION.
    """
    path = "/wxa/submit_audit"
    answer = call(path, submission, access_token=token, repeat=False)
    return take_number(path, answer, "auditid")


def get_auditstatus(token: str, auditid: int) -> AuditVerdict:
    """wxa/get_auditstatus 查询审核单状态. Raises NoAudit if the mini program has no such."""
    path = "/wxa/get_auditstatus"
    return _read_audit_verdict(path, call(path, {"auditid": auditid}, access_token=token))


def get_latest_auditstatus(token: str) -> LatestAudit:
    """wxa/get_latest_auditstatus 查询最新一次审核单状态. Raises NoAudit if there never was one."""
    answer = call(LATEST_AUDIT, access_token=token, method="GET")
    return LatestAudit(
        auditid=take_number(LATEST_AUDIT, answer, "auditid"),
        verdict=_read_audit_verdict(LATEST_AUDIT, answer),
        user_version=read_text(answer.get("user_version")),
        user_desc=read_text(answer.get("user_desc")),
        submit_audit_time=read_time(answer.get("submit_audit_time")),
    )


def _read_audit_verdict(path: str, answer: Mapping[str, Any]) -> AuditVerdict:
    status = take_number(path, answer, "status")
    if status not in (PASSED, REJECTED, IN_REVIEW, WITHDRAWN, DELAYED):
        raise BadAnswer(path, f"status {status} is none we know")
    # WeChat's own page spells it both ways.
    joined = read_text(answer.get("screenshot")) or read_text(answer.get("ScreenShot"))
    return AuditVerdict(status, read_text(answer.get("reason")), split_screenshots(joined))


def split_screenshots(joined: str) -> list[str]:
    """The media ids in a `screenshot` of WeChat's, which joins them by `|`."""
    return [media_id for media_id in joined.split("|") if read_id(media_id)]


def undo_code_audit(token: str) -> None:
    """
    wxa/undocodeaudit 撤回代码审核, of the open one.

    Five a day and ten a month per mini program, so it is never repeated. Raises QuotaMonth.
    """
    call("/wxa/undocodeaudit", access_token=token, method="GET", repeat=False)


def speed_up_audit(token: str, auditid: int) -> None:
    """
    wxa/speedupaudit 加急代码审核: done within 12 hours. Costs quota, so it is never repeated.

    Raises QuotaMonth; 89402 not in review, 89403 not of this kind, 89404 sped up already.
    """
    call("/wxa/speedupaudit", {"auditid": auditid}, access_token=token, repeat=False)


def query_quota(token: str) -> Quota:
    """wxa/queryquota 查询审核额度."""
    path = "/wxa/queryquota"
    answer = call(path, access_token=token, method="GET")
    return Quota(
        rest=take_number(path, answer, "rest"),
        limit=take_number(path, answer, "limit"),
        speedup_rest=take_number(path, answer, "speedup_rest"),
        speedup_limit=take_number(path, answer, "speedup_limit"),
    )
