"""Staff pages whose acts may fail for what our own rows say, too."""

from platform_auth.admin.pages import StaffAdmin
from platform_auth.fields import Unreadable
from platform_auth.problems import CannotAct
from wechat.errors import WeChatError


class ExplainedAdmin(StaffAdmin):
    troubles = (WeChatError, Unreadable, CannotAct)
