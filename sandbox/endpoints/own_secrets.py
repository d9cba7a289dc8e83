"""The endpoints that want an account's own secret, which no platform has: they always refuse."""

from typing import Any

from sandbox.endpoints.call import Call, Endpoint
from sandbox.world.errors import Refusal


def refuse_secret(call: Call) -> dict[str, Any]:
    """40013 for nobody's appid, else 40125, whatever the secret."""
    members = call.request.query if call.request.method == "GET" else call.body
    if not members.get("appid"):
        raise Refusal(41002)
    if not members.get("secret"):
        raise Refusal(41004)
    raise Refusal(40125 if members["appid"] in call.wechat.accounts else 40013)


GET = ("GET",)

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/token": Endpoint(refuse_secret, "secret", methods=GET),
    "/cgi-bin/stable_token": Endpoint(refuse_secret, "secret"),
    "/sns/jscode2session": Endpoint(refuse_secret, "secret", methods=GET),
    "/sns/oauth2/access_token": Endpoint(refuse_secret, "secret", methods=GET),
}
