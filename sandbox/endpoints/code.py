"""The endpoints for a mini program's code: templates, upload, release (G), without its review."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.wire import qr
from sandbox.wire.exchange import Reply
from sandbox.world.errors import Refusal
from sandbox.world.program import VERSION_LENGTH, Version

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
    template_type = call.request.query.get("template_type", "")
    templates = call.component.library.templates.values()
    chosen = [one for one in templates if template_type in ("", str(one.template_type))]
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
    return OK | {"category_list": call.account.review_categories()}


def get_qrcode(call: Call) -> Reply:
    version = call.program.need_trial()
    page = call.request.query.get("path", "")
    if page and page.partition("?")[0] not in version.pages:
        raise Refusal(40097)
    headers = {
        "Content-Type": "image/jpeg",
        "Content-disposition": 'attachment; filename="QRCode.jpg"',
    }
    return Reply(qr.picture(f"{call.account.appid}{version.user_version}{page}"), headers=headers)


def get_code_privacy_info(call: Call) -> dict[str, Any]:
    program = call.program
    program.need_trial()
    program.check_code(call.wechat.clock())
    return OK | {
        "without_auth_list": program.without_auth,
        "without_conf_list": program.without_conf,
    }


# G11 to G13: the release


def release(call: Call) -> dict[str, Any]:
    _ = call.body  # an empty one is refused
    call.program.release(int(call.wechat.clock()))
    return OK


def revert(call: Call) -> dict[str, Any]:
    app_version = call.request.query.get("app_version")
    if app_version is not None and not app_version.isdigit():
        raise Refusal(40097)
    call.program.revert(None if app_version is None else int(app_version))
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
    versions: dict[str, Any] = {}
    if call.program.trial:
        versions["exp_info"] = _info("exp", call.program.trial, call.program.trial.at)
    if call.program.online:
        online = call.program.online
        versions["release_info"] = _info("release", online.version, online.at)
    return OK | versions


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
