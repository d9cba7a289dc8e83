"""What a newcomer finds in the demo, put there as a program would: by REST."""

from devtools.walk import RestClient

SHOP, MEMBERS = "wx5a0d1e2f3b4c5d60", "wx5a0d1e2f3b4c5d61"
KNOWN, NEW = "https://api.camellia.example.com", "https://img.camellia.example.com"


def fill(staff: RestClient) -> None:
    """
    Three templates, values that differ from shop to shop, an uploaded version each, a domain that
    WeChat does not have yet, and a submission that WeChat would refuse.
    """
    promoted = staff.post(
        "drafts/promote/", {"user_version": "1.2.0", "newer_than": "2026-01-01T00:00:00Z"}, 201
    )
    template_id = int(promoted["template_id"])
    for appid, values in (
        (SHOP, {"shop": 1, "title": "山茶书店", "colour": "#b5354a"}),
        (MEMBERS, {"shop": 2, "title": "会员中心", "points": True}),
    ):
        staff.put(f"authorizers/{appid}/ext/", {"ext": values})
        version = {"template_id": template_id, "user_version": "1.2.0", "user_desc": "新增优惠券"}
        staff.post(f"authorizers/{appid}/versions/", version, 201)
    domains = f"authorizers/{SHOP}/settings/server-domains-direct/"
    staff.put(domains, {"desired": {"requestdomain": [KNOWN]}})
    staff.put(domains, {"desired": {"requestdomain": [KNOWN, NEW]}, "apply": False})
    staff.get(f"authorizers/{MEMBERS}/preflight/")
