"""`dev.py run`: the whole platform for one person on one machine, until Ctrl-C."""

from urllib.parse import urlsplit

from devtools import environment, install
from devtools.demo import fill
from devtools.install import ROOT
from devtools.stack import Stack, inherited
from devtools.walk import Merchant, RestClient, Sandbox, wait_until

ENV = ROOT / ".env"
PORT = 8000
# Bound at the first start; the others wait in the sandbox for a click of yours.
BOUND_AT_FIRST = 3


def run(*, port: int | None, sandbox: bool) -> int:
    install.provide("base")
    if not ENV.exists():
        environment.write(ENV, environment.fresh(port or PORT))
        print("Wrote .env with fresh random keys.")
    stack = _stack(port, sandbox)
    print("Starting …", flush=True)
    with stack.running() as processes:
        if sandbox:
            _bind(stack)
        stack.start_jobs(processes)
        _say_what_does_not_fit(stack)
        _say_hello(stack)
        processes.watch()
    return 0


def _stack(port: int | None, sandbox: bool) -> Stack:
    settings = {**inherited(), **environment.read(ENV)}
    url = urlsplit(settings.get("PUBLIC_URL", ""))
    # A tunnel's address has nothing to do with our port.
    is_ours = url.hostname in (None, "127.0.0.1", "localhost")
    port = port or (url.port if is_ours else None) or PORT
    if sandbox:
        settings |= environment.urls(port)
    elif is_ours:
        settings["PUBLIC_URL"] = environment.urls(port)["PUBLIC_URL"]
    return Stack(port, settings, ROOT / "var", ("--seed-accounts",), sandbox)


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
    settings = stack.environment
    lines = [
        ("Portal", f"{stack.url}/portal/"),
        ("", f"merchant / {settings['DEMO_MERCHANT_PASSWORD']}"),
        ("Admin", f"{stack.url}/admin/"),
        ("", f"staff / {settings['DEMO_STAFF_PASSWORD']}"),
        ("REST API", f"{stack.url}/api/docs/"),
    ]
    if stack.has_sandbox:
        lines.append(("WeChat", f"{stack.sandbox_url}/ (a sandbox in its place)"))
    elif settings.get("WECHAT_API_URL"):
        lines.append(("WeChat", f"{settings['WECHAT_API_URL']} (WECHAT_API_URL)"))
    lines.append(("Logs", "var/log/"))
    print()
    for name, value in lines:
        print(f"  {name:<10}{value}")
    print("\nCtrl-C stops everything.", flush=True)
