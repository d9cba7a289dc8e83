"""python -m sandbox: WeChat on this computer.

The component's credentials come from the environment, never from the command line, where every
other user of the computer could read them.
"""

import argparse
import os
import signal
import sys
import threading
from urllib.parse import urlsplit

from sandbox.server.demo import create_accounts, let_a_certificate_expire, upload_code
from sandbox.server.http import SandboxServer, push_tickets
from sandbox.world import WeChat
from sandbox.world.receiver import FORWARDS, NOTICES

CREDENTIALS = (
    "WECHAT_COMPONENT_APPID",
    "WECHAT_COMPONENT_SECRET",
    "WECHAT_TOKEN",
    "WECHAT_AES_KEY",
)


def main() -> None:
    options = _options()
    wechat = _world(options)
    server = SandboxServer((options.host, options.port), wechat)
    wechat.base_url = options.url or wechat.base_url
    if options.seed_accounts:
        create_accounts(wechat)
        upload_code(wechat)
        let_a_certificate_expire(wechat)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stop = threading.Event()
    tickets = threading.Thread(
        target=push_tickets, args=(wechat, options.platform, stop), daemon=True
    )
    tickets.start()
    print(f"sandbox WeChat: {wechat.base_url}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        stop.set()
        server.server_close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="to listen at: %(default)s")
    parser.add_argument("--port", type=int, default=8001, help="to listen at: %(default)s")
    parser.add_argument("--url", type=_without_slash, help="where browsers find it")
    parser.add_argument(
        "--platform",
        default="http://127.0.0.1:8000",
        type=_without_slash,
        help="where pushes go: scheme and host of the platform, %(default)s",
    )
    parser.add_argument(
        "--token-life",
        type=int,
        default=7200,
        metavar="SECONDS",
        help="of authorizer tokens: %(default)s, as WeChat's",
    )
    parser.add_argument(
        "--first-token-life",
        type=int,
        metavar="SECONDS",
        help="of the first authorizer token only",
    )
    parser.add_argument(
        "--public-platform", type=_without_slash, help="where browsers find the platform"
    )
    parser.add_argument(
        "--seed-accounts", action="store_true", help="with the demo's accounts to authorise"
    )
    return parser.parse_args()


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _world(options: argparse.Namespace) -> WeChat:
    if missing := [name for name in CREDENTIALS if not os.environ.get(name)]:
        sys.exit(f"sandbox: set {', '.join(missing)}")
    appid, secret, token, aes_key = (os.environ[name] for name in CREDENTIALS)
    wechat = WeChat()
    wechat.token_life = options.token_life
    wechat.next_token_life = options.first_token_life
    wechat.register_component(
        appid=appid,
        secret=secret,
        token=token,
        aes_key=aes_key,
        push_url=f"{options.platform}/wechat/component/push/",
        message_url=f"{options.platform}/wechat/$APPID$/push/",
        redirect_domain=urlsplit(options.public_platform or options.platform).hostname,
    )
    # The demo's own target and channel sign with it.
    if signing_secret := os.environ.get("DEMO_RECEIVER_SECRET"):
        for name in (FORWARDS, NOTICES):
            wechat.receiver.trust(name, signing_secret)
    return wechat


if __name__ == "__main__":
    main()
