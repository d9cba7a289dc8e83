"""
The short way to what a rule answers: two round trips after the one that has kept the push.

WeChat waits meanwhile, and the plain way (`webhooks.processing.process_awaited`) asks the database
some twenty times, one question after the other. Here all that must be known is asked together, in
psycopg's pipeline mode, and all that comes of it is written together, in one transaction on the
connection of `webhooks.fast_door`. Whatever is not usual is left to the plain way, before anything
is written: the two leave the same rows and say the same, as a test shows.
"""

from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from messaging import tasks as messaging_tasks
from messaging.models import Conversation, Reply, Rule, new_reference
from messaging.services import receiving, rules
from messaging.services.customer_service import new_reply
from messaging.services.forwarding import planning
from messaging.services.receiving import ConversationState, Received
from platform_auth import wakeup
from platform_auth.models import DuePush, Push
from platform_auth.statements import of_many
from webhooks import handlers, routing
from webhooks.handlers import Answer
from wechat import push as wire


class Unusual(Exception):
    """This push is left to the plain way; nothing is written."""


def answer(free: "psycopg.Connection[Any]", received: Received, push: wire.Push) -> Answer | None:
    """
    What PUSH, kept a moment ago and RECEIVED so, is answered; FREE is a connection in autocommit
    mode. Raises Unusual, or whatever goes wrong: then nothing is written.
    """
    if routing.handler_of(received.row, push) is not handlers.answer_user:
        raise Unusual
    try:
        state, account_rules = _read(free, received, push)
        is_new = state.id == 0
        state.apply(received)
        reply = _reply(received, state, account_rules)
        _write(free, received.row, state, reply, is_new=is_new)
    finally:
        free.rollback()  # nothing, where it is committed
    if reply is None:
        return None
    if reply.due_at:
        wakeup.enqueue_now(messaging_tasks.send_replies)
        return None
    return handlers.answer_with(reply, push)


# The first round trip

_TAKE = f"""
SELECT EXISTS (
  SELECT 1 FROM {DuePush._meta.db_table} older JOIN {Push._meta.db_table} p ON p.id = older.push_id
  WHERE p.appid = %(appid)s AND p.openid = %(openid)s AND older.push_id < %(pk)s)
FROM {DuePush._meta.db_table} WHERE push_id = %(pk)s FOR UPDATE
"""  # noqa: S608
_RULE_COLUMNS = [field.attname for field in Rule._meta.concrete_fields]
_RULES = f"""
SELECT {", ".join(_RULE_COLUMNS)} FROM {Rule._meta.db_table}
WHERE is_on AND (authorizer_id = %(account)s OR authorizer_id IS NULL)
"""  # noqa: S608


def _read(
    free: "psycopg.Connection[Any]", received: Received, push: wire.Push
) -> tuple[ConversationState, list[Rule]]:
    """The conversation, locked until the end of the transaction, and the rules that are on."""
    row, account_id = received.row, received.account_id
    with free.pipeline():
        free.execute("BEGIN")
        due = free.execute(_TAKE, {"pk": row.pk, "appid": row.appid, "openid": row.openid})
        targets = free.execute(planning.FITTING_TARGETS, planning.names_of(row, push))
        found = free.execute(_RULES, {"account": account_id})
        lock = of_many(receiving.LOCK, receiving.KEYS, [received.key])
        conversations = free.execute(*lock)
    if due.fetchall() != [(False,)] or targets.fetchall():
        raise Unusual  # somebody is at it, older ones come first, or a target wants it
    account_rules = [Rule.from_db(None, _RULE_COLUMNS, values) for values in found]
    known = conversations.fetchone()
    state = (
        ConversationState(*known)
        if known
        else ConversationState(0, new_reference(), account_id, row.openid)
    )
    return state, account_rules


def _reply(received: Received, state: ConversationState, account_rules: list[Rule]) -> Reply | None:
    """What a rule replies, not saved yet."""
    kind = received.account_kind
    verdict = rules.find_speaking_rule(account_rules, received.message, kind, timezone.now())
    if verdict is None or verdict.content is None:
        return None
    return new_reply(
        Conversation(reference=state.reference, openid=state.openid),
        verdict.content,
        is_passive=verdict.is_passive,
        reply_to=received.row,
        rule=verdict.rule,
    )


# The second round trip

_REPLY_FIELDS = [
    field
    for field in Reply._meta.concrete_fields
    if not field.primary_key and field.name != "conversation"
]
_CONVERSATION = f"SELECT id FROM {Conversation._meta.db_table} WHERE reference = %(begun)s"  # noqa: S608
_INSERT_REPLY = f"""
INSERT INTO {Reply._meta.db_table}
({", ".join(field.attname for field in _REPLY_FIELDS)}, conversation_id)
VALUES ({", ".join(f"%({field.attname})s" for field in _REPLY_FIELDS)}, ({_CONVERSATION}))
RETURNING id
"""  # noqa: S608
# It stays due where somebody else has begun the conversation meanwhile.
_DONE = f"""
DELETE FROM {DuePush._meta.db_table} WHERE push_id = %(pk)s AND EXISTS ({_CONVERSATION})
"""  # noqa: S608


def _write(
    free: "psycopg.Connection[Any]",
    row: Push,
    state: ConversationState,
    reply: Reply | None,
    *,
    is_new: bool,
) -> None:
    sql = receiving.INSERT if is_new else receiving.UPDATE
    begun, saved = {"begun": state.reference}, None
    with free.pipeline():
        free.execute(*of_many(sql, receiving.COLUMNS, [receiving.row_of(state)]))
        if reply:
            values = {
                field.attname: field.get_db_prep_save(field.pre_save(reply, True), connection)
                for field in _REPLY_FIELDS
            }
            saved = free.execute(_INSERT_REPLY, values | begun)
        done = free.execute(_DONE, {"pk": row.pk} | begun)
        free.execute("COMMIT")
    if not done.rowcount:
        raise Unusual
    if reply and saved:
        [(reply.pk,)] = saved.fetchall()
