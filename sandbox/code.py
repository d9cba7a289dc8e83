"""The endpoints for a mini program's code: templates, upload, review, release (G)."""

import re
from typing import Any

from sandbox.call import OK, Call, Endpoint
from sandbox.errors import Refusal
from sandbox.exchange import Reply
from sandbox.parties import Account
from sandbox.pictures import qr_tiles
from sandbox.program import VERSION_LENGTH, Version

FORM = "multipart/form-data"
MEGABYTE = 1024 * 1024
PICTURES = ("image/png", "image/jpeg", "image/jpg", "image/gif")
LARGEST = dict.fromkeys(PICTURES, 2 * MEGABYTE) | {"video/mp4": 10 * MEGABYTE}
MOST_ITEMS, MOST_TAGS, TAG_LENGTH, TITLE_LENGTH = 5, 10, 20, 32
FEEDBACK_LENGTH = 200
MOST_MEDIA = 10  # WeChat does not say how many are "too many"
UGC_CATEGORIES = ("社交", "笔记", "问答")
SUPPORT_VERSIONS = {"2.20.0": 61.2, "2.30.0": 27.5, "3.0.0": 8.1, "3.4.0": 3.2}


# G18: drafts and templates, with the component's token


def list_drafts(call: Call) -> dict[str, Any]:
    drafts = call.component.library.drafts.values()
    return OK | {"draft_list": [draft.describe() for draft in drafts]}


def add_to_template(call: Call) -> dict[str, Any]:
    template_type = call.body.get("template_type", 0)
    if template_type not in (0, 1):
        raise Refusal(40097)
    now = int(call.wechat.clock())
    call.component.library.keep(call.number("draft_id"), template_type, now)
    return OK


def list_templates(call: Call) -> dict[str, Any]:
    wanted = call.request.query.get("template_type", "")
    templates = call.component.library.templates.values()
    chosen = [one for one in templates if wanted in ("", str(one.template_type))]
    return OK | {"template_list": [one.describe() for one in chosen]}


def delete_template(call: Call) -> dict[str, Any]:
    call.component.library.delete(call.number("template_id"))
    return OK


# G1 to G4, G9: the trial version


def commit(call: Call) -> dict[str, Any]:
    template = call.authorization.component.library.templates.get(_template_id(call))
    if template is None:
        raise Refusal(85014)
    user_version, user_desc = call.text("user_version"), call.text("user_desc")
    if len(user_version) > VERSION_LENGTH:
        raise Refusal(85051)
    now = call.wechat.clock()
    version = Version(template, user_version, user_desc, call.text("ext_json", 85013), int(now))
    call.program.commit(version, now + call.wechat.reviews.check_seconds)
    return OK


def _template_id(call: Call) -> int:
    """A number; WeChat's own sample sends it as text."""
    value = call.body.get("template_id")
    return int(value) if isinstance(value, str) and value.isdigit() else call.number("template_id")


def get_page(call: Call) -> dict[str, Any]:
    return OK | {"page_list": call.program.need_trial().pages}


def get_category(call: Call) -> dict[str, Any]:
    return OK | {"category_list": categories(call.account)}


def categories(account: Account) -> list[dict[str, Any]]:
    """The account's categories as review wants them; ids follow from the names."""
    told = []
    for category in account.categories:
        entry: dict[str, Any] = {}
        for level in ("first", "second", "third"):
            if name := category.get(level):
                entry[f"{level}_class"] = name
                entry[f"{level}_id"] = sum(name.encode())
        told.append(entry)
    return told


def get_qrcode(call: Call) -> Reply:
    version = call.program.need_trial()
    page = call.request.query.get("path", "")
    if page and page.partition("?")[0] not in version.pages:
        raise Refusal(40097)
    headers = {
        "Content-Type": "image/jpeg",
        "Content-disposition": 'attachment; filename="QRCode.jpg"',
    }
    return Reply(qr_tiles(f"{call.account.appid}{version.user_version}{page}"), headers=headers)


def get_code_privacy_info(call: Call) -> dict[str, Any]:
    program = call.program
    program.need_trial()
    program.check_code(call.wechat.clock())
    return OK | {
        "without_auth_list": program.without_auth,
        "without_conf_list": program.without_conf,
    }


# G5 to G8, G10, G16: the review


