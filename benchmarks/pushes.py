"""Message pushes sealed like WeChat's, ready to be sent."""

import secrets
import time
from urllib.parse import urlencode

from sandbox.wire.envelope import Sealed, Webhook, seal, xml

APPID, USER_NAME = "wxbenchmark0000001", "gh_benchmark01"
TEXT = "今天下单，什么时候能送到？" * 7


def door_of(settings: dict[str, str]) -> Webhook:
    """The message door of our one account, sealed with the component's keys in SETTINGS."""
    return Webhook(
        url=f"/wechat/{APPID}/push/",
        token=settings["WECHAT_TOKEN"],
        aes_key=settings["WECHAT_AES_KEY"],
        appid=settings["WECHAT_COMPONENT_APPID"],
        user_name=USER_NAME,
    )


def sealed_pushes(door: Webhook, count: int) -> list[Sealed]:
    """COUNT distinct text messages, some 500 bytes each before they are sealed."""
    return [_sealed(door) for _ in range(count)]


def message_fields(user_name: str) -> dict[str, object]:
    """A text of a user nobody knows yet, to the account of USER NAME."""
    return {
        "ToUserName": user_name,
        "FromUserName": f"o{secrets.token_urlsafe(20)}",
        "CreateTime": int(time.time()),
        "MsgType": "text",
        "Content": TEXT,
        "MsgId": secrets.randbelow(10**18),
    }


def _sealed(door: Webhook) -> Sealed:
    fields = message_fields(door.user_name)
    return seal(
        xml(fields),
        door,
        timestamp=str(fields["CreateTime"]),
        nonce=str(secrets.randbelow(10**10)),
        random16=secrets.token_hex(8).encode(),
        openid=str(fields["FromUserName"]),
    )


def request(sealed: Sealed) -> bytes:
    """SEALED as it goes over a kept-alive connection."""
    head = (
        f"POST {sealed.url}?{urlencode(sealed.params)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "User-Agent: Mozilla/4.0\r\nAccept: */*\r\nContent-Type: text/xml\r\n"
        f"Content-Length: {len(sealed.body)}\r\n\r\n"
    )
    return head.encode() + sealed.body
