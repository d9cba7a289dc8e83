"""Which names WeChat takes as domains, rule by rule."""

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from platform_auth.text_rules import TextRule, broken_rules, made_of

_PORT = re.compile(r":[1-9][0-9]{0,4}", re.ASCII)
_LAST = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+", re.ASCII)
_OWN = "api.weixin.qq.com"


def _labels(name: str) -> list[str]:
    return name.split(".")


_RULES = (
    made_of("0-9a-z.-", _("a domain has letters, digits, dots and hyphens only; here is: %(odd)s")),
    TextRule(
        _("it has a dot, and nothing empty beside one"),
        lambda name: len(_labels(name)) > 1 and all(_labels(name)),
    ),
    TextRule(
        _("no part of it begins or ends with a hyphen"),
        lambda name: not any(part.strip("-") != part for part in _labels(name)),
    ),
    TextRule(
        _("its last part has two letters or more, and no digit"),
        lambda name: "." not in name or not _labels(name)[-1] or _LAST.fullmatch(_labels(name)[-1]),
    ),
    TextRule(
        _("each part has up to 63 characters, all together 253"),
        lambda name: len(name) <= 253 and all(len(part) <= 63 for part in _labels(name)),
    ),
    TextRule(_("WeChat's own domain may not be one"), lambda name: name != _OWN),
)


def broken_rules_of_domain(name: str, port: str, *, allows_port: bool) -> list[str]:
    """What is wrong with NAME, and with PORT behind it, which may be ""."""
    if "//" in f"{name}{port}":
        return [gettext("another scheme stands before it")]
    if "/" in f"{name}{port}":
        return [gettext("it is a host alone, without a path")]
    broken = broken_rules(name, _RULES)
    if port and not allows_port:
        broken.append(gettext("it has no port"))
    elif port and not _PORT.fullmatch(port):
        broken.append(gettext("its port is a number of up to five digits"))
    return broken
