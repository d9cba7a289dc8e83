"""The control API's part on the receiver: what came, and how it is to behave."""

from dataclasses import asdict

from sandbox.server.descriptions import Data
from sandbox.world import WeChat
from sandbox.world.receiver import Behaviour


def read_receiver(wechat: WeChat, data: Data) -> Data:
    """What came, oldest first, and how each inbox behaves; how many secrets, but none of them."""
    receiver = wechat.receiver
    with wechat.lock:
        return {
            "count": receiver.count,
            "arrivals": [asdict(arrival) for arrival in receiver.arrivals],
            "inboxes": {
                name: {"secrets": len(inbox.secrets), **asdict(inbox.behaviour)}
                for name, inbox in receiver.inboxes.items()
            },
        }


def change_receiver(wechat: WeChat, data: Data) -> Data:
    """An INBOX checks by another SECRET, or behaves otherwise; `Behaviour` names how."""
    name, secret = data.pop("inbox"), data.pop("secret", "")
    with wechat.lock:
        if secret:
            wechat.receiver.trust(name, secret)
        if data or not secret:
            wechat.receiver.behave(name, Behaviour.read(data))
    return read_receiver(wechat, {})


def clear_receiver(wechat: WeChat, data: Data) -> Data:
    with wechat.lock:
        wechat.receiver.clear()
    return {}
