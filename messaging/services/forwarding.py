"""
Forwarding: whoever has asked for a message is told of it, at least once.

A delivery is a row, written in the push's own transaction. Threads carry the due ones out, so many
at once for each target as it allows, and for each user of a target only the oldest: their order is
kept, and a target that is slow or down holds up nobody but itself.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.models import Delivery, Target
from messaging.services.delivering import (
    DEAD,
    MOST_FAILURES,
    Hand,
    attempt,
    is_circuit_open,
    lock,
    mark_dead,
    nobody_waits,
    settle,
    type_of,
    wake_first,
)
from miniprograms.models import Authorizer
from platform_auth import heartbeats, statements
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import LEASE, Push, is_free
from wechat import push as wire
from wechat.errors import Untrusted
from wechat.replies import Content

logger = logging.getLogger(__name__)

THREADS = 64
BUDGET = 20.0  # seconds; the next run goes on
PAUSE = 0.25  # seconds, between two looks for work while all is under way
BREATH = 0.01  # seconds, in which some more may end: the next are taken together
# Long enough for the door to ask an answering target itself, before anybody else does; it does so
# for official accounts only, which may say in the answer to a push what the target answers.
HEAD_START = timedelta(seconds=3)
# Pushes of one process that wait for a target's answer: half of its threads, of which all pushes
# need one (--blocking-threads).
MOST_ASKING = 4
ROUND = 200  # deliveries that are looked at in search of one to take
RUNNING = "forwarding"  # the heartbeat of a run that looks for work
RUNNING_WITHIN = timedelta(seconds=2)

State = Delivery.State


# What is to be delivered


@dataclass(frozen=True, slots=True)
class Planned:
    """How many deliveries there are to make of a push, and that which the door makes itself."""

    number: int
    to_ask: Delivery | None = None


def plan(row: Push, push: wire.Push) -> Planned:
    """
    The deliveries of ROW, one for each target that has asked for it; in the push's transaction,
    and no second ones when it is done again. One question to the database where nobody has asked.
    """
    kind = type_of(push)
    wanted = {"kind": push.kind, "type": kind, "group": kind.partition(".")[0], "appid": row.appid}
    targets = statements.run(_ASKING, wanted)
    if not targets:
        return Planned(0)
    now, user = timezone.now(), f"{row.appid} {push.get('FromUserName')}"[:97]
    asking = any(answers for _pk, answers in targets) and _is_asked_for_at_once(row)
    told = {"push": row, "appid": row.appid, "user": user}
    Delivery.objects.bulk_create(
        [
            Delivery(**told, target_id=pk, due_at=now + HEAD_START * bool(answers and asking))
            for pk, answers in targets
        ],
        ignore_conflicts=True,
    )
    return Planned(len(targets), _first_to_ask(row) if asking else None)


# The targets that are on, with a rule that fits.
_ASKING = """
SELECT target.id, target.answers FROM messaging_target target
WHERE target.is_on AND EXISTS (
    SELECT 1 FROM messaging_forwardrule rule
    LEFT JOIN wxminiprograms account ON account.id = rule.authorizer_id
    WHERE rule.target_id = target.id AND rule.kind IN ('', %(kind)s, %(type)s, %(group)s)
    AND (rule.authorizer_id IS NULL OR account.authorizer_appid = %(appid)s)
    AND (rule.tag_id IS NULL OR EXISTS (
        SELECT 1 FROM wxminiprograms_tags tagged
        JOIN wxminiprograms account ON account.id = tagged.authorizer_id
        WHERE tagged.tag_id = rule.tag_id AND account.authorizer_appid = %(appid)s)))
