"""
Acts that a REST client may ask for twice and that happen once. The row of a key is written before
the act, so a crash in between leaves the key taken and never lets the act be repeated.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.clients import client_of
from audits.models import IdempotencyKey
from audits.problems import CannotAct

KEY = "Idempotency-Key"
KEY_LENGTH = 128
KEY_LIFETIME = timedelta(hours=24)
# What a client asking again is answered again; after anything else the key may try once more.
DECIDED = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)

KEY_HEADER = OpenApiParameter(
    KEY,
    {"type": "string", "pattern": f"^[ -~]{{1,{KEY_LENGTH}}}$", "examples": ["order 7"]},
    OpenApiParameter.HEADER,
    description=gettext_lazy(
        "Any text of your own, new for each act. For 24 hours the same request with the same key"
        " is answered again and not done again. What says that nothing was done (400, 404, 502,"
        " 503) is not kept; a key whose request was cut off stays taken."
    ),
)

Act = Callable[..., Response]


class KeyReused(CannotAct):
    """A key came with another request than before."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(_("This key was sent with another request. Use a new one."))


class KeyInUse(CannotAct):
    """The first request with this key has not been answered: it is running, or we crashed."""

    code = "idempotency_key_in_use"

    def __init__(self) -> None:
        super().__init__(
            _(
                "The first request with this key is still running, or was cut off. Look at what"
                " came of it before you send another key."
            )
        )


def idempotent(act: Act) -> Act:
    """ACT is done once for an Idempotency-Key; asked for again, its answer is given again."""

    @wraps(act)
    def wrapped(view: Any, request: Request, **address: str) -> Response:
        key = request.headers.get(KEY)
        if key is None:
            return act(view, request, **address)
        if not (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
            raise ValidationError({KEY: [_("Up to 128 printable ASCII characters.")]})
        digest = digest_of(str(request.method), request.path, request.data)
        row = claim_key(cast(int, request.user.pk), _name_of(request, key), digest)
        if row.status is not None:
            return Response(row.answer, row.status, headers={"Idempotency-Replayed": "true"})
        try:
            response = act(view, request, **address)
        # What nobody foresaw goes on, and leaves the key taken.
        except Exception as error:  # noqa: BLE001 -- handled by the view, or raised anew by it
            response = cast(Response, view.handle_exception(error))
        if response.status_code < HTTPStatus.BAD_REQUEST or response.status_code in DECIDED:
            answer = json.loads(JSONRenderer().render(response.data) or "null")
            rows = IdempotencyKey.objects.filter(pk=row.pk)
            rows.update(status=response.status_code, answer=answer)
        else:
            release_key(row)
        return response

    return wrapped


def _name_of(request: Request, key: str) -> str:
    """What KEY is kept as: two clients of one owner may well use the same."""
    client = client_of(request)
    return key if client is None else sha256(f"{client.pk} {key}".encode()).hexdigest()


def digest_of(method: str, path: str, body: object) -> str:
    """What makes a request the same: its method, its address and what it says."""
    request = json.dumps([method, path, body], sort_keys=True)
    return sha256(request.encode()).hexdigest()


def claim_key(user_id: int, key: str, request: str) -> IdempotencyKey:
    """
    The row of the user's KEY: new and ours to act under, or with the answer given already.

    REQUEST is its digest. Raises KeyReused and KeyInUse.
    """
    rows = IdempotencyKey.objects.filter(user_id=user_id, key=key)
    rows.filter(created_at__lt=Now() - KEY_LIFETIME).delete()
    try:
        with transaction.atomic():
            new: IdempotencyKey = rows.create(user_id=user_id, key=key, request=request)
    except IntegrityError:
        return _answered(rows.first(), request)
    return new


def _answered(row: IdempotencyKey | None, request: str) -> IdempotencyKey:
    """ROW, which another request has claimed, if that was the same REQUEST and is answered."""
    if row is None:  # given back just now, after an act that was not done
        raise KeyInUse
    if row.request != request:
        raise KeyReused
    if row.status is None:
        raise KeyInUse
    return row


def release_key(row: IdempotencyKey) -> None:
    """Nothing was done under ROW: the same key may try again."""
    IdempotencyKey.objects.filter(pk=row.pk).delete()


def forget_old_keys() -> int:
    """Delete keys older than 24 hours. How many."""
    deleted, _each = IdempotencyKey.objects.filter(created_at__lt=Now() - KEY_LIFETIME).delete()
    return deleted
