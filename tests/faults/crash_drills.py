"""
Drills at named points of a call to WeChat: whoever has made it is killed right there. The points
are made from outside, by WeChat's stand-in, which holds its answer back, and the proxy before the
database. Nothing in the product knows of them.
"""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Now

from audits.models import CodeAudit, CodeVersion, Release
from messaging.models import Reply
from miniprograms.models import Authorizer
from miniprograms.services import binding
from platform_auth.models import Component
from sandbox.world.faults import Fault
from tests.accounts import make_due_accounts
from tests.faults.drill import Act, drill
from tests.faults.rig import WORKERS
from tests.faults.scene import patiently, wait_until

POINTS = {
    "asked": "WeChat has the call and has not obeyed",
    "obeyed": "WeChat has obeyed, its answer is under way",
    "answered": "the answer is here, nothing of it is written",
    "written": "what is written is committed, and the database's answer is under way",
}
COMPONENT = "/cgi-bin/component"
REFRESH, TRADE = f"{COMPONENT}/api_authorizer_token", f"{COMPONENT}/api_query_auth"
COMPONENT_TOKEN, SEND = f"{COMPONENT}/api_component_token", "/cgi-bin/message/custom/send"
COMMIT, SUBMIT, RELEASE = "/wxa/commit", "/wxa/submit_audit", "/wxa/release"
LEASED = (Authorizer, Component, Reply, CodeVersion, CodeAudit, Release)
ARRIVES_WITHIN = 20.0


@dataclass
class Held:
    """A call that WeChat's stand-in has and does not answer yet."""

    fault: Fault
    answer: threading.Event

    def wait(self) -> None:
        assert self.fault.arrived.wait(ARRIVES_WITHIN), f"{self.fault.path} was never called"


def hold(act: Act, path: str, *, appid: str | None = None, effect: bool | None = None) -> Held:
    answer = threading.Event()
    fault = act.rig.wechat.fault(path, appid=appid, until=answer, effect=effect)
    return Held(fault, answer)


def crash(act: Act, point: str, path: str, *victims: str, appid: str | None = None) -> None:
    """kill -9 of VICTIMS at POINT of the next call of PATH."""
    role = "web" if victims == ("web",) else "worker"
    database = act.rig.lines[role].database
    held = hold(act, path, appid=appid, effect=False if point == "asked" else None)
    try:
        held.wait()
        if point == "answered":
            database.silence()
        if point == "written":
            database.swallow()
        if point in ("answered", "written"):
            held.answer.set()
            time.sleep(0.3)
        act.rig.kill(*victims)
    finally:
        held.answer.set()
        database.restore(cut=True)
    leases_of_the_dead_run_out(act)
    act.rig.revive(*victims)


def leases_of_the_dead_run_out(act: Act) -> None:
    """In one repetition of four as long as that takes, in the others at once."""
    if act.random.random() > 0.25:
        for model in LEASED:
            patiently(
                lambda model=model: model.objects.filter(lease_until__gt=Now()).update(  # type: ignore[misc]
                    lease_until=Now()
                )
            )


def at_every_point(row: str, what: str, run: Callable[[Act, str], None], **more: Any) -> None:
    """A drill for each of POINTS."""
    for point, words in POINTS.items():

        def at(act: Act, point: str = point) -> None:
            run(act, point)

        at.__name__ = f"{run.__name__}_{point}"
        drill(row, what, f"kill -9: {words}", **more)(at)


# Tokens


def refresh(act: Act, point: str) -> None:
    crash(act, point, REFRESH, *WORKERS)


def component_token(act: Act, point: str) -> None:
    patiently(lambda: Component.objects.update(due_at=Now()))
    crash(act, point, COMPONENT_TOKEN, *WORKERS)


def trade(act: Act, point: str) -> None:
    """A merchant has clicked, the owner has confirmed, and the browser never comes back."""
    scene = act.scene
    account = scene.wechat.create_account()
    opened = patiently(lambda: binding.start_binding(user=scene.merchant, session="session"))
    scene.wechat.authorize(opened.pre_auth_code, account.appid)
    push = scene.wechat.post.outbox.pop()
    threading.Thread(target=scene.wechat.deliver, args=(push,), daemon=True).start()
    crash(act, point, TRADE, *WORKERS)


