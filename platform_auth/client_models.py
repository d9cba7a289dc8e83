"""Other back ends that use the platform: what each may do, and the keys it shows for that."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from platform_auth.text_rules import (
    HOST_RULES,
    NETWORK_RULES,
    PATH_RULES,
    AppidText,
    TextRule,
    broken_rules,
)

MAX_RATE = 6000  # requests a minute

# With these a client needs nothing else of ours: whoever gives them holds the right themselves.
TOKENS_READ, WECHAT_CALL = "tokens:read", "wechat:call"
SCOPES = {
    "authorizers:read": _("see accounts and their state"),
    "bindings:write": _("make bind links"),
    TOKENS_READ: _("be given access tokens"),
    WECHAT_CALL: _("call WeChat as an account"),
    "code:read": _("see versions, audits and values of ext.json"),
    "code:write": _("upload code and submit it for review"),
    "code:release": _("release and roll back"),
    "messages:send": _("send messages to users"),
    "users:login": _("log users in"),
    "jssdk:sign": _("sign pages for the JS-SDK"),
    "settings:write": _("change settings"),
    "quota:clear": _("have calls counted anew"),
}
GRAVE_SCOPES = {
    TOKENS_READ: "platform_auth.read_tokens",
    WECHAT_CALL: "platform_auth.call_wechat",
}


MOST_ENTRIES = 1000


def check_scopes(scopes: Any) -> None:
    """Raises ValidationError for what is none of SCOPES."""
    _check_list(scopes)
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        names = ", ".join(str(scope)[:60] for scope in unknown[:5])
        raise ValidationError(_("There are no such scopes: %(names)s") % {"names": names})


def check_appids(appids: Any) -> None:
    _check_each(appids, AppidText.rules)


def check_prefixes(prefixes: Any) -> None:
    """Of WeChat's paths, as they are after normalising."""
    _check_each(prefixes, PATH_RULES)


def check_hosts(hosts: Any) -> None:
    """Whole names, with a port where it is not the usual one."""
    _check_each(hosts, HOST_RULES)


def check_addresses(addresses: Any) -> None:
    """Addresses, and networks as 10.0.0.0/8."""
    _check_each(addresses, NETWORK_RULES)


def _check_list(entries: Any) -> None:
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise ValidationError(_("A list of at most %(most)d is needed.") % {"most": MOST_ENTRIES})


def _check_each(entries: Any, rules: Sequence[TextRule]) -> None:
    """Raises ValidationError with the rule that an entry breaks, for the first that break one."""
    _check_list(entries)
    problems = []
    for entry in entries:
        broken = broken_rules(entry, rules) if isinstance(entry, str) else [str(_("it is a text"))]
        if broken or not entry:
            words = "; ".join(broken) or str(_("it is empty"))
            problems.append(f"{str(entry)[:60]}: {words}")
    if problems:
        raise ValidationError(problems[:5])


class ClientQuerySet(models.QuerySet["ApiClient"]):
    def live(self) -> "ClientQuerySet":
        """Those that have not expired, of people whose accounts are switched on."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), owner__is_active=True)


class ApiClient(models.Model):
    """
    A program of ours or of a merchant's. It sees what its owner sees, narrowed by `appids`, and
    does what its owner may do, narrowed by `scopes`.
    """

    name = models.CharField(_("name"), max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_clients",
        verbose_name=_("owner"),
    )
    scopes = models.JSONField(_("scopes"), default=list, validators=[check_scopes])
    appids = models.JSONField(
        _("accounts"),
        default=list,
        blank=True,
        validators=[check_appids],
        help_text=_("None: all that its owner sees."),
    )
    path_prefixes = models.JSONField(
        _("WeChat's paths"),
        default=list,
        blank=True,
        validators=[check_prefixes],
        help_text=_("How those that it calls begin. None: all but the platform's own."),
    )
    return_hosts = models.JSONField(
        _("hosts to return to"),
        default=list,
        blank=True,
        validators=[check_hosts],
        help_text=_("After a binding."),
    )
    redirect_hosts = models.JSONField(
        _("hosts of its pages"),
        default=list,
        blank=True,
        validators=[check_hosts],
        help_text=_("Of web logins and JS-SDK."),
    )
    addresses = models.JSONField(
        _("addresses"),
        default=list,
        blank=True,
        validators=[check_addresses],
        help_text=_("That it asks from. None: any."),
    )
    rate = models.PositiveIntegerField(
        _("requests a minute"),
        default=600,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RATE)],
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        permissions = [
            ("read_tokens", _("Can be given access tokens of accounts")),
            ("call_wechat", _("Can call WeChat as an account")),
        ]

    def __str__(self) -> str:
        return self.name


class ClientKey(models.Model):
    """A key of a client's: the key itself is shown once and not kept."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="keys")
    digest = models.CharField(max_length=128, unique=True)
    beginning = models.CharField(max_length=12)  # by which a person tells it from the other one
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.beginning}…"
