"""The endpoints for the review of a mini program's code (G5 to G8, G10, G16)."""

import re
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.wire.exchange import Reply
from sandbox.world.errors import Refusal

FORM = "multipart/form-data"
MEGABYTE = 1024 * 1024
PICTURES = ("image/png", "image/jpeg", "image/jpg", "image/gif")
LARGEST = dict.fromkeys(PICTURES, 2 * MEGABYTE) | {"video/mp4": 10 * MEGABYTE}
MOST_ITEMS, MOST_TAGS, TAG_LENGTH, TITLE_LENGTH = 5, 10, 20, 32
FEEDBACK_LENGTH = 200
MOST_MEDIA = 10  # WeChat does not say how many are "too many"
GAME = 4  # service_type
INVALID = ("withdrawn", "expired")  # states of a category; of "expired" its certificate is
UGC_CATEGORIES = ("社交", "笔记", "问答")


def upload_media(call: Call) -> dict[str, Any]:
    if not call.request.headers.get("content-type", "").startswith(FORM):
        raise Refusal(41005)
    part = call.file("media")
    kind, content = part.get_content_type(), part.get_payload(decode=True)
    if kind not in LARGEST or not isinstance(content, bytes):
        raise Refusal(40005)
    if len(content) > LARGEST[kind]:
        raise Refusal(40006)
    media_id = call.wechat.media.keep(call.account.appid, kind, content)
    return OK | {"type": kind.partition("/")[0], "mediaid": media_id}


def get_media(call: Call) -> Reply:
    appid, media_id = call.account.appid, call.request.query.get("media_id")
    media = call.wechat.media.find(appid, media_id)
    if media is None:
        raise Refusal(40007)
    headers = {"Content-Type": media.kind, "Content-disposition": "attachment"}
    return Reply(media.content, headers=headers)


def submit_audit(call: Call) -> dict[str, Any]:
    submission, program = call.body, call.program
    not_used = submission.get("privacy_api_not_use") is True
    version = program.check_submittable(call.wechat.clock(), not_used=not_used)
    _check_account(call)
    _check_items(submission.get("item_list"), version.pages, call.account.review_categories())
    _check_texts(submission)
    _check_preview(call, submission.get("preview_info", {}))
    _check_ugc(call, submission)
    audit = call.wechat.reviews.submit(
        call.authorization.component, call.account, version, submission
    )
    return OK | {"auditid": audit.auditid}


def _check_account(call: Call) -> None:
    if call.account.service_type == GAME:
        raise Refusal(87006)
    if any(category.get("state") in INVALID for category in call.account.categories):
        raise Refusal(85077)
    if not call.account.review_categories():
        raise Refusal(85008)


def _check_items(items: Any, pages: list[str], categories: list[dict[str, Any]]) -> None:
    if items is None:
        return
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise Refusal(85023)
    for item in items:
        if not isinstance(item, dict) or not item:
            raise Refusal(85010)
        _check_item(item, pages, categories)


def _check_item(item: dict[str, Any], pages: list[str], categories: list[dict[str, Any]]) -> None:
    tags = str(item.get("tag", "")).split()
    if len(tags) > MOST_TAGS or any(len(tag) > TAG_LENGTH for tag in tags):
        raise Refusal(85006)
    if item.get("address") and str(item["address"]).partition("?")[0] not in pages:
        raise Refusal(85007)
    category = {
        name: value
        for name, value in item.items()
        if re.fullmatch(r"(first|second|third)_(class|id)", name) and value
    }
    if category not in categories:
        raise Refusal(85008)
    if len(str(item.get("title", ""))) > TITLE_LENGTH:
        raise Refusal(85011)


def _check_texts(submission: dict[str, Any]) -> None:
    stuff = str(submission.get("feedback_stuff", ""))
    if len(str(submission.get("feedback_info", ""))) > FEEDBACK_LENGTH or stuff.count("|") >= 5:
        raise Refusal(85051)


def _check_preview(call: Call, preview: Any) -> None:
    if not isinstance(preview, dict):
        raise Refusal(85092)
    ids = [*preview.get("pic_id_list", []), *preview.get("video_id_list", [])]
    if len(ids) > MOST_MEDIA:
        raise Refusal(85093)
    if any(call.wechat.media.find(call.account.appid, one) is None for one in ids):
        raise Refusal(85092)


def _check_ugc(call: Call, submission: dict[str, Any]) -> None:
    """Where users publish, the first submission must say who watches over it."""
    social = any(category.get("first") in UGC_CATEGORIES for category in call.account.categories)
    if social and not call.program.audits and not submission.get("ugc_declare"):
        raise Refusal(85094)


def get_auditstatus(call: Call) -> dict[str, Any]:
    return OK | call.program.find_audit(call.number("auditid")).describe()


def get_latest_auditstatus(call: Call) -> dict[str, Any]:
    if not call.program.audits:
        raise Refusal(85012)
    audit = call.program.audits[-1]
    members = {"auditid": str(audit.auditid)}  # a number in the page's table, text in its sample
    members |= audit.describe()
    if "screenshot" in members:
        # The page prints one name in its table, one in its sample.
        members["ScreenShot"] = members["screenshot"]
    return (
        OK
        | members
        | {
            "user_version": audit.version.user_version,
            "user_desc": audit.version.user_desc,
            "submit_audit_time": audit.submitted_at,
        }
    )


def undo_code_audit(call: Call) -> dict[str, Any]:
    call.wechat.reviews.undo(call.account)
    return OK


def speed_up_audit(call: Call) -> dict[str, Any]:
    audit = call.program.find_audit(call.number("auditid"))
    call.wechat.reviews.speed_up(call.authorization.component, audit)
    return OK


def query_quota(call: Call) -> dict[str, Any]:
    return OK | call.wechat.reviews.quota(call.authorization.component)


GET = ("GET",)
CODE = (18,)

ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/uploadmedia": Endpoint(upload_media, "authorizer", CODE),
    "/cgi-bin/media/get": Endpoint(get_media, "authorizer", methods=GET),
    "/wxa/submit_audit": Endpoint(submit_audit, "authorizer", CODE),
    "/wxa/get_auditstatus": Endpoint(get_auditstatus, "authorizer", CODE),
    "/wxa/get_latest_auditstatus": Endpoint(get_latest_auditstatus, "authorizer", CODE, GET),
    "/wxa/undocodeaudit": Endpoint(undo_code_audit, "authorizer", CODE, GET),
    "/wxa/speedupaudit": Endpoint(speed_up_audit, "authorizer", CODE),
    "/wxa/queryquota": Endpoint(query_quota, "authorizer", CODE, GET),
}