# What users and code see of us


def send(act: Act, point: str) -> None:
    crash(act, point, SEND, *WORKERS)


def _program(act: Act) -> str:
    """A mini program of its own for each drill: what was done to it is counted."""
    scene = act.scene
    [row] = patiently(lambda: make_due_accounts(scene.wechat, scene.component, 1))
    scene.programs.append(row.appid)
    fresh = Authorizer.objects.filter(pk=row.pk, due_at__gt=Now())
    wait_until("its token is fresh", fresh.exists)
    return row.appid


def _act(act: Act, appid: str, what: str, body: Any) -> tuple[int, Any]:
    return act.scene.call("POST", f"authorizers/{appid}/{what}/", body)


def _upload(act: Act) -> tuple[str, str, dict[str, Any]]:
    version = {
        "template_id": act.scene.template.template_id,
        "user_version": "1.0.0",
        "user_desc": "第一版",
    }
    return COMMIT, "versions", version


def minutes_pass() -> None:
    """What a dead process has begun at WeChat is looked for after some minutes, and again."""
    for model in (CodeVersion, CodeAudit, Release):
        open_rows = model.objects.filter(due_at__gt=Now())
        patiently(lambda rows=open_rows: rows.update(due_at=Now()))  # type: ignore[misc]


def _crash_in_web(act: Act, point: str, appid: str, path: str, what: str, body: Any) -> None:
    asking = threading.Thread(target=_act, args=(act, appid, what, body), daemon=True)
    asking.start()
    crash(act, point, path, "web", appid=appid)
    asking.join()


def commit(act: Act, point: str) -> None:
    appid = _program(act)
    _crash_in_web(act, point, appid, *_upload(act))


def submit(act: Act, point: str) -> None:
    appid = _program(act)
    _path, what, body = _upload(act)
    assert _act(act, appid, what, body)[0] == 201
    _crash_in_web(act, point, appid, SUBMIT, "audits", {})


def release(act: Act, point: str) -> None:
    appid = _program(act)
    _path, what, body = _upload(act)
    assert _act(act, appid, what, body)[0] == 201
    status, audit = _act(act, appid, "audits", {})
    assert status == 201, audit
    act.scene.wechat.judge(appid, "pass")
    act.scene.call("POST", f"authorizers/{appid}/audits/{audit['auditid']}/refresh/", {})
    _crash_in_web(act, point, appid, RELEASE, "release", {})


IN_WEB: dict[str, Any] = {
    "repeats": 5,
    "in_soak": False,
    "refuses": True,
    "hurry": minutes_pass,
}
at_every_point("F9", "a worker dies while it refreshes tokens", refresh, in_soak=False)
at_every_point("F54", "a worker dies while it gets the component token", component_token)
at_every_point("F29", "a worker dies while it trades a code", trade, in_soak=False)
at_every_point("F54", "a worker dies while it sends a reply", send, in_soak=False)
at_every_point("F62", "web dies while it uploads code", commit, **IN_WEB)
at_every_point("F62", "web dies while it submits code", submit, **IN_WEB)
at_every_point("F64", "web dies while it releases code", release, **IN_WEB)


@drill(
    "F8",
    "a worker sleeps longer than its lease, with an answer under way",
    "SIGSTOP while it refreshes, the other worker goes on; awake again after 32 s",
    repeats=3,
    in_soak=False,
)
def worker_sleeps_longer_than_its_lease(act: Act) -> None:
    sleeper, other = act.random.sample(WORKERS, 2)
    act.rig.signal(signal.SIGSTOP, other)
    appid = act.random.choice(act.scene.accounts)
    before = act.rig.wechat.count(REFRESH, appid, effect=True)
    held = hold(act, REFRESH, appid=appid)
    patiently(lambda: Authorizer.objects.filter(appid=appid).update(due_at=Now()))
    try:
        held.wait()
        act.rig.signal(signal.SIGSTOP, sleeper)
        act.rig.signal(signal.SIGCONT, other)
        held.answer.set()
        time.sleep(32)
        assert act.rig.wechat.count(REFRESH, appid, effect=True) > before + 1, "nobody took over"
    finally:
        for name in WORKERS:
            with suppress(ProcessLookupError):
                act.rig.signal(signal.SIGCONT, name)
