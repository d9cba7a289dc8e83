"""What a test or the console may turn: lifetimes, limits, how tokens rotate."""

from dataclasses import dataclass, field

CHECK_TEXT = "/wxa/msg_sec_check"
LINKS = "schemes and URL links"  # counted together
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
    # By path, over daily_limit.
    daily_limits: dict[str, int] = field(
        default_factory=lambda: {CHECK_TEXT: 2_000_000, LINKS: 500_000}
    )
    minute_limits: dict[str, int] = field(
        default_factory=lambda: {CHECK_TEXT: 4_000, "/wxa/getwxacodeunlimit": 5_000}
    )
    most_codes: int = 100_000  # of one account that say where they lead, for good
    most_unchecked_codes: int = 60_000  # to pages that WeChat was told not to look for