def upload_media(call: Call) -> dict[str, Any]:
    if not call.request.headers.get("content-type", "").startswith(FORM):
        raise Refusal(41005)
    part = call.file("media")
    kind, content = part.get_content_type(), part.get_payload(decode=True)
    if kind not in LARGEST or not isinstance(content, bytes):
        raise Refusal(40005)
    if len(content) > LARGEST[kind]:
        raise Refusal(40006)
    media_id = call.wechat.reviews.keep_media(call.account.appid, kind, content)
    return OK | {"type": kind.partition("/")[0], "mediaid": media_id}


def get_media(call: Call) -> Reply:
    appid, media_id = call.account.appid, call.request.query.get("media_id")
    media = call.wechat.reviews.find_media(appid, media_id)
    if media is None:
        raise Refusal(40007)
    headers = {"Content-Type": media.kind, "Content-disposition": "attachment"}
    return Reply(media.content, headers=headers)


def submit_audit(call: Call) -> dict[str, Any]:
    submission, program = call.body, call.program
    not_used = submission.get("privacy_api_not_use") is True
    version = program.check_submittable(call.wechat.clock(), not_used=not_used)
    _check_items(submission.get("item_list"), version.pages, categories(call.account))
    _check_texts(submission)
    _check_preview(call, submission.get("preview_info", {}))
    _check_ugc(call, submission)
    audit = call.wechat.reviews.submit(
        call.authorization.component, call.account, version, submission
    )
    return OK | {"auditid": audit.auditid}


def _check_items(items: Any, pages: list[str], known: list[dict[str, Any]]) -> None:
    if items is None:
        return
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise Refusal(85023)
    for item in items:
        if not isinstance(item, dict) or not item:
            raise Refusal(85010)
        _check_item(item, pages, known)


def _check_item(item: dict[str, Any], pages: list[str], known: list[dict[str, Any]]) -> None:
    tags = str(item.get("tag", "")).split()
    if len(tags) > MOST_TAGS or any(len(tag) > TAG_LENGTH for tag in tags):
        raise Refusal(85006)
    if item.get("address") and str(item["address"]).partition("?")[0] not in pages:
        raise Refusal(85007)
    chosen = {
        name: value
        for name, value in item.items()
        if re.fullmatch(r"(first|second|third)_(class|id)", name) and value
    }
    if chosen not in known:
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
    if any(call.wechat.reviews.find_media(call.account.appid, one) is None for one in ids):
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
    told = audit.describe()
    if "screenshot" in told:
        told["ScreenShot"] = told[
            "screenshot"
        ]  # the page prints one in its table, one in its sample
    return OK | {
        "auditid": str(audit.auditid),  # a number in the page's table, text in its sample
        **told,
        "user_version": audit.version.user_version,
        "user_desc": audit.version.user_desc,
        "submit_audit_time": audit.submitted_at,
    }


def undo_code_audit(call: Call) -> dict[str, Any]:
    call.wechat.reviews.undo(call.account)
    return OK


def speed_up_audit(call: Call) -> dict[str, Any]:
    audit = call.program.find_audit(call.number("auditid"))
    call.wechat.reviews.speed_up(call.authorization.component, audit)
    return OK


def query_quota(call: Call) -> dict[str, Any]:
    return OK | call.wechat.reviews.quota(call.authorization.component)


# G11 to G13: the release


def release(call: Call) -> dict[str, Any]:
    _ = call.body  # an empty one is refused
    call.program.release(int(call.wechat.clock()))
    return OK


def revert(call: Call) -> dict[str, Any]:
    wanted = call.request.query.get("app_version")
    if wanted is not None and not wanted.isdigit():
        raise Refusal(40097)
    call.program.revert(None if wanted is None else int(wanted))
    return OK


def get_history_version(call: Call) -> dict[str, Any]:
    return OK | {
        "version_list": [
            {
                "app_version": one.app_version,
                "user_version": one.version.user_version,
                "user_desc": one.version.user_desc,
                "commit_time": one.version.at,
            }
            for one in reversed(call.program.past)
        ]
    }


def gray_release(call: Call) -> dict[str, Any]:
    percentage = call.body.get("gray_percentage")
    if type(percentage) is not int or percentage < 0:
        raise Refusal(85081)
    call.program.release_gray(
        percentage,
        debuger_first=call.body.get("support_debuger_first") is True,
        experiencer_first=call.body.get("support_experiencer_first") is True,
        now=int(call.wechat.clock()),
    )
    return OK


def get_gray_plan(call: Call) -> dict[str, Any]:
    gray = call.program.gray
    return OK | {
        "gray_release_plan": {
            "status": gray.status,
            "create_timestamp": gray.created_at,
            "gray_percentage": gray.percentage,
            "support_debuger_first": gray.debuger_first,
            "support_experiencer_first": gray.experiencer_first,
        }
    }


