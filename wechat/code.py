"""
A mini program's code (代码管理): upload, review, release, roll back; one function per endpoint.

TOKEN is the authorizer_access_token of a mini program that granted set 18; COMPONENT_TOKEN is the
platform's own. Times are Unix seconds by WeChat's clock. Every function raises Refused (or the leaf
it names), Unreachable, NotSent or BadAnswer. What changes something at WeChat is never repeated
here: after Unreachable ask what happened. Pages: developers.weixin.qq.com, /doc/oplatform/openApi/,
"代码管理" and "模板库管理".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from wechat.errors import BadAnswer
from wechat.http import (
    File,
    call,
    fetch_file,
    read_number,
    read_text,
    take,
    take_number,
    take_rows,
    take_texts,
)

PASSED, REJECTED, IN_REVIEW, WITHDRAWN, DELAYED = 0, 1, 2, 3, 4

ORDINARY_TEMPLATE, STANDARD_TEMPLATE = 0, 1

GRAY_INITIAL, GRAY_RUNNING, GRAY_PAUSED, GRAY_FINISHED, GRAY_DELETED = 0, 1, 2, 3, 4

LATEST_AUDIT = "/wxa/get_latest_auditstatus"


@dataclass(frozen=True, slots=True)
class Draft:
    """Code a developer uploaded (草稿): the newest of one development mini program."""

    draft_id: int
    create_time: int
    user_version: str
    user_desc: str
    source_miniprogram_appid: str
    source_miniprogram: str
    developer: str


@dataclass(frozen=True, slots=True)
class Template:
    """A draft kept for reuse (模板). `audit_status` and `reason` are of standard templates only."""

    template_id: int
    draft_id: int
    template_type: int
    create_time: int
    user_version: str
    user_desc: str
    source_miniprogram_appid: str
    source_miniprogram: str
    developer: str
    audit_status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Category:
    """A category the mini program is registered in (类目); the third level often is none."""

    first_class: str
    second_class: str
    third_class: str
    first_id: int
    second_id: int
    third_id: int | None


@dataclass(frozen=True, slots=True)
class PrivacyCheck:
    """Location APIs found in the code without permission, and found but not declared."""

    without_auth: list[str]
    without_conf: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
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
    verdict: Verdict
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


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A released version one may go back to; APP_VERSION is WeChat's own number for it."""

    app_version: int
    user_version: str
    user_desc: str
    commit_time: int


@dataclass(frozen=True, slots=True)
class GrayPlan:
    """A release in steps: STATUS is one of GRAY_…, PERCENTAGE of users who have the new version."""

    status: int
    percentage: int
    create_timestamp: int
    support_debuger_first: bool
    support_experiencer_first: bool


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """The trial or the released version, as WeChat has it now."""

    user_version: str
    user_desc: str
    at: int


@dataclass(frozen=True, slots=True)
class SupportVersion:
    """The least base library (基础库) users need, and which per cent of users have which."""

    now: str
    usage: list[tuple[str, float]]


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


# Templates


def list_drafts(component_token: str) -> list[Draft]:
    """wxa/gettemplatedraftlist 获取草稿箱列表."""
    path = "/wxa/gettemplatedraftlist"
    answer = call(path, access_token=component_token, method="GET")
    return [
        Draft(
            draft_id=take_number(path, row, "draft_id"),
            create_time=read_number(row.get("create_time")) or 0,
            user_version=read_text(row.get("user_version")),
            user_desc=read_text(row.get("user_desc")),
            source_miniprogram_appid=read_text(row.get("source_miniprogram_appid")),
            source_miniprogram=read_text(row.get("source_miniprogram")),
            developer=read_text(row.get("developer")),
        )
        for row in take_rows(path, answer, "draft_list")
    ]


def add_to_template(component_token: str, draft_id: int) -> None:
    """
    wxa/addtotemplate 将草稿添加到模板库, an ordinary one; the answer does not say its template_id.

    Twice makes two templates, so it is never repeated. 85064 no such draft, 85065 200 are there.
    """
    call("/wxa/addtotemplate", {"draft_id": draft_id}, access_token=component_token, repeat=False)


