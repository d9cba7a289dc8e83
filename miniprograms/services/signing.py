"""
Pages of official accounts that use WeChat's JS-SDK, and cards: signed with a ticket that WeChat
gives few times a day. All processes share the one of an account, in a row.
"""

import secrets
from dataclasses import dataclass

from django.db.models.functions import Now
from django.utils import timezone

from miniprograms.models import Authorizer, SigningTicket
from miniprograms.services.kinds import check_kind
from miniprograms.services.lending import while_bound
from miniprograms.tokens import call_as
from platform_auth.fields import seal
from platform_auth.leases import single_flight
from platform_auth.tokens import due_after
from wechat import tickets as wechat
from wechat.errors import Busy, QuotaDay, QuotaMinute, Refused, WeChatError


@dataclass(frozen=True, slots=True)
class Signature:
    nonce: str
    timestamp: int
    value: str


def sign_page(
    authorizer: Authorizer, url: str, *, nonce: str = "", timestamp: int | None = None
) -> Signature:
    """
    What wx.config wants for the page at URL, which is without what follows a "#".

    Raises OtherKind, NotBound and what WeChat answered.
    """
    nonce, at = nonce or _new_nonce(), _time(timestamp)
    ticket = signing_ticket(authorizer, wechat.JSAPI)
    return Signature(nonce, at, wechat.sign_page(ticket, url, nonce=nonce, timestamp=at))


def sign_card(
    authorizer: Authorizer, values: list[str], *, nonce: str = "", timestamp: int | None = None
) -> Signature:
    """What wx.addCard wants for a card, of whose id, code and openid VALUES has those there are."""
    nonce, at = nonce or _new_nonce(), _time(timestamp)
    ticket = signing_ticket(authorizer, wechat.CARD)
    return Signature(nonce, at, wechat.sign_card(ticket, str(at), nonce, *values))


def _new_nonce() -> str:
    return secrets.token_hex(8)


def _time(timestamp: int | None) -> int:
    return int(timezone.now().timestamp()) if timestamp is None else timestamp


def signing_ticket(authorizer: Authorizer, kind: str) -> str:
    """The ticket of KIND that AUTHORIZER has now; where it is due, one caller asks for all."""
    check_kind(authorizer, Authorizer.Kind.OFFICIAL_ACCOUNT)
    name = f"{authorizer.appid} {kind}"
    rows = SigningTicket.objects.with_clock()

    def read() -> SigningTicket:
        row: SigningTicket | None = rows.filter(name=name).first()
        if row is None:
            new = SigningTicket(name=name, authorizer=authorizer, kind=kind, due_at=Now())
            SigningTicket.objects.bulk_create([new], ignore_conflicts=True)
            row = rows.get(name=name)
        return row

    def renew(row: SigningTicket) -> str | None:
        return _renew(row, authorizer.appid)

    with while_bound(authorizer):
        return single_flight(read, renew)


def _renew(row: SigningTicket, appid: str) -> str | None:
    """A new ticket for ROW, whose lease we hold, or None if we were fenced off."""
    try:
        ticket = call_as(appid, wechat.get_ticket, row.kind)
    except Refused as error:
        if isinstance(error, Busy | QuotaDay | QuotaMinute):
            row.back_off(error)
        else:  # it concerns the account's rights, so whoever asks is told each time
            row.write(last_error=str(error))
        raise
    except WeChatError as error:
        row.back_off(error)
        raise
    is_ours = row.write(
        **seal(SigningTicket, row.name, value=ticket.value),
        expires=int(row.now.timestamp()) + ticket.life,
        due_at=due_after(row.now, ticket.life),
        failures=0,
        last_error="",
    )
    return ticket.value if is_ours else None
