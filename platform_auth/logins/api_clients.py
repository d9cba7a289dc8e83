"""Making, rotating and revoking the keys of API clients, and knowing a client by its key."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from knox.crypto import create_token_string, hash_token

from platform_auth.client_models import ApiClient, ClientKey
from platform_auth.events import log_event
from platform_auth.operations import Actor, record_operation

_PREFIX = "wxp_"  # by which a key is known that somebody has left in a file
MAX_LIVE = 2
NOTED_EVERY = timedelta(minutes=5)


def create_client(*, by: Actor | None, **values: Any) -> tuple[ApiClient, str]:
    """A new client with VALUES, and its key. Raises ValidationError."""
    client = ApiClient(**values)
    client.full_clean()
    with transaction.atomic():
        client.save()
        key = begin_client(client, by=by)
    return client, key


def begin_client(client: ApiClient, *, by: Actor | None) -> str:
    """The first key of CLIENT, a new row. Call it in the transaction that made the row."""
    record_operation("add_apiclient", by=by, result=describe_client(client))
    log_event("make_client", "done", user=by, of=client.name, owner=str(client.owner))
    return _new_key(client)


def describe_client(client: ApiClient) -> str:
    """What the operation log tells of CLIENT."""
    appids = f"; {' '.join(client.appids)}" if client.appids else ""
    return f"{client.name} ({client.owner}): {' '.join(sorted(client.scopes))}{appids}"


def _new_key(client: ApiClient) -> str:
    key = f"{_PREFIX}{create_token_string()}"
    ClientKey.objects.create(client=client, digest=hash_token(key), beginning=key[:8])
    return key


def rotate_key(client: ApiClient, *, by: Actor | None) -> str:
    """A new key of CLIENT. The one before stays good beside it; one before that is dead."""
    with transaction.atomic():
        ApiClient.objects.select_for_update().get(pk=client.pk)
        newest = client.keys.order_by("-pk").values_list("pk", flat=True)[: MAX_LIVE - 1]
        client.keys.exclude(pk__in=list(newest)).delete()
        key = _new_key(client)
        record_operation("rotate_client_key", by=by, result=f"{client} ({client.owner})")
    log_event("rotate_client_key", "done", user=by, of=client.name)
    return key


def revoke_older_keys(client: ApiClient, *, by: Actor | None) -> int:
    """All keys of CLIENT but the newest are dead. How many were."""
    newest = client.keys.order_by("-pk").values_list("pk", flat=True)[:1]
    return _revoke(client, client.keys.exclude(pk__in=list(newest)), by)


def revoke_all_keys(client: ApiClient, *, by: Actor | None) -> int:
    """CLIENT has no key any more, until somebody makes one."""
    return _revoke(client, client.keys.all(), by)


def _revoke(client: ApiClient, keys: Any, by: Actor | None) -> int:
    with transaction.atomic():
        number: int = keys.delete()[0]
        result = f"{client} ({client.owner}): {number}"
        record_operation("revoke_client_keys", by=by, result=result)
    log_event("revoke_client_keys", "done", user=by, of=client.name, number=number)
    return number


def find_client(key: str, address: str) -> ApiClient | None:
    """The client whose live KEY this is, if it may ask from ADDRESS; None whatever is wrong."""
    rows = ApiClient.objects.live().select_related("owner")
    client = rows.filter(keys__digest=hash_token(key)).first()
    if client is None or not is_among(address, client.addresses):
        return None
    _note_use(client)
    return client


def is_among(address: str, allowed: list[str]) -> bool:
    """Whether ADDRESS is one of the addresses and networks ALLOWED; all are where none is named."""
    if not allowed:
        return True
    if not address:
        return False
    ip = ip_address(address.partition("%")[0])
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return any(plain in ip_network(network, strict=False) for network in allowed)


def _note_use(client: ApiClient) -> None:
    """Not at each request: a row that is written is a row that others wait for."""
    if client.used_at and timezone.now() - client.used_at < NOTED_EVERY:
        return
    old = Q(used_at=None) | Q(used_at__lt=Now() - NOTED_EVERY)
    ApiClient.objects.filter(old, pk=client.pk).update(used_at=Now())
