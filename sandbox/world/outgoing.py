"""What WeChat pushes to a platform: written as XML, sealed for the webhook, put in the outbox."""

from collections.abc import Mapping
from typing import Any

from sandbox.wire import envelope
from sandbox.wire.envelope import Sealed, Webhook
from sandbox.wire.outbox import PostOffice
from sandbox.wire.pushes import OnDelivery, Push
from sandbox.world.parties import Account, Component
from sandbox.world.surroundings import Surroundings

MESSAGE_TRIES = 3  # of a message nobody accepts; a component push is tried once
Tamper = Mapping[str, Any]  # arguments of `envelope.seal`


class Outgoing:
    """Nothing it queues leaves before the outbox is flushed."""

    def __init__(self, world: Surroundings, post: PostOffice) -> None:
        self.world = world
        self.post = post

    def queue_push(
        self,
        component: Component,
        info_type: str,
        fields: Mapping[str, Any],
        *,
        create_time: int | None = None,
        tamper: Tamper | None = None,
        on_delivery: OnDelivery | None = None,
    ) -> Push:
        """A component push: an InfoType with its fields, or inner XML as it is."""
        if info_type.startswith("<"):
            inner, kind, appid = info_type, "xml", ""
        else:
            members = {
                "AppId": component.appid,
                "CreateTime": self._created(create_time),
                "InfoType": info_type,
            }
            inner, kind = envelope.xml(members | dict(fields)), info_type
            appid = str(fields.get("AuthorizerAppid", ""))
        return self._put(inner, kind, appid, component, None, tamper or {}, on_delivery)

    def queue_message(
        self,
        component: Component,
        account: Account,
        fields: Mapping[str, Any] | str,
        *,
        from_user: str,
        create_time: int | None = None,
        tamper: Tamper | None = None,
        on_delivery: OnDelivery | None = None,
    ) -> Push:
        """A message or event of an account's; FIELDS may override ToUserName and the like."""
        if isinstance(fields, str):
            inner, kind = fields, "xml"
        else:
            members = self._message(account, fields, from_user, create_time)
            inner, kind = envelope.xml(members), str(fields.get("Event") or members["MsgType"])
        tamper = {"openid": from_user} | dict(tamper or {})
        return self._put(inner, kind, account.appid, component, account, tamper, on_delivery)

    def seal(
        self, inner: str, component: Component, account: Account | None, tamper: Tamper
    ) -> Sealed:
        """Inner XML as it would go to the component's webhook, or to that for the account."""
        keys = component.token, component.aes_key, component.appid
        webhook = Webhook(component.push_url, *keys)
        if account is not None:
            url = component.message_url.replace("$APPID$", account.appid)
            webhook = Webhook(url, *keys, user_name=account.user_name)
        usual = {
            "timestamp": str(int(self.world.clock())),
            "nonce": str(self.world.random.randint(10**8, 2 * 10**9)),
            "random16": self.world.random.randbytes(8).hex().encode(),
        }
        return envelope.seal(inner, webhook, **(usual | dict(tamper)))

    def _message(
        self, account: Account, fields: Mapping[str, Any], from_user: str, create_time: int | None
    ) -> dict[str, Any]:
        members = {
            "ToUserName": account.user_name,
            "FromUserName": from_user,
            "CreateTime": self._created(create_time),
            "MsgType": "event" if "Event" in fields else "text",
        } | dict(fields)
        if members["MsgType"] != "event":  # events have no number
            members.setdefault("MsgId", self.world.random.getrandbits(62))
        return members

    def _created(self, create_time: int | None) -> int:
        return int(self.world.clock()) if create_time is None else create_time

    def _put(
        self,
        inner: str,
        kind: str,
        appid: str,
        component: Component,
        account: Account | None,
        tamper: Tamper,
        on_delivery: OnDelivery | None,
    ) -> Push:
        def seal() -> Sealed:
            return self.seal(inner, component, account, tamper)

        tries = 1 if account is None else MESSAGE_TRIES
        push = Push(next(self.post.numbers), kind, appid, inner, seal, tries, seal(), on_delivery)
        self.post.put(push)
        return push
