"""WeChat called as an account in the words of another program of the company's."""

from miniprograms.models import Authorizer
from miniprograms.services.lending import NotBound, check_bound
from miniprograms.tokens import call_as
from platform_auth.operations import Actor, record_operation
from wechat.errors import NotAuthorized, RefreshTokenInvalid, Refused
from wechat.relay import Relay, Relayed

ACTION = "call_wechat"


def relay_call(authorizer: Authorizer, relay: Relay, *, by: Actor) -> Relayed:
    """
    What WeChat answers to RELAY, made with the token of AUTHORIZER; with a new one once more, if it
    is the token that WeChat refuses. What may change something is in the operation log before.

    Raises NotBound, what `call_as` raises for want of a token, and Unreachable.
    """
    check_bound(authorizer)
    if relay.method != "GET":
        record_operation(ACTION, by=by, appid=authorizer.appid, result=relay.path)
    try:
        return call_as(authorizer.appid, relay.send)
    except Refused as error:
        if relay.answer is not None:
            return relay.answer
        if isinstance(error, NotAuthorized | RefreshTokenInvalid):
            raise NotBound from None
        raise