"""


def _is_asked_for_at_once(row: Push) -> bool:
    """Whether WeChat waits for an answer to ROW that may say something."""
    official = Authorizer.objects.filter(kind=Authorizer.Kind.OFFICIAL_ACCOUNT)
    return row.attempts == 1 and official.filter(appid=row.appid).exists()


def _first_to_ask(row: Push) -> Delivery | None:
    rows = Delivery.objects.filter(push=row, state=State.DUE, target__answers=True)
    delivery: Delivery | None = rows.select_related("target").first()
    if delivery:
        delivery.push = row
    return delivery


# Leases


def lease(target_pk: int, places: int, *, only: int | None = None) -> list[Delivery]:
    """
    Take up to PLACES deliveries to one target, ONLY that one if so said: as many as the target
    allows at once, over all processes, and a single one while it is left alone.
    """
    with transaction.atomic():
        target = lock(target_pk).filter(is_on=True).annotate(now=Now()).first()
        if target is None:
            return []
        waiting = Delivery.objects.filter(target=target_pk, state=State.DUE)
        under_way = waiting.filter(lease_until__gt=Now()).count()
        if is_circuit_open(target):
            is_rested = target.paused_until is None or target.paused_until <= target.now
            places = 1 if is_rested and not under_way else 0
            ready = waiting.filter(due_at__isnull=False)
        else:
            places = min(places, target.concurrency - under_way)
            ready = waiting.filter(due_at__lte=Now() if only is None else Now() + HEAD_START)
        if only is not None:
            ready = ready.filter(pk=only)
        pks = _choose(ready.filter(is_free()), places) if places > 0 else []
        taken = Delivery.objects.filter(pk__in=pks)
        taken.update(epoch=F("epoch") + 1, lease_until=Now() + LEASE)
        return list(taken.select_related("push", "target").order_by("id"))


def _choose(ready: Any, places: int) -> list[int]:
    """
    The first PLACES of what is READY that have nothing older before them. What has is not due until
    that is done with, so that it is looked at once however long it waits. Under the target's lock.
    """
    older = Delivery.objects.filter(
        target=OuterRef("target"), user=OuterRef("user"), pk__lt=OuterRef("pk"), state=State.DUE
    )
    seen = ready.annotate(is_behind=Exists(older)).order_by("due_at", "id")
    found = list(seen.values_list("pk", "is_behind")[:ROUND])
    if sum(is_behind for _pk, is_behind in found) + places > ROUND:
        ready.filter(Exists(older)).update(due_at=None)  # at once, where one user fills the queue
        found = list(seen.values_list("pk", "is_behind")[:ROUND])
    behind = [pk for pk, is_behind in found if is_behind]
    Delivery.objects.filter(pk__in=behind).update(due_at=None)
    return [pk for pk, is_behind in found if not is_behind][:places]


# Carrying out


@dataclass
class Run:
    """What one run has done: posts, and replies that now wait to be sent."""

    posts: int = 0
    replies: int = 0
    busy: dict[Future[bool], int] = field(default_factory=dict)  # with the target's id

    def collect(self, ended: Iterable[Future[bool]]) -> None:
        for one in ended:
            del self.busy[one]
            self.posts += 1
            self.replies += one.result()


def deliver_due(budget: float = BUDGET) -> Run:
    """
    Deliver what is due and look for more, for at most BUDGET seconds. One run at a time does, as
    long as it has threads to spare: one that waits for slow targets is no reason for a second.
    """
    run, give_up = Run(), time.monotonic() + budget
    while not heartbeats.is_alive(RUNNING, RUNNING_WITHIN):
        before = run.posts
        with ThreadPoolExecutor(THREADS, thread_name_prefix="forward") as pool:
            _deliver(run, pool, give_up)
            heartbeats.stop(RUNNING)
            run.collect(wait(run.busy).done)
        # What came between our last look and the end of our heartbeat.
        if time.monotonic() >= give_up or run.posts == before:
            break
    release_db_connection()
    return run


def _deliver(run: Run, pool: ThreadPoolExecutor, give_up: float) -> None:
    beaten = 0.0
    while time.monotonic() < give_up:
        if len(run.busy) < THREADS and time.monotonic() > beaten + 1:
            beaten = time.monotonic()
            heartbeats.beat(RUNNING)
        for delivery in _find_work(run):
            run.busy[pool.submit(_take, delivery)] = delivery.target_id
        release_db_connection()
        if not run.busy:
            break
        wait(run.busy, timeout=PAUSE, return_when=FIRST_COMPLETED)
        time.sleep(BREATH)
        run.collect([one for one in run.busy if one.done()])


def _targets_with_work() -> Any:
    """Targets with something due; those left alone, with something to probe them with."""
    waiting = Delivery.objects.filter(target=OuterRef("pk"), state=State.DUE, due_at__isnull=False)
    first = Subquery(waiting.order_by("due_at").values("due_at")[:1])
    is_rested = Q(paused_until=None) | Q(paused_until__lte=Now())
    probed = Q(is_rested, first__isnull=False, failures__gte=MOST_FAILURES)
    due = Q(first__lte=Now(), failures__lt=MOST_FAILURES)
    return Target.objects.alias(first=first).filter(probed | due, is_on=True)


def _find_work(run: Run) -> list[Delivery]:
    """Deliveries for the threads that are free, of every target some."""
    places = THREADS - len(run.busy)
    if places <= 0:
        return []
    at_work = Counter(run.busy.values())
    found: list[Delivery] = []
    targets = [
        pk
        for pk, concurrency in _targets_with_work().values_list("pk", "concurrency")
        if at_work[pk] < concurrency
    ]
    # Who has least under way comes first, so that the slow ones do not take all threads.
    for number, pk in enumerate(sorted(targets, key=lambda pk: at_work[pk])):
        share = max((places - len(found)) // (len(targets) - number), 1)
        if len(found) < places:
            found += lease(pk, share)
    return found


def _take(delivery: Delivery, hand: Hand = nobody_waits) -> bool:
    """One post under a lease, in a thread of its own. Whether a reply waits to be sent now."""
    try:
        return settle(delivery, attempt(delivery), hand)
    except (Unreadable, Untrusted) as error:
        mark_dead(delivery, error)
    except Exception:  # its lease runs out, and another try is made; the others go on
        logger.exception("a delivery to target %s", delivery.target_id)
    finally:
        release_db_connection()
    return False


def give_up_old() -> int:
    """Give up what could not be delivered for a day. How many."""
    over = Delivery.objects.filter(is_free(), state=State.DUE, give_up_at__lte=Now())
    late = over.filter(last_error="").update(**DEAD, last_error=_("Nobody took it for a day."))
    number: int = late + over.update(**DEAD)
    wake_first()
    return number


# Answering


class _Waiting:
    """Whoever waits for a target's answer, until it is there or the time is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._content: Content | None = None

    def give(self, content: Content | None) -> bool:
        """Hand CONTENT over, or the news that there is none. Whether somebody was waiting."""
        with self._lock:
            if self._is_over.is_set():
                return False
            self._content = content
            self._is_over.set()
            return True

    def take(self, until: float) -> Content | None:
        """What is given before UNTIL, a `time.monotonic()`."""
        self._is_over.wait(max(until - time.monotonic(), 0))
        with self._lock:
            self._is_over.set()
            return self._content


_places = threading.BoundedSemaphore(MOST_ASKING)


def answer_within(delivery: Delivery, until: float) -> Content | None:
    """
    Deliver DELIVERY now, to a target that answers; its reply if that comes before UNTIL, a
    `time.monotonic()`. A later one becomes a message of its own.
    """
    if until <= time.monotonic() or not _places.acquire(blocking=False):
        return None
    waiting = _Waiting()
    asking = threading.Thread(target=_ask, args=(delivery, waiting), name="ask", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # the system has no thread to spare
        _places.release()
        raise
    release_db_connection()
    return waiting.take(until)


def _ask(delivery: Delivery, waiting: _Waiting) -> None:
    try:
        for leased in lease(delivery.target_id, 1, only=delivery.pk):
            release_db_connection()
            _take(leased, waiting.give)
    except DatabaseError as error:  # it stays due
        logger.warning("a target was not asked: %s", type(error).__name__)
    finally:
        waiting.give(None)
        _places.release()
        release_db_connection()
