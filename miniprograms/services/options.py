"""The options of an authorizer (选项): location_report, voice_recognize, customer_service."""

from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, recorded_call
from wechat import component as wechat

OPTION_TITLES = {
    "location_report": _("location reports"),
    "voice_recognize": _("recognition of voice messages"),
    "customer_service": _("several customer service staff"),
}


def get_option(authorizer: Authorizer, name: str) -> str:
    """get_authorizer_option 获取授权方选项信息. Raises what WeChat answered."""
    release_db_connection()
    return str(call_as(authorizer.appid, wechat.get_authorizer_option, name))


def set_option(authorizer: Authorizer, name: str, value: str, *, by: Actor) -> None:
    """set_authorizer_option 设置授权方选项信息. Raises what WeChat answered."""
    with recorded_call("set_option", by=by, appid=authorizer.appid, result=f"{name} = {value}"):
        call_as(authorizer.appid, wechat.set_authorizer_option, name, value)
