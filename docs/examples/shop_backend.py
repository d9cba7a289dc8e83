"""
A shop's back end that keeps no WeChat credential at all: it logs a user of its mini program in,
sends them a message and reads what is left of the quota, by the platform alone. It needs requests.

    PLATFORM_URL=https://platform.example.com PLATFORM_KEY=wxp_… \
        python shop_backend.py wx0123456789abcdef CODE_OF_WX_LOGIN

The client of the key needs the scopes users:login, wechat:call and authorizers:read.
"""

import json
import os
import sys
import time
import uuid
from typing import Any

import requests

SEND = "cgi-bin/message/custom/send"
ATTEMPTS = 3


class PlatformError(Exception):
    """The platform's own words for why it was not done."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['detail']} (request {error['request_id']})")
        self.status = status
        self.code: str = error["code"]
        self.wechat: dict[str, Any] = error.get("wechat", {})


class WeChatRefused(Exception):
    """WeChat's own answer to a call by the gateway was no."""


class Platform:
    """One account, by the API of the platform that it has authorised."""

    def __init__(self, url: str, key: str, appid: str) -> None:
        self.base = f"{url.rstrip('/')}/api/v1/authorizers/{appid}/"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def log_in(self, code: str) -> dict[str, Any]:
        """The user of CODE, which wx.login gave: openid and session_key. Keep both to yourself."""
        user: dict[str, Any] = self._ask("POST", "login/", json={"code": code}).json()
        return user

    def say(self, openid: str, text: str) -> None:
        """Send TEXT to a user who has written within 48 hours."""
        body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        self.call_wechat(SEND, body)

    def call_wechat(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """WeChat's answer to a call of PATH as the account. Raises WeChatRefused."""
        answer = self._ask("POST", f"wechat/{path}", json=body)
        said: dict[str, Any] = answer.json()
        if answer.headers.get("X-WeChat-Errcode") != "0":
            raise WeChatRefused(f"{said.get('errcode')} {said.get('errmsg')}")
        return said

    def quota_left(self, path: str) -> int | None:
        """How many calls of PATH are left today; None where WeChat does not tell."""
        quota: dict[str, Any] = self._ask("GET", "quota/", params={"path": f"/{path}"}).json()
        left: int | None = quota["remain"]
        return left

    def _ask(self, method: str, address: str, **request: Any) -> requests.Response:
        """The answer, after as long a wait as the platform asks for. Raises PlatformError."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        for attempt in range(1, ATTEMPTS + 1):
            answer = self.session.request(
                method, self.base + address, headers=headers, timeout=30, **request
            )
            if answer.status_code < 400:
                return answer
            if answer.status_code not in {429, 503} or attempt == ATTEMPTS:
                break
            time.sleep(min(float(answer.headers.get("Retry-After", 1)), 60))
        raise PlatformError(answer.status_code, answer.json())


def main(appid: str, code: str) -> int:
    platform = Platform(os.environ["PLATFORM_URL"], os.environ["PLATFORM_KEY"], appid)
    try:
        user = platform.log_in(code)
        platform.say(user["openid"], "Welcome back! Your tea is ready.")
        left = platform.quota_left(SEND)
    except (PlatformError, WeChatRefused) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"openid": user["openid"], "messages_left_today": left}))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
