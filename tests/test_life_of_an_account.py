"""
Two accounts and two merchants through whatever may happen to them, in any order: pushes early,
late, twice or lost, answers lost, processes dying in the middle, staff deciding. Whenever all is
quiet again, we know what WeChat knows.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from audits.models import CodeSummary
from miniprograms import tasks
from miniprograms.models import Authorizer, Binding, DueRefresh, digest
from miniprograms.services import binding as bindings
from miniprograms.services import trading
from miniprograms.services.reconciling import reconcile
from miniprograms.services.refresh_batches import lease_due
from miniprograms.services.unbinding import unbind_locally
from miniprograms.services.unclaimed import NotUnclaimed, assign_unclaimed, refuse_unclaimed
from miniprograms.tokens import authorizer_token, request_token, usable_refresh_tokens
from platform_auth.models import Component, Push
from sandbox.wire.pushes import Deliver
from sandbox.wire.pushes import Push as Told
from sandbox.world import WeChat
from sandbox.world.errors import Refusal
from tests.conftest import AES_KEY, APPID, PREFIX, SECRET, TOKEN, Seam
from tests.databases import empty_operation_log
from wechat import http
from wechat.errors import NotReady, WeChatError

CALLS = ("api_query_auth", "api_authorizer_token", "api_get_authorizer_list")
PROFILE = "api_get_authorizer_info"
TROUBLES: list[dict[str, Any]] = [
    {"drop": "before"},
    {"drop": "after"},
    {"status": 500},
    {"errcode": -1},
    {"body": b"<html>"},
]

State, Status = Authorizer.State, Binding.Status

account, merchant = st.integers(0, 1), st.integers(0, 1)
some = st.integers(0, 50)


class Life(RuleBasedStateMachine):
    deliver: Deliver
    merchants: list[User]
    chief: User
    component: Component

    def __init__(self) -> None:
        super().__init__()
        empty_operation_log()
        for model in (Push, Binding, DueRefresh, CodeSummary, Authorizer):
            model.objects.all()._raw_delete("default")
        Component.objects.update(
            access_token="", access_token_expires=0, verify_ticket="", previous_ticket="",
            ticket_created=0, due_at=Now(), failures=0, last_error="", lease_until=None,
        )  # fmt: skip
        self.wechat = WeChat(deliver=None, seed=1)
        self.wechat.register_component(
            appid=APPID, secret=SECRET, token=TOKEN, aes_key=AES_KEY, redirect_domain="testserver"
        )
        http.session.mount(PREFIX, Seam(self.wechat))
        self.wechat.push_ticket()
        self.wechat.deliver_all(self.deliver)
        self.accounts = [self.wechat.create_account() for _ in range(2)]
        self.opened: list[Binding] = []
        self.codes: list[tuple[Binding, str]] = []
        self.told: list[Told] = []
        self.owners: dict[str, int] = {}
        self.let_go: set[str] = set()

    # What people do

    @rule(who=merchant, data=st.data())
    def click(self, who: int, data: st.DataObject) -> None:
        pinned = data.draw(st.sampled_from(["", "", self.accounts[0].appid]))
        Binding.objects.update(started_at=Now() - timedelta(minutes=11))
        with suppress(WeChatError):
            self.opened.append(
                bindings.start_binding(
                    user=self.merchants[who], biz_appid=pinned, session="session"
                )
            )

    @precondition(lambda self: self.opened)
    @rule(which=some, whose=account, push_code=st.booleans())
    def consent(self, which: int, whose: int, push_code: bool) -> None:
        opened = self.opened.pop(which % len(self.opened))
        appid = self.accounts[whose].appid
        code = self.wechat.authorize(opened.pre_auth_code, appid, push_code=push_code)
        self.codes.append((opened, code))
        self.collect(appid)

    @precondition(lambda self: self.codes)
    @rule(which=some)
    def come_back(self, which: int) -> None:
        opened, code = self.codes[which % len(self.codes)]
        trading.finish_binding(opened, code)

    @rule(whose=account, sets=st.sampled_from([[17], [17, 18], [3, 17, 18, 25]]))
    def authorise_in_wechat(self, whose: int, sets: list[int]) -> None:
        appid = self.accounts[whose].appid
        self.wechat.update_authorization(appid, sets)
        self.collect(appid)

    @rule(whose=account)
    def cancel(self, whose: int) -> None:
        appid = self.accounts[whose].appid
        if self.wechat.authorization(appid):
            self.wechat.cancel(appid)
            self.collect(appid)

    @rule(seconds=st.sampled_from([0, 1, 1, 30]))
    def time_passes(self, seconds: int) -> None:
        before = self.wechat.clock
        self.wechat.clock = lambda: before() + seconds

    def collect(self, appid: str) -> None:
        """Pushes are under way. Whatever we let go may come back from now on."""
        self.told += self.wechat.outbox
        self.wechat.outbox.clear()
        self.let_go.discard(appid)

    # What arrives, and what does not

    @precondition(lambda self: self.told)
    @rule(which=some, again=st.booleans())
    def a_push_arrives(self, which: int, again: bool) -> None:
        push = self.told[which % len(self.told)]
        if not again:
            self.told.remove(push)
        assert self.wechat.deliver(push, self.deliver).answer == b"success"

    @precondition(lambda self: self.told)
    @rule(which=some)
    def a_push_is_lost(self, which: int) -> None:
        self.told.pop(which % len(self.told))

    @rule(call=st.sampled_from(CALLS), trouble=st.sampled_from(TROUBLES))
    def an_answer_will_be_lost(self, call: str, trouble: dict[str, Any]) -> None:
        self.wechat.fault(f"/cgi-bin/component/{call}", **trouble)

    @rule()
    def a_profile_will_fail(self) -> None:
        self.wechat.fault(f"/cgi-bin/component/{PROFILE}", errcode=48001)

    @rule(rotate=st.sampled_from(["never", "on_reauth", "always"]))
    def wechat_changes_its_mind(self, rotate: str) -> None:
        self.wechat.rotate = rotate

    # What we do

    @rule()
    def the_worker_settles(self) -> None:
        self.pauses_are_over()
        tasks.advance_bindings()

    @rule()
    def the_worker_sweeps(self) -> None:
        self.pauses_are_over()
        tasks.refresh_tokens()

    @rule()
    def the_worker_reconciles(self) -> None:
        tasks.reconcile()

    @rule(whose=account)
    def somebody_needs_a_token(self, whose: int) -> None:
        with suppress(WeChatError):
            assert authorizer_token(self.accounts[whose].appid)

    @rule()
    def a_sweeper_dies_with_the_answers(self) -> None:
        self.pauses_are_over()
        for row in lease_due(5):
            with suppress(WeChatError):
                request_token(row, usable_refresh_tokens(row))
        self.leases_are_over()

    @precondition(lambda self: self.codes)
    @rule(which=some, traded=st.booleans())
    def a_trader_dies(self, which: int, traded: bool) -> None:
        opened, code = self.codes[which % len(self.codes)]
        row: Binding = Binding.objects.with_clock().get(pk=opened.pk)
        if row.status != Status.OPEN or not row.take_lease():
            return
        row.write(code_digest=digest(code), lease_until=Now() - timedelta(seconds=1))
        if traded:
            with suppress(Refusal):
                self.wechat.trade(self.wechat.component, code)

    # What staff do

    @rule(who=merchant)
    def staff_assign(self, who: int) -> None:
        parked = Binding.objects.unclaimed().order_by("pk").first()
        if parked is not None:
            assign_unclaimed(parked, user=self.merchants[who], by=self.chief)
            self.owners[parked.appid] = self.merchants[who].pk

    @rule()
    def staff_refuse(self) -> None:
        parked = Binding.objects.unclaimed().order_by("pk").first()
        if parked is not None:
            with suppress(NotUnclaimed):
                refuse_unclaimed(parked, by=self.chief)

    @rule(whose=account)
    def staff_unbind(self, whose: int) -> None:
        appid = self.accounts[whose].appid
        row = Authorizer.objects.filter(appid=appid).first()
        if row is not None:
            unbind_locally(row, by=self.chief)
            self.let_go.add(appid)

    # What always holds

    @invariant()
    def rows_are_whole(self) -> None:
        for row in Authorizer.objects.all():
            if row.state == State.UNBOUND:
                assert (row.access_token, row.refresh_token, row.expires) == ("", "", 0)
            if row.state == State.BOUND:
                assert row.refresh_token
            assert len(row.older_refresh_tokens) <= 5

    @invariant()
    def an_owner_changes_by_staff_alone(self) -> None:
        for row in Authorizer.objects.exclude(owner=None):
            assert row.owner_id
            assert self.owners.setdefault(row.appid, row.owner_id) == row.owner_id

    @invariant()
    def a_parked_account_waits_once(self) -> None:
        waiting = Binding.objects.unclaimed().filter(parked_because="unclaimed")
        appids = list(waiting.values_list("appid", flat=True))
        assert len(appids) == len(set(appids))

    # In the end

    def pauses_are_over(self) -> None:
        for rows in (Authorizer.objects, Binding.objects):
            rows.exclude(due_at=None).update(due_at=Now() - timedelta(seconds=1))
        self.leases_are_over()

    def leases_are_over(self) -> None:
        for rows in (Authorizer.objects, Binding.objects):
            rows.exclude(lease_until=None).update(lease_until=Now() - timedelta(seconds=1))

    def teardown(self) -> None:
        """No more trouble: what is under way arrives, every job runs."""
        self.wechat.clear_faults()
        for push in self.told:
            self.wechat.deliver(push, self.deliver)
        for _ in range(4):
            self.pauses_are_over()
            tasks.advance_bindings()
            tasks.refresh_tokens()
            reconcile(self.component)
        self.pauses_are_over()
        tasks.refresh_tokens()
        self.rows_are_whole()
        self.an_owner_changes_by_staff_alone()
        for theirs in self.accounts:
            self.agree(theirs.appid)

    def agree(self, appid: str) -> None:
        granted = self.wechat.authorization(appid)
        row = Authorizer.objects.filter(appid=appid).first()
        if granted is None:
            assert row is None or row.state != State.BOUND
        elif row is None:
            waiting = Binding.objects.filter(appid=appid, status__in=Binding.FINAL)
            assert waiting.exists()
        elif appid not in self.let_go and granted.refresh_token:
            assert row.state == State.BOUND
            assert row.refresh_token == granted.refresh_token
            token = self.wechat.find_token(authorizer_token(appid))
            assert token
            self.wechat.check_token(token)
        elif row.state == State.UNBOUND:
            with pytest.raises(NotReady):
                authorizer_token(appid)


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_to_an_account_we_end_where_wechat_is(
    component: Component, merchant: User, other_merchant: User, deliver: Deliver
) -> None:
    Life.component, Life.deliver = component, staticmethod(deliver)
    Life.merchants = [merchant, other_merchant]
    Life.chief = User.objects.create_superuser("chief")
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