def list_templates(component_token: str, template_type: int | None = None) -> list[Template]:
    """wxa/gettemplatelist 获取模板列表: all, or those of TEMPLATE_TYPE."""
    path = "/wxa/gettemplatelist"
    query = None if template_type is None else {"template_type": template_type}
    answer = call(path, query=query, access_token=component_token, method="GET")
    return [_template(path, row) for row in take_rows(path, answer, "template_list")]


def _template(path: str, row: Mapping[str, Any]) -> Template:
    return Template(
        template_id=take_number(path, row, "template_id"),
        draft_id=read_number(row.get("draft_id")) or 0,
        template_type=read_number(row.get("template_type")) or ORDINARY_TEMPLATE,
        create_time=read_number(row.get("create_time")) or 0,
        user_version=read_text(row.get("user_version")),
        user_desc=read_text(row.get("user_desc")),
        source_miniprogram_appid=read_text(row.get("source_miniprogram_appid")),
        source_miniprogram=read_text(row.get("source_miniprogram")),
        developer=read_text(row.get("developer")),
        audit_status=read_number(row.get("audit_status")),
        reason=read_text(row.get("reason")),
    )


def delete_template(component_token: str, template_id: int) -> None:
    """wxa/deletetemplate 删除代码模板; not repeated, the second time it would be 85064."""
    body = {"template_id": template_id}
    call("/wxa/deletetemplate", body, access_token=component_token, repeat=False)


# A version, on trial


def commit(
    token: str, *, template_id: int, ext_json: str, user_version: str, user_desc: str
) -> None:
    """
    wxa/commit 上传代码并生成体验版: the template becomes the mini program's trial version.

    EXT_JSON is ext.json as text; USER_VERSION has up to 64 characters. Starts WeChat's check of the
    code anew, so it is never repeated. Raises CheckRunning while another one of ours runs; 85014 no
    such template, 85013 and 85043 to 85048 what is wrong with ext_json.
    """
    body = {
        "template_id": template_id,
        "ext_json": ext_json,
        "user_version": user_version,
        "user_desc": user_desc,
    }
    call("/wxa/commit", body, access_token=token, repeat=False)


def get_page(token: str) -> list[str]:
    """wxa/get_page 获取已上传的代码页面列表, of the trial version. Raises MustCommit."""
    path = "/wxa/get_page"
    return take_texts(path, call(path, access_token=token, method="GET"), "page_list")


def get_category(token: str) -> list[Category]:
    """wxa/get_category 获取审核时可填写的类目: what an AuditItem may name."""
    path = "/wxa/get_category"
    answer = call(path, access_token=token, method="GET")
    return [
        Category(
            first_class=read_text(row.get("first_class")),
            second_class=read_text(row.get("second_class")),
            third_class=read_text(row.get("third_class")),
            first_id=take_number(path, row, "first_id"),
            second_id=take_number(path, row, "second_id"),
            third_id=read_number(row.get("third_id")),
        )
        for row in take_rows(path, answer, "category_list")
    ]


def get_qrcode(token: str, page: str = "") -> File:
    """wxa/get_qrcode 获取体验版二维码: a picture that opens the trial version, at PAGE if given."""
    return fetch_file("/wxa/get_qrcode", query={"path": page} if page else None, access_token=token)


def get_code_privacy_info(token: str) -> PrivacyCheck:
    """wxa/security/get_code_privacy_info 获取隐私接口检测结果. Raises CheckRunning till then."""
    path = "/wxa/security/get_code_privacy_info"
    answer = call(path, access_token=token, method="GET")
    return PrivacyCheck(
        without_auth=take_texts(path, answer, "without_auth_list"),
        without_conf=take_texts(path, answer, "without_conf_list"),
    )


# Review


