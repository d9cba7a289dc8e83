"""Users of mini programs, for another program of the company's: logins, data, phone numbers."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.services.lending import while_bound
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.tokens import as_component
from wechat import user_data
from wechat import users as wechat
from wechat.errors import BadAnswer


class OtherWatermark(Exception):
    """The data was made for another account: somebody passes off what is not theirs."""

    text = _("The watermark in it is not of this account.")


def log_in(authorizer: Authorizer, js_code: str) -> wechat.UserSession:
    """jscode2session of JS_CODE. Raises NotBound and what WeChat answered."""
    with while_bound(authorizer):
        release_db_connection()
        return as_component(authorizer.component, wechat.code_to_session, authorizer.appid, js_code)


def decrypt(authorizer: Authorizer, session_key: str, encrypted_data: str, iv: str) -> Any:
    """The object in ENCRYPTED_DATA. Raises Undecipherable and OtherWatermark."""
    content = user_data.decrypt_user_data(session_key, encrypted_data, iv)
    if user_data.watermark_appid(content) != authorizer.appid:
        raise OtherWatermark
    return content


def find_phone_number(authorizer: Authorizer, code: str, openid: str) -> wechat.PhoneNumber:
    """getuserphonenumber of CODE. Raises NotBound and what WeChat answered."""
    with while_bound(authorizer):
        release_db_connection()
        phone = call_as(authorizer.appid, wechat.get_phone_number, code, openid)
    if phone.appid != authorizer.appid:
        raise BadAnswer("/wxa/business/getuserphonenumber", "another account's watermark")
    return phone
