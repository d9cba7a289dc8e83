"""What would start but is not fit for production, one check each, with stable ids."""

import logging
import os
from difflib import get_close_matches
from threading import Thread
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import DatabaseError, InterfaceError, connection

from config.admission import threads_of
from config.environment import RULES, Environment
from deploy.processes import SERVED
from miniprograms.models import Authorizer
from platform_auth.acting_component import describe_disagreement
from platform_auth.fields import key_ids
from platform_auth.installation import describe_misuse, describe_misused_files, is_real
from platform_auth.leases import release_db_connection
from platform_auth.unreadable import describe_unreadable, key_ids_in

logger = logging.getLogger(__name__)

# Settings that scripts and compose read, and those of a demo.
ELSEWHERE = (
    *("WEB_WORKERS", "PUSH_WORKERS", "WORKER_CONCURRENCY", "FIRST_PORT", "PUBLIC_HOST"),
    *("BACKUP_FOLDER", "BACKUP_HOUR", "BACKUP_KEEP_DAYS"),
    *("DEMO_STAFF_PASSWORD", "DEMO_MERCHANT_PASSWORD", "DEMO_RECEIVER_SECRET"),
)
NEARLY = 0.9  # of difflib's likeness: one letter of ten


def _unless(is_right: object, message: CheckMessage) -> list[CheckMessage]:
    return [] if is_right else [message]


@register(deploy=True)
def public_url_is_secure(**kwargs: Any) -> list[CheckMessage]:
    text = "PUBLIC_URL is not https: cookies and WeChat's codes would travel in the clear."
    is_secure = settings.PUBLIC_URL.startswith("https://")
    return _unless(is_secure, Warning(text, id="platform_auth.W001"))


@register(deploy=True)
def wechat_is_wechat(**kwargs: Any) -> list[CheckMessage]:
    message = Warning(
        "WECHAT_API_URL, WECHAT_MP_URL or WECHAT_OPEN_URL is not WeChat's own over https.",
        hint="Leave them unset outside of tests.",
        id="platform_auth.W002",
    )
    return _unless(is_real(), message)


@register(deploy=True)
def redis_goes_with_postgresql(**kwargs: Any) -> list[CheckMessage]:
    text = "REDIS_URL is unset: throttles count per process and jobs pass through files."
    is_right = settings.REDIS_URL or connection.vendor == "sqlite"
    return _unless(is_right, Warning(text, id="platform_auth.W003"))


@register(deploy=True)
def proxies_are_counted(**kwargs: Any) -> list[CheckMessage]:
    message = Warning(
        "NUM_PROXIES is 0 behind https: all clients seem to have the address of the proxy.",
        hint="Set it to how many reverse proxies of yours append to X-Forwarded-For.",
        id="platform_auth.W004",
    )
    is_right = settings.NUM_PROXIES or not settings.PUBLIC_URL.startswith("https://")
    return _unless(is_right, message)


@register(deploy=True)
def postgresql_goes_with_redis(**kwargs: Any) -> list[CheckMessage]:
    text = "DATABASE_URL is unset or a file's: SQLite is for one machine and for trying."
    is_right = connection.vendor != "sqlite" or not settings.REDIS_URL
    return _unless(is_right, Info(text, id="platform_auth.I001"))


@register(deploy=True)
def threads_are_left(**kwargs: Any) -> list[CheckMessage]:
    """Half as many as have a place wait for one: all of them have a thread."""
    most, threads = settings.BULKHEAD_PLACES * 3 // 2, settings.WEB_THREADS or threads_of(SERVED)
    text = (
        f"BULKHEAD_PLACES is {settings.BULKHEAD_PLACES}: with those that wait for a place, {most} "
        f"of a web process's {threads} threads could wait for WeChat, and none be left."
    )
    return _unless(most < threads, Warning(text, id="platform_auth.W008"))


