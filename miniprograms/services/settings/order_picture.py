"""A picture of the page with orders, for WeChat's reviewers: uploaded, and named by the setting."""

from miniprograms.models import Setting
from miniprograms.services.review_pictures import keep_picture
from miniprograms.services.settings.kinds import NothingDesired
from miniprograms.services.settings.order_path import ORDER_PATH
from miniprograms.services.settings.record import set_desired
from platform_auth.operations import Actor


def attach_order_picture(setting: Setting, content: bytes, *, by: Actor) -> Setting:
    """CONTENT is served here, and what is desired names it from now on; nothing is applied."""
    if setting.desired is None:
        raise NothingDesired
    pictures = setting.desired.get("img_list", [])
    ORDER_PATH.check({**setting.desired, "img_list": [*pictures, "https://a"]})
    address = keep_picture(setting.authorizer, content, by=by)
    value = {**setting.desired, "img_list": [*pictures, address]}
    return set_desired(setting.authorizer, setting.kind, value, by=by, applies=False)
