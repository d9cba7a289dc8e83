"""The register of components and accounts, and which permission sets an account can grant."""

from typing import Any

from sandbox.world.parties import Account, Component
from sandbox.world.permissions import (
    KINDS,
    MINI_PROGRAM,
    USUAL_SETS,
    fitting,
    is_exclusive,
)
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms


class Register:
    """All components and accounts of a world, by appid."""

    def __init__(self, world: Surroundings, terms: Terms) -> None:
        self.world = world
        self.terms = terms
        self.components: dict[str, Component] = {}
        self.accounts: dict[str, Account] = {}

    @property
    def first_component(self) -> Component:
        return next(iter(self.components.values()))

    def register_component(
        self,
        *,
        appid: str,
        secret: str,
        token: str,
        aes_key: str,
        push_url: str = "http://testserver/wechat/component/push/",
        message_url: str = "http://testserver/wechat/$APPID$/push/",
        redirect_domain: str | None = None,
        func_ids: list[int] | None = None,
    ) -> Component:
        """A platform; the first one registered is a world's `component`."""
        sets = list(USUAL_SETS if func_ids is None else func_ids)
        component = Component(
            appid, secret, token, aes_key, push_url, message_url, redirect_domain, sets
        )
        with self.world.lock:
            self.components[appid] = component
        return component

    def create_account(
        self,
        *,
        appid: str | None = None,
        kind: str = MINI_PROGRAM,
        nick_name: str = "示例小程序",
        user_name: str | None = None,
        principal_name: str = "示例科技有限公司",
        owner: str = "张三",
        **profile: Any,
    ) -> Account:
        """An account that may be authorised."""
        if kind not in KINDS:
            raise ValueError(f"no such kind of account: {kind}")
        with self.world.lock:
            appid = appid or f"wx{self.world.random.getrandbits(64):016x}"
            user_name = user_name or f"gh_{self.world.random.getrandbits(48):012x}"
            profile.setdefault("head_img", f"{self.terms.base_url}/avatar/{appid}.svg")
            profile.setdefault("qrcode_url", f"{self.terms.base_url}/qrcode/{appid}.svg")
            profile.setdefault("signature", f"{nick_name}，欢迎您")
            account = Account(appid, kind, nick_name, user_name, principal_name, owner, **profile)
            self.accounts[appid] = account
        return account

    def offered_sets(self, component: Component, account: Account) -> list[int]:
        """The sets this account can grant: its kind's, less the exclusive ones held elsewhere."""
        held_elsewhere = {
            number
            for other in self.components.values()
            if other is not component and account.appid in other.authorizations
            for number in other.authorizations[account.appid].func_ids
            if is_exclusive(number)
        }
        return [n for n in fitting(component.func_ids, account.kind) if n not in held_elsewhere]

    def granted_components(self, account: Account, sets: tuple[int, ...]) -> list[Component]:
        """The platforms that were granted one of these sets: nobody else is sent its pushes."""
        return [
            component
            for component in self.components.values()
            if (authorization := component.authorizations.get(account.appid))
            and set(sets) & set(authorization.func_ids)
        ]
