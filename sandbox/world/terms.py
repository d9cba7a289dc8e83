"""What a test or the console may turn: lifetimes, limits, how tokens rotate."""

from dataclasses import dataclass, field

ROTATIONS = ("never", "on_reauth", "always")


@dataclass(eq=False)
class Terms:
    """Lifetimes are in seconds."""

    base_url: str = "http://127.0.0.1:8001"  # where this WeChat is reached
    rotate: str = "on_reauth"
    token_life: int = 7200
    next_token_life: int | None = None  # of the next authorizer token only
    component_token_life: int | None = None  # None: token_life
    overlap: int = 300  # for which an older access token still works
    ticket_life: int = 12 * 3600
    preauth_life: int = 1800
    code_life: int = 600
    user_code_life: int = 300  # of what users bring from a front end
    next_signing_ticket: str = ""  # "": each is a new one
    allowed_ips: set[str] | None = None
    daily_limit: int = 1_000_000
    daily_limits: dict[str, int] = field(default_factory=dict)  # by path, over daily_limit
