"""WeChat, in memory: the parts of the world put together, and what owners and WeChat do there."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sandbox.wire.envelope import Sealed
from sandbox.wire.outbox import PostOffice
from sandbox.wire.pushes import Deliver, Delivery, OnDelivery, Push, over_http
from sandbox.world.applications import Applications
from sandbox.world.authorizations import Authorizations
from sandbox.world.chats import Chats
from sandbox.world.codes import new_code
from sandbox.world.content_checks import ContentChecks
from sandbox.world.failed_calls import FailedCalls
from sandbox.world.faults import Fault, Faults
from sandbox.world.followers import Followers
from sandbox.world.ledger import Entry, Ledger
from sandbox.world.links import Links
from sandbox.world.materials import Agents, Materials
from sandbox.world.media import MediaStore
from sandbox.world.menus import Menus
from sandbox.world.notices import Notices
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account, Authorization, Component
from sandbox.world.program import PAGES, Audit, Draft
from sandbox.world.quick_registration import DONE, QuickRegistration
from sandbox.world.quotas import Quotas
from sandbox.world.receiver import Receiver
from sandbox.world.register import Register
from sandbox.world.release_test import ReleaseTests
from sandbox.world.reviews import Reviews
from sandbox.world.standing import Standing
from sandbox.world.subscriptions import Subscriptions
from sandbox.world.terms import Terms
from sandbox.world.tickets import Tickets
from sandbox.world.tokens import Tokens
from sandbox.world.users import Users


class WeChat(Terms):
    """The whole stand-in. One lock guards it, never held while sleeping or pushing.

    DELIVER posts the pushes: over HTTP in the background by default, or a callable used here
    and now; with None they wait in `outbox` for `deliver` or `deliver_all`.

    Its parts see it only as `Surroundings`, its lifetimes and limits as `Terms`. What tests and
    pages do with a part all the time is offered under the world's own name.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        deliver: Deliver | None = over_http,
    ) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.clock = clock
        self.random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 a seed is for tests
        self.form_key = new_code(self.random, 32)  # a page of another origin cannot know it
        self.tests_of: Counter[str] = Counter()  # mini programs tried by a person, by WeChat id
        self.post = PostOffice(deliver, clock)
        self.faults = Faults()
        self.ledger = Ledger()
        self.failed_calls, self.receiver = FailedCalls(self), Receiver(self)
        self.quotas = Quotas(self, self)
        self.media = MediaStore(self)
        self.outgoing = Outgoing(self, self.post)
        self.register = Register(self, self)
        self.tokens = Tokens(self, self)
        self.tickets = Tickets(self, self, self.outgoing)
        self.authorizations = Authorizations(self, self, self.register, self.outgoing)
        self.reviews = Reviews(self, self.register, self.media)
        self.applications = Applications(self, self.register, self.outgoing, self.reviews)
        self.standing = Standing(self, self.register)
        self.users = Users(self, self, self.register)
        self.quick_registration = QuickRegistration(
            self.register, self.authorizations, self.outgoing
        )
        self.chats = Chats(self, self, self.register, self.media)
        self.content_checks = ContentChecks(self, self.register, self.outgoing, self.chats)
        self.links = Links(self, self, self.quotas)
        self.subscriptions = Subscriptions(self, self.register, self.outgoing, self.chats)
        self.followers = Followers(self.chats)
        self.menus = Menus()
        self.notices = Notices(self, self.register, self.outgoing, self.followers)
        self.materials, self.agents = Materials(self), Agents()
        self.release_tests = ReleaseTests(
            self, self.register, self.tickets, self.authorizations, self.chats
        )

        self.components = self.register.components
        self.accounts = self.register.accounts
        self.register_component = self.register.register_component
        self.create_account = self.register.create_account
        self.offered_sets = self.register.offered_sets
        self.new_ticket = self.tickets.new
        self.new_token = self.tokens.new
        self.find_token = self.tokens.find
        self.check_token = self.tokens.check
        self.new_pre_auth_code = self.authorizations.new_pre_auth_code
        self.open_pre_auth_code = self.authorizations.open_pre_auth_code
        self.trade = self.authorizations.trade
        self.rename = self.standing.rename
        self.set_status = self.standing.set_status
        self.say = self.chats.say
        self.happen = self.chats.happen
        self.transcript = self.chats.transcript
        self.start_release_test = self.release_tests.start
        self.lend_release_code = self.release_tests.lend_code

    @property
    def component(self) -> Component:
        """The platform registered first; most worlds have no other."""
        return self.register.first_component

    def authorization(self, appid: str, component: Component | None = None) -> Authorization | None:
        return (component or self.component).authorizations.get(appid)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A change of the world under the lock; its pushes leave when the lock is free."""
        with self.lock:
            yield
        self.post.flush()

    # What owners and WeChat do

    def push_ticket(
        self, component: Component | None = None, on_delivery: OnDelivery | None = None
    ) -> str:
        """Make a new ticket and push it."""
        with self.changing():
            return self.tickets.new(component or self.component, on_delivery)

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
            return self.authorizations.confirm(
                pre_auth_code,
                appid,
                func_ids,
                auth_type=auth_type,
                biz_appid=biz_appid,
                push_code=push_code,
            )

    def grant(
        self, appid: str, func_ids: list[int] | None = None, component: Component | None = None
    ) -> Authorization:
        """An authorisation from before the story begins: traded already, nothing pushed."""
        with self.lock:
            return self.authorizations.grant(
                component or self.component, self.accounts[appid], func_ids
            )

    def lend_code(self, appid: str, component: Component | None = None) -> str:
        """A fresh authorisation code of an account, which authorises now if it had not yet."""
        with self.lock:
            return self.authorizations.lend_code(component or self.component, self.accounts[appid])

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
            self.authorizations.cancel(component or self.component, appid)

    def register_quickly(
        self, name: str, status: int = DONE, component: Component | None = None
    ) -> Account | None:
        """The company NAME is given a mini program, or STATUS says why not; it is pushed."""
        with self.changing():
            return self.quick_registration.finish(component or self.component, name, status)

    def upload_draft(
        self,
        *,
        user_version: str = "1.0.0",
        user_desc: str = "第一版",
        source_appid: str = "wx5a0d1e2f3b4c5dff",
        source_name: str = "模板小程序",
        developer: str = "王开发",
        pages: Sequence[str] = PAGES,
        opens: Sequence[str] = (),
        domains: Sequence[str] = (),
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
                opens=tuple(opens),
                domains=tuple(domains),
            )

    def judge(
        self, appid: str, outcome: str, reason: str | None = None, pictures: int = 0
    ) -> Audit:
        """A reviewer's verdict on the open review: pass, reject (with PICTURES) or delay."""
        return self.reviews.judge(self.accounts[appid], outcome, reason, pictures)

    def judge_due(self) -> None:
        """The reviewers' verdicts whose time has come."""
        self.reviews.judge_due()
        self.applications.judge_due()

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
        on_delivery: OnDelivery | None = None,
        **tamper: Any,
    ) -> Push:
        """Any component push: an InfoType with its fields, or inner XML as it is.

        TAMPER goes to `envelope.seal`: token, aes_key, tail, timestamp, nonce, msg_signature, …
        """
        with self.changing():
            return self.outgoing.queue_push(
                component or self.component,
                kind,
                fields or {},
                create_time=create_time,
                tamper=tamper,
                on_delivery=on_delivery,
            )

    def push_message(
        self,
        appid: str,
        fields: Mapping[str, Any] | str,
        *,
        from_user: str = "oSandboxUser0000000000000001",
        create_time: int | None = None,
        component: Component | None = None,
        on_delivery: OnDelivery | None = None,
        **tamper: Any,
    ) -> Push:
        """A message or event of an account's; ToUserName and the like may be overridden.

        It stands in no chat: `say` and `happen` are for that.
        """
        with self.changing():
            return self.outgoing.queue_message(
                component or self.component,
                self.accounts[appid],
                fields,
                from_user=from_user,
                create_time=create_time,
                tamper=tamper,
                on_delivery=on_delivery,
            )

    def seal(
        self,
        inner: str,
        appid: str | None = None,
        *,
        component: Component | None = None,
        **tamper: Any,
    ) -> Sealed:
        """Inner XML as it would go to the component's webhook, or APPID's; nothing is queued."""
        account = None if appid is None else self.accounts[appid]
        return self.outgoing.seal(inner, component or self.component, account, tamper)

    # Faults and the ledger

    def fault(self, path: str, times: int | None = 1, **details: Any) -> Fault:
        """Script what goes wrong; `Fault` names the details."""
        with self.lock:
            return self.faults.add(Fault(path, times, **details))

    def clear_faults(self, path: str | None = None) -> None:
        with self.lock:
            self.faults.clear(path)

    def count(
        self, path: str | None = None, appid: str | None = None, effect: bool | None = None
    ) -> int:
        """How often the API was called."""
        with self.lock:
            return self.ledger.count(path, appid, effect)

    @property
    def unknown_calls(self) -> list[Entry]:
        """Calls to paths WeChat does not have: a test may demand there are none."""
        with self.lock:
            return [entry for entry in self.ledger if entry.unknown]
