"""The things of a world as JSON for scripts."""

from dataclasses import asdict
from typing import Any

from sandbox.wire.pushes import Delivery
from sandbox.world.chats import Line
from sandbox.world.parties import Account, Component
from sandbox.world.program import Audit, Version
from sandbox.world.release_test import ReleaseTest, Step

Data = dict[str, Any]


def describe_account(component: Component, account: Account) -> Data:
    authorization = component.authorizations.get(account.appid)
    return {
        "appid": account.appid,
        "kind": account.kind,
        "nick_name": account.nick_name,
        "user_name": account.user_name,
        "principal_name": account.principal_name,
        "owner": account.owner,
        "account_status": account.account_status,
        "authorized": authorization is not None,
        "traded": bool(authorization and authorization.refresh_token),
        "func_ids": authorization.func_ids if authorization else [],
        "auth_time": authorization.auth_time if authorization else None,
    }


def describe_release_test(number: int, test: ReleaseTest) -> Data:
    return {
        "id": number,
        "done": test.is_done,
        "passed": test.has_passed,
        "steps": [describe_step(step) for step in test.results],
    }


def describe_step(step: Step) -> Data:
    return {
        "step": step.name,
        "group": step.group,
        "appid": step.appid,
        "kind": step.kind,
        "verdict": step.verdict,
        "expected": step.expected,
        "got": step.got,
        "milliseconds": None if step.seconds is None else round(step.seconds * 1000),
    }


def describe_line(line: Line) -> Data:
    return asdict(line) | {"text": line.text}


def describe_version(version: Version) -> Data:
    return {
        "template_id": version.template.template_id,
        "user_version": version.user_version,
        "user_desc": version.user_desc,
        "at": version.at,
    }


def describe_audit(audit: Audit) -> Data:
    return {
        "auditid": audit.auditid,
        "user_version": audit.version.user_version,
        "status": audit.status,
        "reason": audit.reason,
        "screenshots": audit.screenshots,
        "sped_up": audit.sped_up,
        "submitted_at": audit.submitted_at,
    }


def describe_delivery(delivery: Delivery) -> Data:
    return {
        "at": delivery.at,
        "number": delivery.push.number,
        "kind": delivery.push.kind,
        "appid": delivery.push.appid,
        "attempt": delivery.attempt,
        "status": delivery.status,
        "answer": delivery.answer[:200].decode("utf-8", "replace"),
        "accepted": delivery.accepted,
    }
