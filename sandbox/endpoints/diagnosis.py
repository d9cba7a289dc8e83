"""The endpoints for the way between WeChat and the caller: its addresses, its look at ours (M8)."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.errors import Refusal

# Of the ranges for examples (RFC 5737).
PUSHING = ["192.0.2.10", "192.0.2.11", "198.51.100.0/28"]
ANSWERING = ["203.0.113.10", "203.0.113.11"]
OPERATORS = ("DEFAULT", "CHINANET", "UNICOM", "CAP")


def check_callback(call: Call) -> dict[str, Any]:
    action, operator = call.text("action", 40035), call.text("check_operator", 40035)
    if action not in ("dns", "ping", "all") or operator not in OPERATORS:
        raise Refusal(40035)
    seen_from = "CHINANET" if operator == "DEFAULT" else operator
    address = "203.0.113.80"
    dns = [{"ip": address, "real_operator": seen_from}]
    ping = {"ip": address, "from_operator": seen_from, "package_loss": "0%", "time": "23.079ms"}
    members: dict[str, Any] = {} if action == "ping" else {"dns": dns}
    return OK | members | ({} if action == "dns" else {"ping": [ping]})


def list_pushing_addresses(call: Call) -> dict[str, Any]:
    _ = call.token
    return {"ip_list": PUSHING}


def list_answering_addresses(call: Call) -> dict[str, Any]:
    _ = call.token
    return {"ip_list": ANSWERING}


GET = ("GET",)

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/callback/check": Endpoint(check_callback, "either"),
    "/cgi-bin/getcallbackip": Endpoint(list_pushing_addresses, "either", methods=GET),
    "/cgi-bin/get_api_domain_ip": Endpoint(list_answering_addresses, "either", methods=GET),
}
