"""The pushes that WeChat's tester would send, sealed with the component's keys."""

import secrets
import time

from messaging.tester import send_request
from platform_auth.models import TESTER_OPENID_PREFIX, Component
from wechat.envelope import Key, sign
from wechat.transport import Answer

COMPONENT_PATH = "/wechat/component/push/"
EVENT = "LOCATION"
EVENT_FIELDS = {
    "MsgType": "event",
    "Event": EVENT,
    "Latitude": "23.137466",
    "Longitude": "113.352425",
    "Precision": "119.385040",
}


def text_fields(content: str) -> dict[str, str]:
    """A text message; its MsgId has 64 bits, like WeChat's own."""
    return {"MsgType": "text", "Content": content, "MsgId": str(secrets.randbits(62))}


def new_openid() -> str:
    """A user of the rehearsal's own, so that nothing of it looks like WeChat's."""
    return f"{TESTER_OPENID_PREFIX}{secrets.token_hex(8)}"


def message_path(appid: str) -> str:
    """Where the pushes of the account APPID go."""
    return f"/wechat/{appid}/push/"


class TesterPushes:
    """The tester of COMPONENT, whose webhooks are at URL. All methods raise Unheard."""

    def __init__(self, component: Component, url: str, key: Key) -> None:
        self.component = component
        self.url = url
        self.key = key

    def check_url(self, path: str, echostr: str) -> Answer:
        """The GET by which WeChat's console checks an address."""
        return send_request("GET", self.url + path, {**self._signature(), "echostr": echostr})

    def push_ticket(self, ticket: str, created: int) -> Answer:
        """component_verify_ticket."""
        appid = self.component.appid
        fields = {
            "AppId": appid,
            "CreateTime": str(created),
            "InfoType": "component_verify_ticket",
            "ComponentVerifyTicket": ticket,
        }
        return self._push(COMPONENT_PATH, ("AppId", appid), fields)[0]

    def push_message(
        self, appid: str, user_name: str, openid: str, fields: dict[str, str]
    ) -> tuple[Answer, str]:
        """Push what a user does; the answer, and the nonce that it was asked with."""
        message = {
            "ToUserName": user_name,
            "FromUserName": openid,
            "CreateTime": str(int(time.time())),
            **fields,
        }
        return self._push(message_path(appid), ("ToUserName", user_name), message, openid=openid)

    def _push(
        self, path: str, head: tuple[str, str], fields: dict[str, str], **query: str
    ) -> tuple[Answer, str]:
        encrypt = self.component.envelope.encrypt(_write_xml(fields), key=self.key)
        query |= self._signature()
        signed = sign(self.key.token, query["timestamp"], query["nonce"], encrypt)
        query |= {"encrypt_type": "aes", "msg_signature": signed}
        body = _write_xml({head[0]: head[1], "Encrypt": encrypt})
        return send_request("POST", self.url + path, query, body.encode()), query["nonce"]

    def _signature(self) -> dict[str, str]:
        timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**9))
        signature = sign(self.key.token, timestamp, nonce)
        return {"signature": signature, "timestamp": timestamp, "nonce": nonce}


def _write_xml(fields: dict[str, str]) -> str:
    inside = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items())
    return f"<xml>{inside}</xml>"