def revert_gray(call: Call) -> dict[str, Any]:
    call.program.revert_gray()
    return OK


# G14, G15, G17: the service


def change_visit_status(call: Call) -> dict[str, Any]:
    action = call.text("action", 85022)
    if action not in ("open", "close"):
        raise Refusal(85022)
    if call.program.online is None:
        raise Refusal(85021)
    call.program.is_open = action == "open"
    return OK


def get_visit_status(call: Call) -> dict[str, Any]:
    _ = call.body
    return OK | {"status": int(call.program.is_open)}


def get_support_version(call: Call) -> dict[str, Any]:
    items = [
        {"version": version, "percentage": share} for version, share in SUPPORT_VERSIONS.items()
    ]
    return OK | {"now_version": call.program.support_version, "uv_info": {"items": items}}


def set_support_version(call: Call) -> dict[str, Any]:
    version = call.text("version", 89014)
    if version not in SUPPORT_VERSIONS:
        raise Refusal(89014)
    call.program.support_version = version
    return OK


def get_version_info(call: Call) -> dict[str, Any]:
    _ = call.body
    told: dict[str, Any] = {}
    if call.program.trial:
        told["exp_info"] = _info("exp", call.program.trial, call.program.trial.at)
    if call.program.online:
        online = call.program.online
        told["release_info"] = _info("release", online.version, online.at)
    return OK | told


def _info(kind: str, version: Version, at: int) -> dict[str, Any]:
    return {
        f"{kind}_time": at,
        f"{kind}_version": version.user_version,
        f"{kind}_desc": version.user_desc,
    }


GET = ("GET",)
CODE = (18,)

ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/gettemplatedraftlist": Endpoint(list_drafts, "component", methods=GET),
    "/wxa/addtotemplate": Endpoint(add_to_template, "component"),
    "/wxa/gettemplatelist": Endpoint(list_templates, "component", methods=GET),
    "/wxa/deletetemplate": Endpoint(delete_template, "component"),
    "/wxa/commit": Endpoint(commit, "authorizer", CODE),
    "/wxa/get_page": Endpoint(get_page, "authorizer", CODE, GET),
    "/wxa/get_category": Endpoint(get_category, "authorizer", CODE, GET),
    "/wxa/get_qrcode": Endpoint(get_qrcode, "authorizer", (18, 86), GET),
    "/wxa/security/get_code_privacy_info": Endpoint(get_code_privacy_info, "authorizer", CODE, GET),
    "/wxa/uploadmedia": Endpoint(upload_media, "authorizer", CODE),
    "/cgi-bin/media/get": Endpoint(get_media, "authorizer", methods=GET),
    "/wxa/submit_audit": Endpoint(submit_audit, "authorizer", CODE),
    "/wxa/get_auditstatus": Endpoint(get_auditstatus, "authorizer", CODE),
    "/wxa/get_latest_auditstatus": Endpoint(get_latest_auditstatus, "authorizer", CODE, GET),
    "/wxa/undocodeaudit": Endpoint(undo_code_audit, "authorizer", CODE, GET),
    "/wxa/speedupaudit": Endpoint(speed_up_audit, "authorizer", CODE),
    "/wxa/queryquota": Endpoint(query_quota, "authorizer", CODE, GET),
    "/wxa/release": Endpoint(release, "authorizer", CODE),
    "/wxa/revertcoderelease": Endpoint(revert, "authorizer", CODE, GET),
    "/wxa/revertcoderelease?action=get_history_version": Endpoint(
        get_history_version, "authorizer", CODE, GET
    ),
    "/wxa/grayrelease": Endpoint(gray_release, "authorizer", CODE),
    "/wxa/getgrayreleaseplan": Endpoint(get_gray_plan, "authorizer", CODE, GET),
    "/wxa/revertgrayrelease": Endpoint(revert_gray, "authorizer", CODE, GET),
    "/wxa/change_visitstatus": Endpoint(change_visit_status, "authorizer", CODE),
    "/wxa/getvisitstatus": Endpoint(get_visit_status, "authorizer", CODE),
    "/cgi-bin/wxopen/getweappsupportversion": Endpoint(get_support_version, "authorizer", CODE),
    "/cgi-bin/wxopen/setweappsupportversion": Endpoint(set_support_version, "authorizer", CODE),
    "/wxa/getversioninfo": Endpoint(get_version_info, "authorizer", CODE),
}