def upload_media(token: str, file: File) -> str:
    """
    wxa/uploadmedia 上传提审素材: its media id, good for three days.

    Pictures (jpeg, png, gif) to 2 MB, films (mp4) to 10. A second upload is only a second id.
    """
    path = "/wxa/uploadmedia"
    return take(path, call(path, files={"media": file}, access_token=token), "mediaid", str)


def submit_audit(token: str, submission: Submission) -> int:
    """
    wxa/submit_audit 提交代码审核, of the trial version: the auditid.

    Never repeated. Raises AuditOpen (one is open already), CheckRunning (again in a minute, without
    a new commit), MustCommit, QuotaMonth, or Refused with what is wrong in SUBMISSION.
    """
    path = "/wxa/submit_audit"
    answer = call(path, submission, access_token=token, repeat=False)
    return take_number(path, answer, "auditid")


def get_auditstatus(token: str, auditid: int) -> Verdict:
    """wxa/get_auditstatus 查询审核单状态. Raises NoAudit if the mini program has no such."""
    path = "/wxa/get_auditstatus"
    return _verdict(path, call(path, {"auditid": auditid}, access_token=token))


def get_latest_auditstatus(token: str) -> LatestAudit:
    """wxa/get_latest_auditstatus 查询最新一次审核单状态. Raises NoAudit if there never was one."""
    answer = call(LATEST_AUDIT, access_token=token, method="GET")
    return LatestAudit(
        auditid=take_number(LATEST_AUDIT, answer, "auditid"),
        verdict=_verdict(LATEST_AUDIT, answer),
        user_version=read_text(answer.get("user_version")),
        user_desc=read_text(answer.get("user_desc")),
        submit_audit_time=read_number(answer.get("submit_audit_time")) or 0,
    )


def _verdict(path: str, answer: Mapping[str, Any]) -> Verdict:
    status = take_number(path, answer, "status")
    if status not in (PASSED, REJECTED, IN_REVIEW, WITHDRAWN, DELAYED):
        raise BadAnswer(path, f"status {status} is none we know")
    # WeChat's own page spells it both ways.
    joined = read_text(answer.get("screenshot")) or read_text(answer.get("ScreenShot"))
    return Verdict(status, read_text(answer.get("reason")), split_screenshots(joined))


def split_screenshots(joined: str) -> list[str]:
    """The media ids in a `screenshot` of WeChat's, which joins them by `|`."""
    return [media_id for media_id in joined.split("|") if media_id]


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


# Release


def release(token: str) -> None:
    """
    wxa/release 发布已通过审核的小程序: the last approved version, whichever that is by now.

    Never repeated: ask `get_version_info` what is live. Raises NothingToRelease.
    """
    call("/wxa/release", {}, access_token=token, repeat=False)  # no body at all would be 44002


def revert_code_release(token: str, app_version: int | None = None) -> None:
    """
    wxa/revertcoderelease 小程序版本回退: to APP_VERSION, or to the one before.

    Twice goes back twice, so it is never repeated. 87011 a gray release runs, 87012 WeChat forbids
    it: nothing before, reverted already, or too old.
    """
    query = None if app_version is None else {"app_version": app_version}
    path = "/wxa/revertcoderelease"
    call(path, query=query, access_token=token, method="GET", repeat=False)


def get_history_version(token: str) -> list[PastVersion]:
    """wxa/revertcoderelease?action=get_history_version: up to 5 versions one may go back to."""
    path = "/wxa/revertcoderelease"
    query = {"action": "get_history_version"}
    answer = call(path, query=query, access_token=token, method="GET")
    return [
        PastVersion(
            app_version=take_number(path, row, "app_version"),
            user_version=read_text(row.get("user_version")),
            user_desc=read_text(row.get("user_desc")),
            commit_time=read_number(row.get("commit_time")) or 0,
        )
        for row in take_rows(path, answer, "version_list")
    ]


