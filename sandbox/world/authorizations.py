"""Authorisations: the pre_auth_code of the page, the owner's grant, the code that trades it."""

from sandbox.world.codes import new_code
from sandbox.world.errors import PageRefusal, Refusal
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account, Authorization, Component, Grant, PreAuthCode
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms


class Authorizations:
    """What accounts grant components. Its world's lock guards it."""

    def __init__(
        self, world: Surroundings, terms: Terms, register: Register, outgoing: Outgoing
    ) -> None:
        self.world = world
        self.terms = terms
        self.register = register
        self.outgoing = outgoing
        self._pre_auth_codes: dict[str, PreAuthCode] = {}
        self._grants: dict[str, Grant] = {}  # by authorization_code; a grant may have several

    # The page

    def new_pre_auth_code(self, component: Component) -> PreAuthCode:
        value = f"preauthcode@@@{new_code(self.world.random, 86)}"
        code = PreAuthCode(value, component, self.world.clock() + self.terms.preauth_life)
        self._pre_auth_codes[code.value] = code
        return code

    def open_pre_auth_code(self, value: str) -> PreAuthCode:
        """The code, if a page may still be opened with it."""
        code = self._pre_auth_codes.get(value)
        if code is None or code.used or self.world.clock() >= code.expires_at:
            raise PageRefusal("pre_auth_code")
        return code

    def confirm(
        self,
        pre_auth_code: str,
        appid: str,
        func_ids: list[int] | None,
        *,
        auth_type: str,
        biz_appid: str,
        push_code: bool,
    ) -> str:
        """The owner's confirmation of a page; the authorization_code of the redirect."""
        opened = self.open_pre_auth_code(pre_auth_code)
        account = self.register.accounts.get(appid)
        if account is None or not account.is_listed or not account.fits(auth_type, biz_appid):
            raise PageRefusal("account")
        granted = self._chosen_sets(opened.component, account, func_ids)
        opened.used = True
        authorization, info_type = self._authorize(opened.component, account, granted)
        grant = Grant(authorization, self.world.clock() + self.terms.code_life)
        code = self._new_code(grant)
        if info_type:
            pushed_code = self._new_code(grant) if push_code else code
            self._tell(info_type, grant, pushed_code, opened)
        return code

    def _tell(self, info_type: str, grant: Grant, code: str, opened: PreAuthCode) -> None:
        """The push to the platform, which repeats the code of the redirect or carries its twin."""
        self.outgoing.queue_push(
            opened.component,
            info_type,
            {
                "AuthorizerAppid": grant.authorization.account.appid,
                "AuthorizationCode": code,
                "AuthorizationCodeExpiredTime": int(grant.expires_at),
                "PreAuthCode": opened.value,
            },
        )

    # What happens without a page

    def grant(
        self, component: Component, account: Account, func_ids: list[int] | None
    ) -> Authorization:
        """An authorisation from before the story begins: traded already, nothing pushed."""
        granted = self._chosen_sets(component, account, func_ids)
        authorization, _ = self._authorize(component, account, granted)
        authorization.refresh_token = self.new_refresh_token()
        return authorization

    def lend_code(self, component: Component, account: Account) -> str:
        """A fresh authorization_code of an account, which authorises now if it had not yet.

        Nothing is pushed: the platform learns of it by the code.
        """
        authorization = component.authorizations.get(account.appid)
        if authorization is None:
            granted = self._chosen_sets(component, account, None)
            authorization, _ = self._authorize(component, account, granted)
        return self._new_code(Grant(authorization, self.world.clock() + self.terms.code_life))

    def cancel(self, component: Component, appid: str) -> None:
        """Tokens die, `unauthorized` is pushed."""
        authorization = component.authorizations.pop(appid)
        authorization.cancelled = True
        authorization.refresh_token = ""
        self.outgoing.queue_push(component, "unauthorized", {"AuthorizerAppid": appid})

    # The trade

    def trade(self, component: Component, code: str) -> Authorization:
        """Spend an authorization_code: single use, and its twin with it."""
        grant = self._grants.get(code)
        if grant is None or grant.traded or grant.authorization.component is not component:
            raise Refusal(61009)
        if self.world.clock() >= grant.expires_at:
            raise Refusal(61010)
        if grant.authorization.cancelled:
            raise Refusal(61003)
        grant.traded = True
        authorization = grant.authorization
        authorization.refresh_token = authorization.refresh_token or self.new_refresh_token()
        return authorization

    def is_traded(self, code: str) -> bool:
        """Whether the platform has spent the code."""
        return self._grants[code].traded

    def appid_of_code(self, code: str) -> str:
        """Whom an authorization_code stands for."""
        grant = self._grants.get(code)
        return grant.authorization.account.appid if grant else ""

    def new_refresh_token(self) -> str:
        return f"refreshtoken@@@{new_code(self.world.random, 43)}"

    # Within

    def _chosen_sets(
        self, component: Component, account: Account, func_ids: list[int] | None
    ) -> list[int]:
        offered = self.register.offered_sets(component, account)
        if func_ids is None:
            return offered
        return [number for number in offered if number in func_ids]

    def _authorize(
        self, component: Component, account: Account, granted: list[int]
    ) -> tuple[Authorization, str]:
        """The authorisation and the push it deserves: none when its ids did not change."""
        authorization = component.authorizations.get(account.appid)
        now = self.world.clock()
        if authorization is None:
            authorization = Authorization(component, account, granted, int(now))
            component.authorizations[account.appid] = authorization
            return authorization, "authorized"
        changed = set(authorization.func_ids) != set(granted)
        authorization.func_ids, authorization.auth_time = granted, int(now)
        for token in authorization.tokens:
            token.dies_at = now  # authorising again kills the old tokens at once
        if self.terms.rotate != "never" and authorization.refresh_token:
            authorization.refresh_token = self.new_refresh_token()
        return authorization, "updateauthorized" if changed else ""

    def _new_code(self, grant: Grant) -> str:
        code = f"queryauthcode@@@{new_code(self.world.random, 86)}"
        self._grants[code] = grant
        return code
