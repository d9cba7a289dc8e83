"""Where a browser goes after a binding that another back end has begun, and what it says there."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from miniprograms.models import Binding
from miniprograms.services.bind_links import bind_links, status_of
from wechat.ssrf import Forbidden, Guard, Listed
from wechat.transport import Origin

OURS = ("binding", "status", "user_ref")  # what we add to the address
_LOOPBACK = ("localhost", "127.0.0.1")


class BadReturnUrl(Exception):
    """An address that no browser is sent to. It knows the sentence."""


def check_return_url(url: str, hosts: Sequence[str]) -> None:
    """Raises BadReturnUrl where URL is not one of HOSTS, or is not written in the one plain way."""
    try:
        origin = Guard([Listed.read(host) for host in hosts]).read(url)
    except Forbidden as error:
        raise BadReturnUrl(_(error.sentence) % error.params) from None
    if origin.name not in hosts:
        raise BadReturnUrl(_("Its host is none of those that this client may return to."))
    if not (origin.is_secure or _may_be_plain(origin)):
        raise BadReturnUrl(_("It must begin with https://."))
    names = {name for name, _value in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    if taken := sorted(names & {*OURS}):
        raise BadReturnUrl(_("We add these ourselves: %(names)s") % {"names": ", ".join(taken)})


def _may_be_plain(origin: Origin) -> bool:
    """Whether http will do: on this machine, or where we have nothing else ourselves."""
    return origin.host in _LOOPBACK or settings.PUBLIC_URL.startswith("http://")


def return_address(binding: Binding) -> str:
    """
    Where the browser of BINDING goes now; "" while it stays with us: nothing has come of it, no
    other back end has begun it, or its client may not return there any more.
    """
    if not binding.is_final or binding.link is None or not binding.link.return_url:
        return ""
    link = bind_links().get(pk=binding.link.pk)
    try:
        check_return_url(link.return_url, link.client.return_hosts if link.client else [])
    except BadReturnUrl:
        return ""
    values = {"binding": link.pk, "status": status_of(link), "user_ref": link.user_ref}
    return f"{link.return_url}{'&' if '?' in link.return_url else '?'}{urlencode(values)}"
