"""WeChat, in memory: what it knows, and what happens to it without the platform's asking."""

import base64
import random
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sandbox import pushes, release_test
from sandbox.chats import Chats, Line
from sandbox.errors import PageRefusal, Refusal
from sandbox.faults import Fault, Faults
from sandbox.ledger import Entry, Ledger
from sandbox.parties import Account, Authorization, Component, Grant, PreAuthCode, Token
from sandbox.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT, USUAL_SETS, fitting, is_exclusive
from sandbox.program import PAGES, Audit, Draft
from sandbox.pushes import Deliver, Delivery, Door, PostOffice, Push, Sealed, over_http
from sandbox.release_test import ReleaseTest
from sandbox.review import Reviews

TOKENS_KEPT = 8  # of one owner; older ones are long dead
RIDS_KEPT = 1_000
Heard = Callable[[Delivery], None]
ROTATIONS = ("never", "on_reauth", "always")


class WeChat:
    """The whole stand-in. One lock guards it, never held while sleeping or pushing.

    DELIVER posts the pushes: over HTTP in the background by default, or a callable used here
    and now; with None they wait in `outbox` for `deliver` or `deliver_all`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        deliver: Deliver | None = over_http,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 a seed is for tests
        self.post = PostOffice(deliver, clock)
        self.faults = Faults()
        self.ledger = Ledger()
        self.reviews = Reviews(self)
        self.chats = Chats(self)
        self.release_tests: list[ReleaseTest] = []
        self.tests_of: Counter[str] = Counter()  # by WeChat id
        self.base_url = "http://127.0.0.1:8001"
        self.rotate = "on_reauth"
        self.token_life = 7200
        self.next_token_life: int | None = None  # of the next authorizer token only
        self.component_token_life: int | None = None  # None: token_life
        self.overlap = 300
        self.ticket_life = 12 * 3600
        self.preauth_life = 1800
        self.code_life = 600
        self.allowed_ips: set[str] | None = None
        self.daily_limit = 1_000_000
        self.daily_limits: dict[str, int] = {}
        self.components: dict[str, Component] = {}
        self.accounts: dict[str, Account] = {}
        self.used_today: Counter[tuple[int, str, str]] = Counter()
        self.quota_resets: Counter[tuple[str, str]] = Counter()
        self.form_key = self._chars(32)  # a page of another origin cannot know it
        self.failed_calls: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._tokens: dict[str, Token] = {}
        self._pre_auth_codes: dict[str, PreAuthCode] = {}
        self._grants: dict[str, Grant] = {}

    # Who there is

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
        """A platform; the first one registered is `component`."""
        sets = list(USUAL_SETS if func_ids is None else func_ids)
        component = Component(
            appid, secret, token, aes_key, push_url, message_url, redirect_domain, sets
        )
        with self.lock:
            self.components[appid] = component
        return component

    @property
    def component(self) -> Component:
        return next(iter(self.components.values()))

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
        """A mini program or official account that may be authorised."""
        if kind not in (MINI_PROGRAM, OFFICIAL_ACCOUNT):
            raise ValueError(f"no such kind of account: {kind}")
        with self.lock:
            appid = appid or f"wx{self.random.getrandbits(64):016x}"
            user_name = user_name or f"gh_{self.random.getrandbits(48):012x}"
            profile.setdefault("head_img", f"{self.base_url}/avatar/{appid}.svg")
            profile.setdefault("qrcode_url", f"{self.base_url}/qrcode/{appid}.svg")
            account = Account(appid, kind, nick_name, user_name, principal_name, owner, **profile)
            self.accounts[appid] = account
        return account

    def authorization(self, appid: str, component: Component | None = None) -> Authorization | None:
        return (component or self.component).authorizations.get(appid)

    # What owners and WeChat do

    def push_ticket(self, component: Component | None = None, heard: Heard | None = None) -> str:
        """Make a new ticket and push it; the older ones live on for their 12 hours."""
        with self.changing():
            return self.new_ticket(component or self.component, heard)

    def new_ticket(self, component: Component, heard: Heard | None = None) -> str:
        """A ticket in the outbox, not yet under way."""
        now = self.clock()
        component.ticket, component.ticket_at = f"ticket@@@{self._chars(86)}", now
        component.tickets = {
            ticket: at for ticket, at in component.tickets.items() if now - at < self.ticket_life
        } | {component.ticket: now}
        push = self._tell(
            component, "component_verify_ticket", ComponentVerifyTicket=component.ticket
        )
        push.heard = heard
        return component.ticket

    def authorize(
        self,
        pre_auth_code: str,
        appid: str,
        func_ids: list[int] | None = None,
        *,
        auth_type: str = "3",
        biz_appid: str = "",
        push_code: bool = False,
    ) -> str:
        """What the owner's confirmation does; the auth_code of the redirect.

        With PUSH_CODE the push carries another code of the same grant than the redirect.
        """
        with self.changing():
            opened = self.open_pre_auth_code(pre_auth_code)
            account = self.accounts.get(appid)
            if account is None or not account.is_listed or not account.fits(auth_type, biz_appid):
                raise PageRefusal("account")
            granted = self._granted(opened.component, account, func_ids)
            opened.used = True
            return self._confirm(opened, account, granted, push_code)

    def grant(
        self, appid: str, func_ids: list[int] | None = None, component: Component | None = None
    ) -> Authorization:
        """An authorisation from before the story begins: traded already, nothing pushed."""
        with self.lock:
            component = component or self.component
            account = self.accounts[appid]
            granted = self._granted(component, account, func_ids)
            authorization, _ = self._authorize(component, account, granted)
            authorization.refresh_token = self.new_refresh_token()
        return authorization

    def lend_code(self, appid: str, component: Component | None = None) -> str:
        """A fresh authorisation code of an account, which authorises now if it had not yet.

        Nothing is pushed: the platform learns of it by the code.
        """
        with self.lock:
            component, account = component or self.component, self.accounts[appid]
            authorization = component.authorizations.get(appid)
            if authorization is None:
                granted = self._granted(component, account, None)
                authorization, _ = self._authorize(component, account, granted)
            return self._new_code(Grant(authorization, self.clock() + self.code_life))

    def is_traded(self, code: str) -> bool:
        """Whether the platform has spent the code."""
        with self.lock:
            return self._grants[code].traded

    def update_authorization(
        self, appid: str, func_ids: list[int], component: Component | None = None
    ) -> str:
        """The owner changes the sets by a link the platform did not open just now."""
        with self.lock:
            code = self.new_pre_auth_code(component or self.component)
        return self.authorize(code.value, appid, func_ids)

    def cancel(self, appid: str, component: Component | None = None) -> None:
        """The owner takes the authorisation back: tokens die, `unauthorized` is pushed."""
        with self.changing():
            component = component or self.component
            authorization = component.authorizations.pop(appid)
            authorization.cancelled = True
            authorization.refresh_token = ""
            self._tell(component, "unauthorized", AuthorizerAppid=appid)

    def upload_draft(
        self,
        *,
        user_version: str = "1.0.0",
        user_desc: str = "第一版",
        source_appid: str = "wx5a0d1e2f3b4c5dff",
        source_name: str = "模板小程序",
        developer: str = "王开发",
        pages: Sequence[str] = PAGES,
        component: Component | None = None,
    ) -> Draft:
        """What a developer's upload does: a draft in the platform's box."""
        with self.lock:
            return (component or self.component).library.upload(
                create_time=int(self.clock()),
                user_version=user_version,
                user_desc=user_desc,
                source_appid=source_appid,
                source_name=source_name,
                developer=developer,
                pages=tuple(pages),
            )

    def judge(
        self, appid: str, outcome: str, reason: str | None = None, pictures: int = 0
    ) -> Audit:
        """A reviewer's verdict on the open review: pass, reject (with PICTURES) or delay."""
        return self.reviews.judge(self.accounts[appid], outcome, reason, pictures)

    # Users

    def say(self, appid: str, openid: str, content: str = "", **more: Any) -> Push:
        """A user's message: KIND text, image, voice, video, shortvideo, location, link or
        miniprogrampage, its FIELDS as WeChat names them; the rest goes to `push_message`.
        """
        return self.chats.say(appid, openid, content, **more)

    def happen(
        self,
        appid: str,
        openid: str,
        event: str,
        fields: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Push:
        """An event of a user's, or any other."""
        return self.chats.happen(appid, openid, event, fields, **more)

    def transcript(self, appid: str, openid: str) -> list[Line]:
        """What was said between a user and an account, oldest first."""
        with self.lock:
            chat = self.chats.find(appid, openid)
            return list(chat.lines) if chat else []

    # 全网发布

    def start_release_test(
        self,
        component: Component | None = None,
        groups: Sequence[int] = tuple(release_test.GROUPS),
        *,
        patience: float = release_test.PATIENCE,
        same_code: bool = False,
    ) -> ReleaseTest:
        """Press the button: the tests of these groups are pushed, and their results come in.

        With SAME_CODE the message tells the code that the `authorized` push has told.
        """
        test = ReleaseTest(self, component or self.component, patience)
        with self.lock:
            self.release_tests.append(test)
        test.start(groups, same_code=same_code)
        return test

    def lend_release_code(self, appid: str, openid: str = "") -> str:
        """A code for a tester of the platform's own, who is the user OPENID, or any."""
        account = release_test.account(self, appid)
        with self.lock:
            if openid:
                self.chats.meet(account, openid)
            else:
                self.chats.strangers.add(appid)
        return self.lend_code(appid)

    # Pushes

    @property
    def outbox(self) -> list[Push]:
        """Pushes not delivered yet, oldest first; tests may reorder, drop or repeat them."""
        return self.post.outbox

    @property
    def deliveries(self) -> list[Delivery]:
        """Every try and the platform's answer, oldest first."""
        return list(self.post.deliveries)

    def deliver(self, push: Push, deliver: Deliver | None = None) -> Delivery:
        """One push, now; it may have been delivered before."""
        return self.post.send(push, deliver or self.post.deliver or over_http)

    def deliver_all(self, deliver: Deliver | None = None) -> list[Delivery]:
        return self.post.deliver_all(deliver or self.post.deliver or over_http)

    def push(
        self,
        kind: str,
        fields: Mapping[str, Any] | None = None,
        *,
        create_time: int | None = None,
        component: Component | None = None,
        heard: Heard | None = None,
        **tamper: Any,
    ) -> Push:
        """Any push to the component door: an InfoType with its fields, or inner XML as it is.

        TAMPER goes to `pushes.seal`: token, aes_key, tail, timestamp, nonce, msg_signature, …
        """
        component = component or self.component
        with self.changing():
            if kind.startswith("<"):
                return self._put(kind, "xml", "", component, None, 1, tamper, heard)
            inner = self._info(component, kind, fields or {}, create_time)
            appid = str((fields or {}).get("AuthorizerAppid", ""))
            return self._put(inner, kind, appid, component, None, 1, tamper, heard)

    def push_message(
        self,
        appid: str,
        fields: Mapping[str, Any] | str,
        *,
        from_user: str = "oSandboxUser0000000000000001",
        create_time: int | None = None,
        component: Component | None = None,
        heard: Heard | None = None,
        **tamper: Any,
    ) -> Push:
        """A message or event to an authorizer's door; ToUserName and the like may be overridden.

        It stands in no chat: `say` and `happen` are for that.
        """
        account = self.accounts[appid]
        if isinstance(fields, str):
            inner, kind = fields, "xml"
        else:
            told = self._message(account, fields, from_user, create_time)
            inner, kind = pushes.xml(told), str(fields.get("Event") or told["MsgType"])
        tamper.setdefault("openid", from_user)
        with self.changing():
            return self._put(
                inner,
                kind,
                appid,
                component or self.component,
                account,
                pushes.MESSAGE_TRIES,
                tamper,
                heard,
            )

    def seal(
        self,
        inner: str,
        appid: str | None = None,
        *,
        component: Component | None = None,
        **tamper: Any,
    ) -> Sealed:
        """Inner XML as it would go to the component door, or to APPID's; nothing is queued."""
        account = None if appid is None else self.accounts[appid]
        return self._seal(inner, component or self.component, account, tamper)

    # Faults and the ledger

    def fault(self, path: str, times: int | None = 1, **what: Any) -> Fault:
        """Script what goes wrong; see `Fault` for the words."""
        with self.lock:
            return self.faults.add(Fault(path, times, **what))

    def clear_faults(self, path: str | None = None) -> None:
        with self.lock:
            self.faults.clear(path)

    def count(
        self, path: str | None = None, appid: str | None = None, effect: bool | None = None
    ) -> int:
        """How often WeChat was asked."""
        with self.lock:
            return self.ledger.count(path, appid, effect)

    @property
    def unknown_calls(self) -> list[Entry]:
        """Calls to paths WeChat does not have: a test may demand there are none."""
        with self.lock:
            return [entry for entry in self.ledger if entry.unknown]

    # For the endpoints and pages; the lock is theirs to hold

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A change of the world under the lock; its pushes leave when the lock is free."""
        with self.lock:
            yield
        self.post.flush()

    def new_token(self, owner: Component | Authorization) -> tuple[str, int]:
        """A fresh access token and its life; the one before goes on for the overlap."""
        now = self.clock()
        life = self._life(owner)
        for older in owner.tokens:
            older.dies_at = min(older.dies_at, now + self.overlap)
        token = Token(f"{self.random.randint(40, 99)}_{self._chars(134)}", owner, now + life)
        owner.tokens.append(token)
        self._tokens[token.value] = token
        if len(owner.tokens) > TOKENS_KEPT:
            del self._tokens[owner.tokens.pop(0).value]
        return token.value, life

    def find_token(self, value: str) -> Token | None:
        return self._tokens.get(value)

    def check_token(self, token: Token) -> None:
        """Raise what WeChat answers to a token that is no good any more."""
        now = self.clock()
        owner = token.owner
        if isinstance(owner, Authorization) and owner.cancelled:
            again = owner.account.appid in owner.component.authorizations
            raise Refusal(40001 if again else 61003)
        if now >= token.expires_at:
            raise Refusal(42001)
        if now >= token.dies_at:
            raise Refusal(40001)

    def new_pre_auth_code(self, component: Component) -> PreAuthCode:
        now = self.clock()
        code = PreAuthCode(f"preauthcode@@@{self._chars(86)}", component, now + self.preauth_life)
        self._pre_auth_codes[code.value] = code
        return code

    def open_pre_auth_code(self, value: str) -> PreAuthCode:
        """The code, if a page may still be opened with it."""
        code = self._pre_auth_codes.get(value)
        if code is None or code.used or self.clock() >= code.expires_at:
            raise PageRefusal("pre_auth_code")
        return code

    def trade(self, component: Component, code: str) -> Authorization:
        """Spend an authorisation code: single use, and its twin with it."""
        grant = self._grants.get(code)
        if grant is None or grant.traded or grant.authorization.component is not component:
            raise Refusal(61009)
        if self.clock() >= grant.expires_at:
            raise Refusal(61010)
        if grant.authorization.cancelled:
            raise Refusal(61003)
        grant.traded = True
        authorization = grant.authorization
        authorization.refresh_token = authorization.refresh_token or self.new_refresh_token()
        return authorization

    def appid_of_code(self, code: str) -> str:
        """Whom an authorisation code stands for."""
        grant = self._grants.get(code)
        return grant.authorization.account.appid if grant else ""

    def new_refresh_token(self) -> str:
        return f"refreshtoken@@@{self._chars(43)}"

    def offered_sets(self, component: Component, account: Account) -> list[int]:
        """The sets this account can grant: its kind's, less the exclusive ones held elsewhere."""
        elsewhere = {
            number
            for other in self.components.values()
            if other is not component and account.appid in other.authorizations
            for number in other.authorizations[account.appid].func_ids
            if is_exclusive(number)
        }
        return [n for n in fitting(component.func_ids, account.kind) if n not in elsewhere]

    def new_rid(self) -> str:
        """The request id at the end of every errmsg."""
        parts = (int(self.clock()), self.random.getrandbits(32), self.random.getrandbits(32))
        return "-".join(f"{part & 0xFFFFFFFF:08x}" for part in parts)

    def remember_failure(self, rid: str, told: dict[str, Any]) -> None:
        """For openapi/rid/get."""
        self.failed_calls[rid] = told
        if len(self.failed_calls) > RIDS_KEPT:
            self.failed_calls.popitem(last=False)

    # Within

    def _life(self, owner: Component | Authorization) -> int:
        if isinstance(owner, Component):
            special = self.component_token_life
        else:
            special, self.next_token_life = self.next_token_life, None
        return self.token_life if special is None else special

    def _granted(
        self, component: Component, account: Account, func_ids: list[int] | None
    ) -> list[int]:
        offered = self.offered_sets(component, account)
        if func_ids is None:
            return offered
        return [number for number in offered if number in func_ids]

    def _confirm(
        self, opened: PreAuthCode, account: Account, granted: list[int], push_code: bool
    ) -> str:
        component = opened.component
        authorization, kind = self._authorize(component, account, granted)
        expires_at = self.clock() + self.code_life
        grant = Grant(authorization, expires_at)
        code = self._new_code(grant)
        if kind:
            self._tell(
                component,
                kind,
                AuthorizerAppid=account.appid,
                AuthorizationCode=self._new_code(grant) if push_code else code,
                AuthorizationCodeExpiredTime=int(expires_at),
                PreAuthCode=opened.value,
            )
        return code

    def _authorize(
        self, component: Component, account: Account, granted: list[int]
    ) -> tuple[Authorization, str]:
        """The authorisation and the push it deserves: none when its ids did not change."""
        authorization = component.authorizations.get(account.appid)
        now = int(self.clock())
        if authorization is None:
            authorization = Authorization(component, account, granted, now)
            component.authorizations[account.appid] = authorization
            return authorization, "authorized"
        changed = set(authorization.func_ids) != set(granted)
        authorization.func_ids, authorization.auth_time = granted, now
        for token in authorization.tokens:
            token.dies_at = self.clock()  # authorising again kills the old tokens at once
        if self.rotate != "never" and authorization.refresh_token:
            authorization.refresh_token = self.new_refresh_token()
        return authorization, "updateauthorized" if changed else ""

    def _new_code(self, grant: Grant) -> str:
        code = f"queryauthcode@@@{self._chars(86)}"
        self._grants[code] = grant
        return code

    def _tell(self, component: Component, info_type: str, **fields: Any) -> Push:
        inner = self._info(component, info_type, fields, None)
        appid = str(fields.get("AuthorizerAppid", ""))
        return self._put(inner, info_type, appid, component, None, 1, {})

    def _info(
        self, component: Component, info_type: str, fields: Mapping[str, Any], at: int | None
    ) -> str:
        created = int(self.clock()) if at is None else at
        head = {"AppId": component.appid, "CreateTime": created, "InfoType": info_type}
        return pushes.xml(head | dict(fields))

    def _message(
        self, account: Account, fields: Mapping[str, Any], from_user: str, at: int | None
    ) -> dict[str, Any]:
        told = {
            "ToUserName": account.user_name,
            "FromUserName": from_user,
            "CreateTime": int(self.clock()) if at is None else at,
            "MsgType": "event" if "Event" in fields else "text",
        } | dict(fields)
        if told["MsgType"] != "event":
            told.setdefault("MsgId", self.random.getrandbits(62))
        return told

    def _put(
        self,
        inner: str,
        kind: str,
        appid: str,
        component: Component,
        account: Account | None,
        tries: int,
        tamper: dict[str, Any],
        heard: Heard | None = None,
    ) -> Push:
        def seal() -> Sealed:
            return self._seal(inner, component, account, tamper)

        push = Push(next(self.post.numbers), kind, appid, inner, seal, tries, seal(), heard)
        self.post.put(push)
        return push

    def _seal(
        self, inner: str, component: Component, account: Account | None, tamper: dict[str, Any]
    ) -> Sealed:
        keys = component.token, component.aes_key, component.appid
        door = Door(component.push_url, *keys)
        if account is not None:
            url = component.message_url.replace("$APPID$", account.appid)
            door = Door(url, *keys, user_name=account.user_name)
        usual = {
            "timestamp": str(int(self.clock())),
            "nonce": str(self.random.randint(10**8, 2 * 10**9)),
            "random16": self.random.randbytes(8).hex().encode(),
        }
        return pushes.seal(inner, door, **{**usual, **tamper})

    def _chars(self, length: int) -> str:
        """Url-safe base64 characters."""
        return base64.urlsafe_b64encode(self.random.randbytes(length)).decode()[:length]
