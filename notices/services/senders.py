"""
How a message is sent, by the type of its channel. Bots and programs are behind the same SSRF guard
and bounds as forward targets; mail goes to the server that the operators have set.

A bot refuses with HTTP 200 and a code in its answer, so the answer is read. No error has more of an
address than its host, and what a bot answers is kept without the address's own secrets.
"""

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from messaging import outbound, standard_webhooks
from messaging.outbound import Undelivered
from messaging.services.forwarding.posting import encode_payload, explain_status
from notices.models import Channel
from notices.services.texts import Content
from platform_auth.mail import has_mail_server
from wechat.bulkhead import take_place
from wechat.errors import clean

SEND_TIMEOUT = 8.0  # seconds for one post, much less than a lease
MAX_REASON = 300

# What a bot takes of a text, in bytes of UTF-8.
WECOM_BYTES, DINGTALK_BYTES, FEISHU_BYTES = 2048, 6000, 12000


def send(channel: Channel, content: Content) -> None:
    """Send CONTENT to CHANNEL, once. Raises Undelivered, and Unreadable if it cannot be read."""
    _SENDERS[Channel.Type(channel.type)](channel, content)


def _send_email(channel: Channel, content: Content) -> None:
    address = channel.address or (channel.owner.email if channel.owner else "")
    if not address:
        raise Undelivered(_("There is no e-mail address."))
    if not has_mail_server():
        raise Undelivered(_("No mail server is set: EMAIL_URL."))
    host = urlsplit(settings.PUBLIC_URL).hostname
    headers = {
        "Message-ID": f"<{content.reference}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    mail = EmailMessage(content.title, _as_text(channel, content), to=[address], headers=headers)
    take_place()
    try:
        mail.send()
    except (OSError, ValueError) as error:  # smtplib's are OSErrors; their text may name people
        code = getattr(error, "smtp_code", "")
        reason = f"{type(error).__name__} {code}".strip()
        raise Undelivered(
            _("The mail server did not take it: %(reason)s") % {"reason": reason}
        ) from None


def _send_to_wecom(channel: Channel, content: Content) -> None:
    """企业微信 群机器人, a text: it is shown as it is, so nothing in it can call people."""
    body = {"msgtype": "text", "text": {"content": _as_text(channel, content, WECOM_BYTES)}}
    _post_to_bot(channel, channel.address, body)


def _send_to_dingtalk(channel: Channel, content: Content) -> None:
    """钉钉 自定义机器人, a text, signed (加签) where the bot has a secret."""
    url = channel.address
    if secret := channel.secret:
        at = str(round(time.time() * 1000))
        signature = quote(_sign(secret.encode(), f"{at}\n{secret}"), safe="")
        url = f"{url}&timestamp={at}&sign={signature}"
    body = {"msgtype": "text", "text": {"content": _as_text(channel, content, DINGTALK_BYTES)}}
    _post_to_bot(channel, url, body)


def _send_to_feishu(channel: Channel, content: Content) -> None:
    """飞书 自定义机器人, rich text (post), signed (签名校验) where the bot has a secret."""
    text = shorten(content.text, FEISHU_BYTES)
    lines = [
        [{"tag": "text", "text": text}],
        [{"tag": "a", "text": content.url, "href": content.url}],
        [{"tag": "text", "text": _number(channel, content)}],
    ]
    post = {"zh_cn": {"title": content.title, "content": lines}}
    body: dict[str, Any] = {"msg_type": "post", "content": {"post": post}}
    if secret := channel.secret:
        at = str(int(time.time()))
        # 飞书 signs an empty text with the time and the secret as the key.
        body |= {"timestamp": at, "sign": _sign(f"{at}\n{secret}".encode(), "")}
    _post_to_bot(channel, channel.address, body)


def _send_to_webhook(channel: Channel, content: Content) -> None:
    """Another program, signed as what is forwarded is (Standard Webhooks)."""
    body = encode_payload(f"notice.{content.type}", timezone.now(), content.payload)
    headers = standard_webhooks.headers(
        f"notice_{content.reference}", body, [channel.secret], int(time.time())
    )
    answer = outbound.post(channel.address, body, headers, deadline=time.monotonic() + SEND_TIMEOUT)
    if not answer.is_good:
        raise Undelivered(explain_status(answer.status))


_SENDERS: dict[Channel.Type, Callable[[Channel, Content], None]] = {
    Channel.Type.EMAIL: _send_email,
    Channel.Type.WECOM: _send_to_wecom,
    Channel.Type.DINGTALK: _send_to_dingtalk,
    Channel.Type.FEISHU: _send_to_feishu,
    Channel.Type.WEBHOOK: _send_to_webhook,
}


def _post_to_bot(channel: Channel, url: str, body: dict[str, Any]) -> None:
    encoded = json.dumps(body, ensure_ascii=False).encode()
    answer = outbound.post(url, encoded, {}, deadline=time.monotonic() + SEND_TIMEOUT)
    if not answer.is_good:
        raise Undelivered(explain_status(answer.status))
    code, words = _read_answer(answer.body)
    if code != 0:
        reason = _without_secrets(f"{code} {words}".strip(), channel)
        raise Undelivered(_("The bot refused it: %(reason)s") % {"reason": reason})


def _read_answer(body: bytes) -> tuple[object, str]:
    """The code and the words of a bot's answer; 企业微信 and 钉钉 call them errcode and errmsg."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        for code, words in (
            ("errcode", "errmsg"),
            ("code", "msg"),
            ("StatusCode", "StatusMessage"),
        ):
            if code in answer:
                return answer[code], str(answer.get(words, ""))
    return _("its answer was not understood"), ""


def _without_secrets(text: str, channel: Channel) -> str:
    """TEXT of a stranger, short, and without what only CHANNEL's address and secret may have."""
    parts = urlsplit(channel.address)
    secrets = [
        channel.secret,
        parts.path.rpartition("/")[2],
        *(v for _n, v in parse_qsl(parts.query)),
    ]
    for secret in filter(lambda secret: len(secret) >= 8, secrets):
        text = text.replace(secret, "…")
    return clean(text)[:MAX_REASON]


def _sign(key: bytes, text: str) -> str:
    return b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def _as_text(channel: Channel, content: Content, most: int = 100_000) -> str:
    """CONTENT as people read it, in at most MOST bytes: what is too long is cut before the link."""
    end = f"\n\n{content.url}\n{_number(channel, content)}\n"
    begin = f"{content.title}\n\n"
    return begin + shorten(content.text, most - len((begin + end).encode())) + end


def _number(channel: Channel, content: Content) -> str:
    """By it people see that two messages are the same, and staff find it in the log."""
    with translation.override(channel.language):
        return _("No. %(number)s") % {"number": content.reference[:8]}


def shorten(text: str, most: int) -> str:
    """TEXT in at most MOST bytes of UTF-8."""
    if len(text.encode()) <= most:
        return text
    return text.encode()[: max(most - 3, 0)].decode(errors="ignore") + "…"