@register(deploy=True)
def secrets_are_given_once(**kwargs: Any) -> list[CheckMessage]:
    """The file counts; and one that is empty is a secret that is not set."""
    messages = []
    for name in sorted(Environment.names):
        file = os.environ.get(f"{name}_FILE")
        if not file:
            continue
        if os.environ.get(name):
            text = f"{name} and {name}_FILE are both set: the file counts."
            messages.append(Warning(text, id="platform_auth.W009"))
        if not Environment.ENVIRON.get(name):
            text = f"{name}_FILE names an empty file: {name} is not set."
            hint = "python3 -m deploy.secrets asks for it again, or makes it."
            messages.append(Warning(text, hint=hint, id="platform_auth.W010"))
    return list(messages)


@register(deploy=True)
def the_component_is_whole(**kwargs: Any) -> list[CheckMessage]:
    """None of the three is set for a process that registers nothing."""
    names = ("WECHAT_COMPONENT_SECRET", "WECHAT_TOKEN", "WECHAT_AES_KEY")
    missing = [name for name in names if not getattr(settings, name)]
    is_begun = len(missing) < len(names)
    text = f"Not set: {', '.join(missing)}. The migration, which registers the platform, fails."
    return _unless(not (is_begun and missing), Warning(text, id="platform_auth.W011"))


@register(deploy=True)
def names_are_spelled_right(**kwargs: Any) -> list[CheckMessage]:
    """What nobody reads, and is nearly the name of a setting."""
    names = {*Environment.names, *RULES, *ELSEWHERE}
    names |= {f"{name}_FILE" for name in names}
    near = {
        name: get_close_matches(name, names, n=1, cutoff=NEARLY)
        for name in sorted(set(os.environ) - names)
    }
    return [
        Warning(
            f"{name} is the name of no setting: {match[0]} may be meant.", id="platform_auth.W012"
        )
        for name, match in near.items()
        if match
    ]


@register(Tags.database)
def component_is_the_named_one(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """
    With `check --database default`, and before each migration, which may be the first or bring the
    tables that this needs: no error, which would keep it from that.
    """
    if not databases:
        return []
    try:
        sentence = describe_disagreement()
    except (DatabaseError, InterfaceError):
        return []
    return _unless(not sentence, Warning(sentence, id="platform_auth.W005"))


@register(Tags.database)
def demo_and_real_stay_apart(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Before each migration; the first brings the table. Nothing starts without one."""
    if not databases:
        return []
    try:
        sentence = describe_misuse()
    except (DatabaseError, InterfaceError):
        sentence = describe_misused_files()
    return _unless(not sentence, Error(sentence, id="platform_auth.E001"))


@register(Tags.database)
def components_can_be_read(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """
    No migration with keys that do not open what is there, as after a backup from before a change of
    keys was restored: what runs then would write over it.
    """
    if not databases:
        return []
    try:
        sentence = describe_unreadable()
    except (DatabaseError, InterfaceError):
        return []
    return _unless(not sentence, Error(sentence, id="platform_auth.E002"))


@register(Tags.database)
def accounts_can_be_read(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A warning: an account's tokens are had again from WeChat's own list."""
    if not databases:
        return []
    try:
        lacking = key_ids_in(Authorizer, "refresh_token") - set(key_ids())
    except (DatabaseError, InterfaceError):
        return []
    message = Warning(
        f"FIELD_ENCRYPTION_KEYS lacks {', '.join(sorted(lacking))}, by which refresh tokens of "
        "accounts are encrypted.",
        hint="Put back what is missing; where it is lost for good, run manage.py reconcile.",
        id="platform_auth.W006",
    )
    return _unless(not lacking, message)


def warn_of_disagreement() -> None:
    """As a process starts by which people bind; it waits for no database that is not there."""
    Thread(target=_log_disagreement, name="components", daemon=True).start()


def _log_disagreement() -> None:
    try:
        if sentence := describe_disagreement():
            logger.warning("%s", sentence)
        for sentence in filter(None, [describe_misuse(), describe_unreadable()]):
            logger.error("%s", sentence)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the components were not looked at: %s", type(error).__name__)
    finally:
        release_db_connection()
