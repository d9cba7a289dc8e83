"""A push's envelope: inner XML as WeChat writes it, sealed for one of the platform's webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.wire import crypto


class Sealed(NamedTuple):
    """A push as it goes over the wire."""

    url: str
    params: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Webhook:
    """Where a push goes and whose keys seal it."""

    url: str
    token: str
    aes_key: str
    appid: str  # the component's, in the envelope and at the end of the plaintext
    user_name: str = ""  # of the authorizer whose messages go there; "" for component pushes


def xml(fields: Mapping[str, Any]) -> str:
    """Inner XML as in live captures: strings in CDATA, numbers bare, no declaration."""
    return "<xml>" + "\n".join(_elements(fields)) + "\n</xml>"


def _elements(fields: Mapping[str, Any]) -> list[str]:
    return [
        f"<{name}>{_content(value)}</{name}>"
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _content(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_elements(value))
    if isinstance(value, int | float):
        return str(value)
    return "<![CDATA[" + str(value).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def seal(
    inner: str,
    webhook: Webhook,
    *,
    timestamp: str,
    nonce: str,
    random16: bytes,
    encrypt_type: str = "aes",
    openid: str = "",
    token: str | None = None,
    aes_key: str | None = None,
    tail: str | None = None,
    msg_signature: str | None = None,
    signature: str | None = None,
) -> Sealed:
    """The wire form. The optional arguments tamper with it: another token or key, another appid
    at the end (TAIL), a signature of one's own.
    """
    token = webhook.token if token is None else token
    encrypted = crypto.seal(
        inner.encode(),
        aes_key=aes_key or webhook.aes_key,
        appid=webhook.appid if tail is None else tail,
        random16=random16,
    )
    if signature is None:
        signature = crypto.signature(token, timestamp, nonce)
    if msg_signature is None:
        msg_signature = crypto.signature(token, timestamp, nonce, encrypted)
    # In WeChat's order, as it stands in a platform's access log.
    params = {"signature": signature, "timestamp": timestamp, "nonce": nonce}
    if openid:
        params["openid"] = openid
    params |= {"encrypt_type": encrypt_type, "msg_signature": msg_signature}
    return Sealed(webhook.url, params, _envelope(webhook, encrypted).encode())


def _envelope(webhook: Webhook, encrypted: str) -> str:
    name, value = "AppId", webhook.appid
    if webhook.user_name:
        name, value = "ToUserName", webhook.user_name
    return (
        f"<xml>\n    <{name}><![CDATA[{value}]]></{name}>\n"
        f"    <Encrypt><![CDATA[{encrypted}]]></Encrypt>\n</xml>"
    )
