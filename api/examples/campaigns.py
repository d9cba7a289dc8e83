"""Of drafts, templates and campaigns."""

from typing import Any

from api.examples.accounts import APPID, COMPONENT

_TEXTS = {"user_version": "2.0.0", "user_desc": "Orders can be paid."}
_CAMPAIGN = {
    "id": 9,
    "template_id": 77,
    "component": COMPONENT,
    **_TEXTS,
    "ext": {},
    "submit": True,
    "release": "manual",
    "canary": 5,
    "at_once": 20,
    "daily_limit": None,
    "most_failures": 10,
    "when_open": "wait",
    "state": "running",
    "because": "",
    "is_past_canary": False,
    "total": 120,
    "ended": 3,
    "counts": {"waiting": 115, "committing": 2, "released": 3},
    "created_by": "operator",
    "run_by": "operator",
    "created_at": "2026-01-01T08:00:00Z",
    "finished_at": None,
}
_UPLOAD = {"source_appid": APPID, **_TEXTS}

CAMPAIGN_EXAMPLES: dict[str, Any] = {
    "Template": {
        "template_id": 77,
        "component": COMPONENT,
        "type": "ordinary",
        **_TEXTS,
        "source_appid": APPID,
        "source_name": "Tea House (development)",
        "developer": "lin",
        "notes": "",
        "created_at": "2026-01-01T07:00:00Z",
    },
    "DraftPage": {
        "next": None,
        "previous": None,
        "results": [
            {"draft_id": 4, **_UPLOAD, "developer": "lin", "uploaded_at": "2026-01-01T06:55:00Z"}
        ],
    },
    "Promote": {**_UPLOAD, "newer_than": "2026-01-01T06:54:00Z"},
    "Promotion": {
        "status": "done",
        "template_id": 77,
        "component": COMPONENT,
        "draft_id": 4,
        **_UPLOAD,
        "uploaded_at": "2026-01-01T06:55:00Z",
        "campaign": None,
    },
    "CampaignRequest": {
        "template_id": 77,
        **_TEXTS,
        "tag": "tea",
        "live_below": "2.0.0",
        "submit": True,
        "release": "manual",
        "canary": 5,
    },
    "Campaign": _CAMPAIGN,
    "Program": {
        "id": 31,
        "appid": APPID,
        "nick_name": "Tea House",
        "state": "in_review",
        "reason": "",
        "is_canary": True,
        "version_id": 5,
        "auditid": "1234567",
        "submitted_at": "2026-01-01T08:10:00Z",
        "released_at": None,
        "updated_at": "2026-01-01T08:10:02Z",
    },
    "ItemPlan": {
        "appid": APPID,
        "nick_name": "Tea House",
        "is_canary": True,
        "outcome": "submit",
        "reason": "",
        "quota": 1,
        "live_version": "1.4.0",
        "downgrades_from": "",
        "ext_json": '{"extAppid":"wx0123456789abcdef","ext":{"shop":7}}',
        "changes": [{"path": "ext.shop", "before": 6, "after": 7}],
    },
    "Forecast": {
        "submissions": 117,
        "ahead": 0,
        "rest": 480,
        "limit": 500,
        "median_hours": 3.5,
        "slow_hours": 20.0,
        "last_submission_on": "2026-01-01",
        "ends_on": "2026-01-02",
        "held": 0,
    },
}
