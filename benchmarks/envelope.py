"""Opening a push's envelope whole, and sealing a reply: our codec against wechatpy's."""

import time
from collections.abc import Callable

from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto

from benchmarks import measuring, pushes
from benchmarks.stage import Stage
from wechat import push as wire
from wechat.envelope import Envelope, Key

REPLY = (
    "<xml><ToUserName><![CDATA[oUser]]></ToUserName>"
    "<FromUserName><![CDATA[gh_benchmark01]]></FromUserName><CreateTime>1700000000</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[谢谢，我们马上回复您。]]></Content></xml>"
)
TIMES = 500


def run(here: Stage, *, full: bool) -> None:
    rounds = 100 if full else 20
    settings = here.environment
    token, aes_key = settings["WECHAT_TOKEN"], settings["WECHAT_AES_KEY"]
    appid = settings["WECHAT_COMPONENT_APPID"]
    key = Key.of(token, aes_key)
    ours, theirs = Envelope(appid, [key]), WeChatCrypto(token, aes_key, appid)
    [sealed] = pushes.sealed_pushes(pushes.door_of(settings), 1)
    told = {name: sealed.params[name] for name in ("timestamp", "nonce", "msg_signature")}
    stamp, nonce = str(int(time.time())), told["nonce"]

    def we_open() -> wire.Push:
        _, _, encrypt = wire.read_envelope(sealed.body)
        return wire.read(ours.open(encrypt=encrypt, **told).message)

    def they_open() -> object:
        signed = told["msg_signature"], told["timestamp"], nonce
        return parse_message(theirs.decrypt_message(sealed.body, *signed))

    def we_seal() -> object:
        return ours.seal(REPLY, key=key, timestamp=stamp, nonce=nonce)

    def they_seal() -> object:
        return theirs.encrypt_message(REPLY, nonce, stamp)

    print("the envelope of a 500-byte push")
    _compare("open it whole", we_open, they_open, 0.5, rounds)
    _compare("seal a reply", we_seal, they_seal, 0.45, rounds)


def _compare(
    what: str, ours: Callable[[], object], theirs: Callable[[], object], goal: float, rounds: int
) -> None:
    """The best of short rounds, ours and theirs in turn, so that both meet the same noise."""
    best = [float("inf")] * 2
    for _ in range(rounds):
        for number, work in enumerate((ours, theirs)):
            best[number] = min(best[number], measuring.seconds(work, times=TIMES))
    measuring.figure(what, f"{best[0] * 1e6:.1f} µs, wechatpy {best[1] * 1e6:.1f} µs")
    measuring.at_most(f"{what}, against wechatpy", best[0] / best[1], goal, "×")
