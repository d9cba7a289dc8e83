"""Drills of WeChat's side: silent, cutting, slow, wrong, busy; and a database of yesterday."""

import time

from django.db.models.functions import Now

from miniprograms.models import Authorizer
from tests.faults.drill import Act, drill
from tests.faults.proxy import Proxy
from tests.faults.scene import patiently, wait_until

TOKENS = ("access_token", "refresh_token", "refresh_token_history", "expires")


def wires(act: Act) -> list[Proxy]:
    return [lines.wechat for lines in act.rig.lines.values()]


@drill("F17", "WeChat is silent", "the proxy passes nothing for 3 to 6 s, then cuts")
def wechat_is_silent(act: Act) -> None:
    for wire in wires(act):
        wire.silence()
    act.wait(3, 6)
    for wire in wires(act):
        wire.restore(cut=True)


@drill("F15", "WeChat resets connections", "the proxy cuts all, new ones too, for 1 to 3 s")
def wechat_resets(act: Act) -> None:
    for wire in wires(act):
        wire.reset(new=True)
    act.wait(1, 3)
    for wire in wires(act):
        wire.restore()


@drill("F75", "WeChat cannot be reached", "the proxy before it is closed for 1 to 3 s")
def wechat_refuses(act: Act) -> None:
    for wire in wires(act):
        wire.refuse()
    act.wait(1, 3)
    for wire in wires(act):
        wire.restore()


@drill("F15", "WeChat obeys, and its answers are lost", "the proxy swallows them for 1 to 2 s")
def wechat_answers_vanish(act: Act) -> None:
    for wire in wires(act):
        wire.swallow()
    act.wait(1, 2)
    for wire in wires(act):
        wire.restore()


@drill("F15", "a third of WeChat's answers are faults", "-1, 500, HTML, cut, lost; for 4 s")
def wechat_is_ill(act: Act) -> None:
    troubles = (
        {"errcode": -1},
        {"status": 502},
        {"body": b"<html>busy</html>"},
        {"truncate": 10},
        {"drop": "before"},
        {"drop": "after"},
    )
    give_up = time.monotonic() + 4
    while time.monotonic() < give_up:
        if act.random.random() < 0.5:
            act.rig.wechat.fault("*", **act.random.choice(troubles))
        time.sleep(0.2)


@drill("F21", "owners authorise anew, which kills their tokens", "six times, under load")
def owners_authorise_anew(act: Act) -> None:
    for _ in range(6):
        appid = act.random.choice(act.scene.accounts)
        sets = act.scene.wechat.authorization(appid)
        assert sets
        act.scene.wechat.update_authorization(appid, sets.func_ids)
        # WeChat tells nobody, since the sets are as before: the next refresh finds out.
        patiently(
            lambda appid=appid: Authorizer.objects.filter(appid=appid).update(  # type: ignore[misc]
                due_at=Now()
            )
        )
        act.wait(0.1, 0.4)


@drill(
    "F72",
    "a database of yesterday",
    "every token is put back to what it was two refreshes before; the list heals",
    repeats=10,
    in_soak=False,
)
def old_tokens_come_back(act: Act) -> None:
    rows = patiently(lambda: list(Authorizer.objects.filter(state="bound").values("pk", *TOKENS)))
    for _ in range(2):
        _refresh_all()
    for row in rows:
        pk, values = row["pk"], {name: row[name] for name in TOKENS}
        patiently(
            lambda pk=pk, values=values: Authorizer.objects.filter(pk=pk).update(  # type: ignore[misc]
                **values, due_at=Now()
            )
        )


def _refresh_all() -> None:
    before = {row.pk: row.refreshes for row in patiently(lambda: list(Authorizer.objects.all()))}
    patiently(lambda: Authorizer.objects.exclude(due_at=None).update(due_at=Now()))
    wait_until(
        "every token is refreshed",
        lambda: all(row.refreshes > before.get(row.pk, 0) for row in Authorizer.objects.all()),
    )
