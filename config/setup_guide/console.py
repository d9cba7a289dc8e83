"""What to paste where in WeChat's console, for the host that is configured."""

from urllib.parse import urlsplit

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from config.setup_guide.facts import Facts
from platform_auth.admin.pages import ago, copyable, label, table

DEVELOPMENT = "管理中心 › 第三方平台 › 详情 › 开发配置"


def console_table(facts: Facts) -> object:
    """A row for each field: where, what, and whether the system has seen that it is right."""
    headers = [_("field in WeChat's console"), _("value"), _("seen here")]
    return table(headers, [_row(*field) for field in _fields(facts)])


def _fields(facts: Facts) -> list[tuple[str, str, object, object]]:
    """Name, where it stands, the value, and what has been seen; "" where nothing can be."""
    host, url = urlsplit(settings.PUBLIC_URL).hostname or "", settings.PUBLIC_URL
    ticket_at = facts.component.ticket_received_at if facts.component else None
    arrived = (_("a ticket has arrived"), ticket_at)
    messages = (_("a message has arrived"), facts.seen.message_at)
    bound = (_("an account has authorised"), facts.seen.bound_at)
    answered = (_("WeChat answers us"), facts.seen.answer_at)
    inside = _("the value of %(setting)s, as it stands in .env or in its file")
    addresses = [address for address, _at in facts.refused_addresses]
    return [
        ("登录授权的发起页域名", DEVELOPMENT, copyable(host), _seen(*bound)),
        (
            "授权事件接收URL",
            DEVELOPMENT,
            copyable(f"{url}/wechat/component/push/"),
            _seen(*arrived),
        ),
        (
            "消息与事件接收URL",
            DEVELOPMENT,
            copyable(f"{url}/wechat/$APPID$/push/"),
            _seen(*messages),
        ),
        ("消息校验Token", DEVELOPMENT, inside % {"setting": "WECHAT_TOKEN"}, _seen(*arrived)),
        ("消息加解密Key", DEVELOPMENT, inside % {"setting": "WECHAT_AES_KEY"}, _seen(*arrived)),
        ("白名单IP地址列表", DEVELOPMENT, _addresses(addresses), _seen(*answered)),
        ("授权测试公众号/小程序列表", DEVELOPMENT, _testers(), _seen(*bound)),
        ("小程序服务器域名", _("where mini programs call this host"), copyable(host), ""),
        ("小程序业务域名", _("where mini programs show its pages"), copyable(host), ""),
        ("网页开发域名", _("where users log in on pages of official accounts"), copyable(host), ""),
    ]


def _row(name: str, place: str, value: object, seen: object) -> tuple[object, ...]:
    shown = format_html('<strong>{}</strong><br><span class="staff-faint">{}</span>', name, place)
    return shown, value, seen or _("cannot be seen from here")


def _seen(what: str, at: object) -> SafeString:
    if at is None:
        return label(_("not yet"), "warning")
    return format_html("{} {} {}", label(_("right"), "success"), what, ago(at))  # type: ignore[arg-type]


def _addresses(addresses: list[str]) -> object:
    """Those that WeChat has named as it refused them; else where the address is found."""
    if addresses:
        return copyable(";".join(addresses))
    return _(
        "the addresses that your servers call WeChat from; where one is missing WeChat refuses and "
        "names it, and the step about our address shows it"
    )


def _testers() -> str:
    return _("the accounts to try with: before 全网发布 no others can authorise")
