"""The API: a table from path to function, and the steps every call goes through.

To add an endpoint: write a function of a `Call` that returns the answer's members or raises
`Refusal`, and give it a line in the ENDPOINTS of its module.
"""

import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from sandbox.endpoints import (
    code,
    component,
    content_checks,
    diagnosis,
    domains,
    links,
    materials,
    messages,
    official_accounts,
    own_secrets,
    quotas,
    registration,
    reviews,
    samples,
    settings,
    subscriptions,
    users,
)
from sandbox.endpoints.call import Call, Endpoint
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.errors import ERRMSGS, Refusal
from sandbox.world.faults import Fault, garble, mark_prose
from sandbox.world.parties import Authorization, Component
from sandbox.world.permissions import SETS

SUBJECTS = (
    component,
    quotas,
    diagnosis,
    code,
    reviews,
    domains,
    settings,
    registration,
    users,
    messages,
    content_checks,
    links,
    subscriptions,
    official_accounts,
    materials,
    own_secrets,
    samples,
)
ENDPOINTS: dict[str, Endpoint] = {
    path: endpoint for subject in SUBJECTS for path, endpoint in subject.ENDPOINTS.items()
}
NOT_PLAYED = {"X-Sandbox": "not-played"}


def answer(wechat: WeChat, request: Request) -> Reply:
    """One call from its arrival to its reply, entered in the ledger."""
    call, path = Call(wechat, request, ENDPOINTS), _path(request)
    endpoint = ENDPOINTS.get(path)
    owner, subject = call.owner, call.subject
    wechat.judge_due()
    with wechat.lock:
        fault = wechat.faults.take(path, subject)
        rid = wechat.failed_calls.new_rid()
        data, effect = _outcome(call, endpoint, fault, rid)
        wechat.ledger.record(
            at=wechat.clock(),
            method=request.method,
            path=path,
            token_owner=_name(owner),
            appid=subject,
            errcode=_errcode(data),
            effect=effect,
            dropped=fault is not None and fault.drop is not None,
            unknown=endpoint is None,
            rid=rid,
        )
        date = wechat.clock()
    wechat.post.flush_in_background()
    reply = _reply(data, fault, date)
    if endpoint is None or endpoint.is_played or _errcode(data):
        return reply
    return replace(reply, headers={**reply.headers, **NOT_PLAYED})


def _path(request: Request) -> str:
    """The path, with its `action` where WeChat answers two calls at one address."""
    path = f"{request.path}?action={request.query.get('action')}"
    return path if path in ENDPOINTS else request.path


def _errcode(data: dict[str, Any] | Reply | None) -> int | None:
    if isinstance(data, dict):
        return int(data.get("errcode", 0))
    return None if data is None else 0


def _outcome(
    call: Call, endpoint: Endpoint | None, fault: Fault | None, rid: str
) -> tuple[dict[str, Any] | Reply | None, bool]:
    """The answer's members or picture (None: there is neither), and whether it took effect."""
    data: dict[str, Any] | Reply | None = None
    effect = fault is None or fault.has_effect
    if effect:
        try:
            data = _perform(call, endpoint)
        except Refusal as refusal:
            data, effect = _refused(call, refusal.errcode, refusal.errmsg, rid), False
            data |= refusal.members
    if fault is not None and fault.errcode is not None:
        data = _refused(call, fault.errcode, fault.errmsg or ERRMSGS.get(fault.errcode, ""), rid)
    return data, effect


def _perform(call: Call, endpoint: Endpoint | None) -> dict[str, Any] | Reply:
    if endpoint is None:
        raise Refusal(40066)
    if call.request.method not in endpoint.methods:
        raise Refusal(43001 if endpoint.methods == ("GET",) else 43002)
    _check_address(call)
    if endpoint.token == "component":  # noqa: S105 a word, not a secret
        _ = call.component
    elif endpoint.token == "authorizer":  # noqa: S105
        _ = call.authorization
    _check_permission(call, endpoint)
    _use_quota(call, endpoint)
    return endpoint.function(call)


def _check_address(call: Call) -> None:
    allowed = call.wechat.allowed_ips
    address = call.request.client_ip
    if call.is_of_component and allowed is not None and address not in allowed:
        raise Refusal(61004, f"access clientip is not registered requestIP: {address}")


def _check_permission(call: Call, endpoint: Endpoint) -> None:
    """48001: no account of its kind can; 61007: it has not granted us the set."""
    if not endpoint.sets:
        return
    authorization = call.authorization
    kind = authorization.account.kind
    fitting = [number for number in endpoint.sets if SETS[number].fits(kind)]
    if not fitting:
        raise Refusal(48001)
    if not set(fitting) & set(authorization.func_ids):
        raise Refusal(61007)


def _use_quota(call: Call, endpoint: Endpoint) -> None:
    if endpoint.token in ("user", "secret"):
        return
    caller = call.named_component().appid if endpoint.token == "none" else call.caller  # noqa: S105
    call.wechat.quotas.use(caller, call.request.path)


def _refused(call: Call, errcode: int, errmsg: str, rid: str) -> dict[str, Any]:
    members = {"errcode": errcode, "errmsg": f"{errmsg} rid: {rid}"}
    call.wechat.failed_calls.remember(
        rid,
        {
            "caller": _name(call.owner),
            "invoke_time": int(call.wechat.clock()),
            "cost_in_ms": 1,
            "request_url": call.request.path,
            "request_body": call.request.body.decode("utf-8", "replace"),
            "response_body": json.dumps(members, ensure_ascii=False),
        },
    )
    return members


def _name(owner: Component | Authorization | None) -> str:
    if owner is None:
        return ""
    return owner.appid if isinstance(owner, Component) else owner.account.appid


def _reply(data: dict[str, Any] | Reply | None, fault: Fault | None, date: float) -> Reply:
    reply = data if isinstance(data, Reply) else _json_reply(data, fault)
    headers = {**reply.headers, "Date": formatdate(date, usegmt=True)}
    if fault is None:
        return replace(reply, headers=headers)
    return replace(
        reply,
        body=reply.body if fault.body is None else fault.body,
        status=fault.status or 200,
        headers=headers | dict(fault.headers),
        delay=fault.delay,
        until=fault.until,
        drop=fault.drop,
        truncate=fault.truncate,
        slow=fault.slow,
    )


def _json_reply(data: dict[str, Any] | None, fault: Fault | None) -> Reply:
    # WeChat's own spelling: "encoding" where everybody else says "charset".
    headers = {"Content-Type": "application/json; encoding=utf-8"}
    if fault is None:
        return Reply(_json(data or {}), headers=headers)
    if data is None:
        return Reply(b"", headers=headers)
    edited = fault.edit(data)
    body = garble(_json(mark_prose(edited))) if fault.garble else _json(edited)
    return Reply(body, headers=headers)


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
