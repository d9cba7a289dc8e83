"""Drills of the push doors: keys that change under load, huge bodies, forged pushes."""

import http.client
import os
import secrets
import subprocess
import threading
import time

from devtools import environment
from devtools.install import PYTHON, ROOT
from tests.faults.drill import Act, drill

HUGE = 5 * 2**20


@drill(
    "F49",
    "token and EncodingAESKey are changed, at our side first",
    "manage.py register_component with new ones; WeChat seals with them after 0.5 to 1.5 s",
)
def keys_change(act: Act) -> None:
    new = {
        name: value
        for name, value in environment.fresh(act.rig.port).items()
        if name in ("WECHAT_TOKEN", "WECHAT_AES_KEY")
    }
    act.rig.settings.update(new)
    subprocess.run(
        [PYTHON, "manage.py", "register_component"],
        cwd=ROOT,
        env=act.rig.settings_of("web"),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    act.wait(0.5, 1.5)
    component = act.rig.wechat.component
    with act.rig.wechat.lock:
        component.token, component.aes_key = new["WECHAT_TOKEN"], new["WECHAT_AES_KEY"]
    time.sleep(1)


@drill("F47", "huge bodies", "three at once of 5 MiB, over and over for 3 s")
def bodies_are_huge(act: Act) -> None:
    _knock(act, b"<xml>" + b"x" * HUGE, 3)


@drill("F6", "pushes that nobody sealed", "eight at once, over and over for 3 s")
def pushes_are_forged(act: Act) -> None:
    forged = f"<xml><Encrypt><![CDATA[{secrets.token_urlsafe(300)}]]></Encrypt></xml>"
    statuses = _knock(act, forged.encode(), 8)
    assert set(statuses) == {403}, set(statuses)


def _knock(act: Act, body: bytes, threads: int) -> list[int]:
    """Everybody posts BODY to the doors for three seconds; the answers' statuses."""
    give_up, statuses = time.monotonic() + 3, []

    def work() -> None:
        while time.monotonic() < give_up:
            line = http.client.HTTPConnection("127.0.0.1", act.rig.port, timeout=5)
            query = f"timestamp={int(time.time())}&nonce=1&msg_signature={os.urandom(20).hex()}"
            try:
                line.request("POST", f"/wechat/component/push/?{query}", body)
                statuses.append(line.getresponse().status)
            except OSError:
                statuses.append(0)
            line.close()

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return statuses
