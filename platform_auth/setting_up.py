"""What staff do once as the platform is set up, and again when its keys or its address change."""

from platform_auth.fields import key_ids
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import with_component_token
from wechat import component as wechat
from wechat.errors import WeChatError

CHECK, BACKUP = "check_callback", "confirm_key_backup"  # in the operation log
# How the result of a check begins.
REACHED, LOST, NO_ADDRESS = "reached", "lost", "no address"
ALL_LOST = "100%"


def check_callback(component: Component, *, by: Actor) -> str:
    """
    Let WeChat look up the name of our URL and ping what it finds; one of REACHED, LOST and
    NO_ADDRESS, with the addresses, as it is kept in the operation log. Raises WeChatError.
    """
    try:
        answer = with_component_token(component, wechat.check_callback)
    except WeChatError as error:
        about = {"appid": component.appid, "result": str(error)}
        record_operation(CHECK, by=by, has_failed=True, **about)
        raise
    result = _describe(answer)
    record_operation(CHECK, by=by, appid=component.appid, result=result)
    return result


def _describe(answer: wechat.CallbackCheck) -> str:
    reached = [address for address, loss in answer.losses.items() if loss != ALL_LOST]
    if reached:
        return f"{REACHED} {', '.join(reached)}"
    addresses = answer.addresses or list(answer.losses)
    return f"{LOST} {', '.join(addresses)}" if addresses else NO_ADDRESS


def confirm_key_backup(*, by: Actor) -> None:
    """BY says that a copy of the keys of FIELD_ENCRYPTION_KEYS, as they are now, is kept."""
    record_operation(BACKUP, by=by, result=" ".join(key_ids()))
