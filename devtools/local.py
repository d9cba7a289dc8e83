"""`dev.py run`: the whole platform for one person on one machine, until Ctrl-C."""

from urllib.parse import urlsplit

from devtools import environment, install
from devtools.demo import fill
from devtools.install import ROOT
from devtools.place import LOOPBACK, Place, place_of
from devtools.stack import Stack, inherited
from devtools.tour import itinerary
from devtools.walk import Merchant, RestClient, Sandbox, wait_until

ENV = ROOT / ".env"
PORT = 8000
# Bound at the first start; the others wait in the sandbox for a click of yours.
BOUND_AT_FIRST = 3
OPEN_TO_OTHERS = """
Warning: this is not loopback. Whoever reaches {address} can open these pages; the sandbox asks for
no password, and nothing is encrypted. Run it so only in a network that you trust."""


def run(port: int | None, host: str | None, *, sandbox: bool) -> int:
    place = place_of(host) if host else LOOPBACK
    if not ENV.exists():
        environment.write(ENV, environment.fresh(port or PORT))
        print("Wrote .env with fresh random keys.")
    stack = _stack(port, place, sandbox)
    stack.demand_free_ports()  # at once: the installation takes minutes
    install.provide("base")
    print("Starting: the database, the web server, the sandbox …", flush=True)
    with stack.running() as processes:
        if sandbox:
            print("Binding the demo's accounts, as a merchant does …", flush=True)
            _bind(stack)
        stack.start_jobs(processes)
        _say_what_does_not_fit(stack)
        _say_hello(stack)
        if not place.is_loopback:
            print(OPEN_TO_OTHERS.format(address=place.public), flush=True)
        processes.watch()
    return 0


def _stack(port: int | None, place: Place, sandbox: bool) -> Stack:
    settings = {**inherited(), **environment.read(ENV)}
    url = urlsplit(settings.get("PUBLIC_URL", ""))
    # A tunnel's address has nothing to do with our port.
    is_ours = url.hostname in (None, "127.0.0.1", "localhost")
    port = port or (url.port if is_ours else None) or PORT
    ours = environment.urls(port, place)
    if sandbox:
        ours["FORWARD_INTERNAL_HOSTS"] = _joined(settings, ours, "FORWARD_INTERNAL_HOSTS")
        settings |= ours
    elif is_ours:
        settings["PUBLIC_URL"] = ours["PUBLIC_URL"]
    # By default both follow PUBLIC_URL; who has set them wants the rest besides.
    for name, value in (
        ("ALLOWED_HOSTS", place.public),
        ("CSRF_TRUSTED_ORIGINS", ours["PUBLIC_URL"]),
    ):
        if name in settings:
            settings[name] = _joined(settings, {name: value}, name)
    return Stack(port, settings, ROOT / "var", ("--seed-accounts",), sandbox, place)


def _joined(settings: dict[str, str], more: dict[str, str], name: str) -> str:
    """The entries of NAME in both, each once."""
    entries = f"{settings.get(name, '')},{more[name]}".split(",")
    return ",".join(dict.fromkeys(entry.strip() for entry in entries if entry.strip()))


def _bind(stack: Stack) -> None:
    """The demo's bindings, made as anyone's. The sandbox remembers none from its last life."""
    sandbox = Sandbox(stack)
    wait_until(
        "the sandbox's first ticket", lambda: sandbox.has_delivered("component_verify_ticket")
    )
    password = stack.environment["DEMO_MERCHANT_PASSWORD"]
    known = RestClient(stack, "merchant", password).authorizers()
    appids = [account["appid"] for account in sandbox.accounts()]
    wanted = {one["appid"] for one in known if one["state"] != "unbound"}
    merchant = Merchant(stack)
    merchant.log_in("merchant", password)
    for appid in appids:
        if appid in wanted or (not known and appid in appids[:BOUND_AT_FIRST]):
            merchant.bind(appid)
    if not known:
        fill(RestClient(stack, "staff", stack.environment["DEMO_STAFF_PASSWORD"]))


def _say_what_does_not_fit(stack: Stack) -> None:
    """Of settings and database."""
    for line in stack.manage("check", "--database", "default").splitlines():
        if line.startswith("?: "):
            print(f"\n{line.removeprefix('?: ')}", flush=True)


def _say_hello(stack: Stack) -> None:
    print(f"\n{itinerary(stack)}\n\nCtrl-C stops everything.", flush=True)
