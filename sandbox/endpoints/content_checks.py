"""The endpoints for content safety (M3)."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.content_checks import is_risky, judge
from sandbox.world.errors import Refusal

LONGEST_TEXT = 2_500
SCENES = (1, 2, 3, 4)
AUDIO, IMAGE = 1, 2
LARGEST_IMAGE = 1024 * 1024


def check_text(call: Call) -> dict[str, Any]:
    content = call.text("content", 44002)
    if "version" not in call.body:
        return _check_text_of_old(content)
    _check_version(call)
    if len(content) > LONGEST_TEXT:
        raise Refusal(45002)
    others = [call.body.get(name, "") for name in ("title", "nickname", "signature")]
    checks = call.wechat.content_checks
    return OK | judge(" ".join([content, *map(str, others)])) | {"trace_id": checks.new_trace_id()}


def _check_text_of_old(content: str) -> dict[str, Any]:
    """The first version, which says by the errcode alone what it thinks."""
    if is_risky(content):
        raise Refusal(87014)
    return OK


def check_image(call: Call) -> dict[str, Any]:
    """The first version, of a file; its bytes stand for what is to be seen."""
    content = call.file("media").get_payload(decode=True)
    if not isinstance(content, bytes) or not content:
        raise Refusal(44001)
    if len(content) > LARGEST_IMAGE:
        raise Refusal(40006)
    return _check_text_of_old(content.decode("utf-8", "replace"))


def check_media(call: Call) -> dict[str, Any]:
    url = call.text("media_url", 40097)
    if call.body.get("media_type") not in (AUDIO, IMAGE) or not url.startswith("http"):
        raise Refusal(40097)
    if "version" in call.body:
        _check_version(call)
    return OK | {"trace_id": call.wechat.content_checks.judge_later(call.account, url)}


def _check_version(call: Call) -> None:
    """Of the second version the user must be one who is there."""
    if call.body["version"] not in (2, "2"):
        raise Refusal(40097)
    if call.body.get("scene") not in SCENES:
        raise Refusal(40129)
    call.wechat.content_checks.need_visitor(call.account, call.text("openid", 40003))


CODE = (18,)

ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/msg_sec_check": Endpoint(check_text, "authorizer", CODE),
    "/wxa/img_sec_check": Endpoint(check_image, "authorizer", CODE),
    "/wxa/media_check_async": Endpoint(check_media, "authorizer", CODE),
}