def gray_release(
    token: str,
    percentage: int,
    *,
    support_debuger_first: bool = False,
    support_experiencer_first: bool = False,
) -> None:
    """
    wxa/grayrelease 分阶段发布: the last approved version to PERCENTAGE (0 to 100) of the users.

    It may only grow; at 0 one of the two flags says who is first. Never repeated. 85079 nothing is
    online yet, 85080 the version is not approved, 85081 and 85082 a wrong or too small percentage.
    """
    body = {
        "gray_percentage": percentage,
        "support_debuger_first": support_debuger_first,
        "support_experiencer_first": support_experiencer_first,
    }
    call("/wxa/grayrelease", body, access_token=token, repeat=False)


def get_gray_release_plan(token: str) -> GrayPlan | None:
    """wxa/getgrayreleaseplan 获取分阶段发布详情: None if there never was one."""
    path = "/wxa/getgrayreleaseplan"
    plan = call(path, access_token=token, method="GET").get("gray_release_plan")
    if not plan:
        return None
    if not isinstance(plan, dict):
        raise BadAnswer(path, "gray_release_plan is not an object")
    return GrayPlan(
        status=take_number(path, plan, "status"),
        percentage=take_number(path, plan, "gray_percentage"),
        create_timestamp=read_number(plan.get("create_timestamp")) or 0,
        support_debuger_first=bool(plan.get("support_debuger_first")),
        support_experiencer_first=bool(plan.get("support_experiencer_first")),
    )


def revert_gray_release(token: str) -> None:
    """wxa/revertgrayrelease 取消分阶段发布: all users have the version before. Never repeated."""
    call("/wxa/revertgrayrelease", access_token=token, method="GET", repeat=False)


def get_version_info(token: str) -> tuple[LiveVersion | None, LiveVersion | None]:
    """wxa/getversioninfo 查询小程序版本信息: the trial and the released version, if any."""
    path = "/wxa/getversioninfo"
    answer = call(path, {}, access_token=token)  # no body at all would be 44002
    return _live_version(answer, "exp"), _live_version(answer, "release")


def _live_version(answer: Mapping[str, Any], kind: str) -> LiveVersion | None:
    info = answer.get(f"{kind}_info")
    if not isinstance(info, dict) or not info.get(f"{kind}_version"):
        return None
    return LiveVersion(
        user_version=read_text(info.get(f"{kind}_version")),
        user_desc=read_text(info.get(f"{kind}_desc")),
        at=read_number(info.get(f"{kind}_time")) or 0,
    )


# Service


def change_visit_status(token: str, *, is_open: bool) -> None:
    """
    wxa/change_visitstatus 设置小程序服务状态: whether users can visit.

    Not repeated: 85021 says that it is so already, or may not be.
    """
    body = {"action": "open" if is_open else "close"}
    call("/wxa/change_visitstatus", body, access_token=token, repeat=False)


def is_open_to_visits(token: str) -> bool:
    """wxa/getvisitstatus 查询小程序服务状态: whether users can visit."""
    path = "/wxa/getvisitstatus"
    return take_number(path, call(path, {}, access_token=token), "status") == 1


def get_support_version(token: str) -> SupportVersion:
    """wxopen/getweappsupportversion 查询小程序用户的基础库版本占比."""
    path = "/cgi-bin/wxopen/getweappsupportversion"
    answer = call(path, {}, access_token=token)
    info = answer.get("uv_info")
    items = take_rows(path, info, "items") if isinstance(info, dict) and info.get("items") else []
    usage = [(read_text(item.get("version")), _percentage(item)) for item in items]
    return SupportVersion(read_text(answer.get("now_version")), usage)


def _percentage(item: Mapping[str, Any]) -> float:
    share = item.get("percentage")
    return float(share) if isinstance(share, int | float) else 0.0


def set_support_version(token: str, version: str) -> None:
    """wxopen/setweappsupportversion 设置最低基础库版本. 89014: WeChat does not know VERSION."""
    path = "/cgi-bin/wxopen/setweappsupportversion"
    call(path, {"version": version}, access_token=token)
