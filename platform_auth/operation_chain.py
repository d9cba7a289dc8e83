"""
The operation log as a chain: each operation has a seal, a digest of what it says and of the seal
before, so that whoever changes, removes or slips in one of them would have to make all later seals
anew, and could not make those that were logged elsewhere meanwhile.

Operations are sealed in the order in which they were committed, shortly after that: a chain written
with each act would let acts happen one at a time.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from platform_auth.models import Operation, OperationSeal

SEALS_AT_ONCE = 1000
# An id is given before its transaction ends, so that lower ones may appear behind higher ones.
LATE_IDS = 10_000
SEALED_WITHIN = timedelta(minutes=15)
_LOCK = 0x0B5EA1


class Anchor(NamedTuple):
    """The end of the chain; who has kept one can tell whether what was before is still the same."""

    position: int
    digest: str

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"


def digest_of(operation: Operation, before: str) -> str:
    """The digest, in hex, of OPERATION behind the one whose digest is BEFORE."""
    # Not the person's row, which may be deleted; the name stays.
    content = [
        before,
        operation.pk,
        operation.at.astimezone(UTC).isoformat(timespec="microseconds"),
        operation.actor_name,
        operation.action,
        operation.appid,
        operation.result,
        operation.request_id,
        # Last, and only where there is one: older operations were sealed without.
        *filter(None, [operation.version, operation.has_failed]),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def newest_anchor() -> Anchor:
    """The end of the chain; position 0 where there is none yet."""
    newest = OperationSeal.objects.order_by("position").last()
    return Anchor(newest.position, newest.digest) if newest else Anchor(0, "")


def seal_operations() -> Anchor:
    """Seal what is not sealed yet, and return the end of the chain."""
    while _seal_batch() == SEALS_AT_ONCE:
        pass
    return newest_anchor()


def _seal_batch() -> int:
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has one writer at a time anyway
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        anchor = newest_anchor()
        last = OperationSeal.objects.aggregate(last=Max("operation_id"))["last"] or 0
        unsealed = _unsealed().filter(pk__gt=last - LATE_IDS).order_by("pk")[:SEALS_AT_ONCE]
        seals = []
        for operation in unsealed:
            anchor = Anchor(anchor.position + 1, digest_of(operation, anchor.digest))
            seals.append(OperationSeal(anchor.position, operation.pk, anchor.digest))
        OperationSeal.objects.bulk_create(seals)
    return len(seals)


def _unsealed() -> QuerySet[Operation]:
    sealed = OperationSeal.objects.filter(operation_id=OuterRef("pk"))
    return Operation.objects.filter(~Exists(sealed))


def broken_links(kept: Anchor | None = None) -> Iterator[str]:
    """
    What is wrong with the log, a sentence each, none of them with what an operation says. KEPT is
    an anchor from elsewhere that the chain has to hold.
    """
    anchor = Anchor(0, "")
    is_kept = kept is None or kept.position == 0
    for seal, operation in _links():
        if seal.position != anchor.position + 1:
            yield f"The seals {anchor.position + 1} to {seal.position - 1} are gone."
        if operation is None:
            yield f"Operation {seal.operation_id} is gone."
        elif digest_of(operation, anchor.digest) != seal.digest:
            yield f"Operation {seal.operation_id} is not as it was written."
        anchor = Anchor(seal.position, seal.digest)
        is_kept = is_kept or anchor == kept
    if not is_kept:
        yield f"The chain does not hold the anchor {kept}: it was cut, or made anew."
    late = _unsealed().filter(at__lt=timezone.now() - SEALED_WITHIN)
    yield from (f"Operation {pk} has no seal." for pk in late.values_list("pk", flat=True))


def _links() -> Iterator[tuple[OperationSeal, Operation | None]]:
    position = 0
    while seals := list(
        OperationSeal.objects.filter(position__gt=position).order_by("position")[:SEALS_AT_ONCE]
    ):
        operations = Operation.objects.in_bulk([seal.operation_id for seal in seals])
        yield from ((seal, operations.get(seal.operation_id)) for seal in seals)
        position = seals[-1].position
