"""The endpoints for what a mini program is registered as: its categories (O2), its filing (Q)."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.parties import category_id
from sandbox.world.program import FILED

IN_REVIEW, REJECTED, IN_FORCE = 1, 2, 3  # audit_status; it stays so when a certificate expires
STATES = {"in_review": IN_REVIEW, "rejected": REJECTED}
ADDED_A_MONTH, MOST_CATEGORIES = 5, 20


def list_categories(call: Call) -> dict[str, Any]:
    rows = [_describe(category) for category in call.account.categories]
    quota = {"limit": ADDED_A_MONTH, "quota": ADDED_A_MONTH, "category_limit": MOST_CATEGORIES}
    return OK | {"categories": rows} | quota


def _describe(category: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for level in ("first", "second"):
        name = category.get(level, "")
        row |= {level: category_id(name), f"{level}_name": name}
    status = STATES.get(category.get("state", ""), IN_FORCE)
    return row | {
        "audit_status": status,
        "audit_reason": "资质不清晰" if status == REJECTED else "",
    }


def get_icp_entrance(call: Call) -> dict[str, Any]:
    status = call.program.icp_status
    available = int(status != FILED)
    return OK | {"info": {"status": status, "is_canceling": False, "available": available}}


GET = ("GET",)

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/wxopen/getcategory": Endpoint(list_categories, "authorizer", (30,), GET),
    "/wxa/icp/get_icp_entrance_info": Endpoint(get_icp_entrance, "authorizer", (18, 156), GET),
}
