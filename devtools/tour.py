"""What `dev.py run` prints when all is up: where to look, in which order, and as whom."""

from dataclasses import dataclass

from devtools.stack import Stack


@dataclass(frozen=True)
class Stop:
    """One place: its name, its address, who logs in there, and what to do."""

    name: str
    url: str
    login: str
    todo: str


def itinerary(stack: Stack) -> str:
    """All stops in their order, and where the rest is."""
    lines = ["A tour of ten minutes, in this order (docs/tour.md leads through it with pictures):"]
    for number, stop in enumerate(_stops(stack), start=1):
        lines.append(f"\n  {number}. {stop.name:<11}{stop.url}")
        lines += [f"     {'':<11}{text}" for text in (stop.login, stop.todo) if text]
    if not stack.has_sandbox and (url := stack.environment.get("WECHAT_API_URL")):
        lines.append(f"\n     {'WeChat':<11}{url} (WECHAT_API_URL)")
    lines.append(f"\n     {'Logs':<11}var/log/, and mail in var/mail/")
    return "\n".join(lines)


def _stops(stack: Stack) -> list[Stop]:
    sandbox = stack.sandbox_url
    merchant = f"merchant / {stack.environment['DEMO_MERCHANT_PASSWORD']}"
    staff = f"staff / {stack.environment['DEMO_STAFF_PASSWORD']}"
    portal = Stop("Portal", f"{stack.url}/portal/", merchant, "")
    admin = Stop("Admin", f"{stack.url}/admin/", staff, "")
    api = Stop("REST API", f"{stack.url}/api/docs/", "", "All of it by program, to try out.")
    if not stack.has_sandbox:
        return [portal, admin, api]
    return [
        Stop(portal.name, portal.url, merchant, "Press bind, and confirm in WeChat's place."),
        Stop(admin.name, admin.url, staff, "Submit the version of 山茶书店 for review."),
        Stop(
            "WeChat",
            f"{sandbox}/",
            "",
            "A sandbox in its place: let the review pass, take out a phone.",
        ),
        Stop(
            "Receiver",
            f"{sandbox}/sandbox/receiver/",
            "",
            "What was forwarded, and the notices: are they signed rightly?",
        ),
        api,
    ]
