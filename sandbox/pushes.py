"""What WeChat has to tell the platform: written, sealed, queued, delivered, recorded."""

import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from sandbox import crypto

Deliver = Callable[[str, Mapping[str, str], bytes, Mapping[str, str]], tuple[int, bytes]]

HEADERS = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Accept": "*/*"}
TIMEOUT = 5  # seconds, then WeChat cuts the connection
MESSAGE_TRIES = 3
MUTE_AFTER, MUTE_WINDOW, MUTE_SECONDS = 30, 300, 60  # failures within so long; then silence
KEPT = 10_000


class Sealed(NamedTuple):
    """A push as it goes over the wire."""

    url: str
    params: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Door:
    """Where a push goes and whose keys seal it."""

    url: str
    token: str
    aes_key: str
    appid: str  # the component's, in the envelope and at the end of the plaintext
    user_name: str = ""  # a message door's authorizer; "" is the component door


@dataclass(eq=False)
class Push:
    """One thing to tell; SEAL makes its wire form, again for a retry if so wished.

    HEARD is told how the last try went.
    """

    number: int
    kind: str
    appid: str
    inner: str
    seal: Callable[[], Sealed]
    tries: int
    sealed: Sealed
    heard: "Callable[[Delivery], None] | None" = None


@dataclass(frozen=True)
class Delivery:
    """One try and what the platform answered; status 0 is no answer at all, attempt 0 no try."""

    at: float
    push: Push
    attempt: int
    status: int
    answer: bytes
    seconds: float = 0

    @property
    def accepted(self) -> bool:
        """Whether WeChat would leave it at that."""
        said = self.answer.strip()
        passive = self.push.tries > 1 and (not said or said.startswith(b"<xml>"))
        return self.status == 200 and (said == b"success" or passive)


def xml(fields: Mapping[str, Any]) -> str:
    """Inner XML as in live captures: strings in CDATA, numbers bare, no declaration."""
    return "<xml>" + "\n".join(_elements(fields)) + "\n</xml>"


def _elements(fields: Mapping[str, Any]) -> list[str]:
    return [
        f"<{name}>{_content(value)}</{name}>"
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _content(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_elements(value))
    if isinstance(value, int | float):
        return str(value)
    return "<![CDATA[" + str(value).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def seal(
    inner: str,
    door: Door,
    *,
    timestamp: str,
    nonce: str,
    random16: bytes,
    encrypt_type: str = "aes",
    openid: str = "",
    token: str | None = None,
    aes_key: str | None = None,
    tail: str | None = None,
    msg_signature: str | None = None,
    signature: str | None = None,
) -> Sealed:
    """The wire form. The optional arguments tamper with it: another token or key, another appid
    at the end (TAIL), a signature of one's own.
    """
    token = door.token if token is None else token
    encrypted = crypto.seal(
        inner.encode(),
        aes_key=aes_key or door.aes_key,
        appid=door.appid if tail is None else tail,
        random16=random16,
    )
    params = {
        "signature": crypto.signature(token, timestamp, nonce) if signature is None else signature,
        "timestamp": timestamp,
        "nonce": nonce,
        **({"openid": openid} if openid else {}),
        "encrypt_type": encrypt_type,
        "msg_signature": crypto.signature(token, timestamp, nonce, encrypted)
        if msg_signature is None
        else msg_signature,
    }
    name, value = ("ToUserName", door.user_name) if door.user_name else ("AppId", door.appid)
    envelope = (
        f"<xml>\n    <{name}><![CDATA[{value}]]></{name}>\n"
        f"    <Encrypt><![CDATA[{encrypted}]]></Encrypt>\n</xml>"
    )
    return Sealed(door.url, params, envelope.encode())


def over_http(
    url: str,
    params: Mapping[str, str],
    body: bytes,
    headers: Mapping[str, str],
    timeout: float = TIMEOUT,
) -> tuple[int, bytes]:
    """Post it for real, without proxies or redirects; (0, reason) when nothing came back."""
    address = f"{url}?{urllib.parse.urlencode(params)}"
    request = urllib.request.Request(address, data=body, headers=dict(headers))  # noqa: S310 the platform's own URL
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            return response.status, response.read(65_536)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(65_536)
    except OSError as error:
        return 0, type(error).__name__.encode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


class PostOffice:
    """The outbox and the record of deliveries; one delivery at a time when in the background.

    After MUTE_AFTER failures it is silent for a while; what it should have told is lost.
    """

    def __init__(self, deliver: Deliver | None, clock: Callable[[], float]) -> None:
        self.deliver = deliver
        self.clock = clock
        self.outbox: list[Push] = []
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self.reseal_retries = False
        self.timeout: float = TIMEOUT
        self.mute_after: int | None = MUTE_AFTER  # None: never
        self.mute_seconds: float = MUTE_SECONDS
        self.muted_until: float = 0
        self.dropped = 0
        self._failures: deque[float] = deque()
        self.numbers = count(1)
        self._lock = threading.Lock()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, push: Push) -> None:
        with self._lock:
            self.outbox.append(push)

    def flush(self) -> None:
        """Send what is queued: in the background over HTTP, here and now by a given callable."""
        if self.deliver is not None and self.deliver is not over_http:
            self.deliver_all(self.deliver)
        self.flush_in_background()

    def flush_in_background(self) -> None:
        """The same for a caller who is waiting for an answer: nothing is posted before it."""
        if self.deliver is over_http:
            self._ring()

    def deliver_all(self, deliver: Deliver) -> list[Delivery]:
        """Everything queued, in its order; the last try of each."""
        done = []
        while push := self._next():
            done.append(self.send(push, deliver))
        return done

    def send(self, push: Push, deliver: Deliver) -> Delivery:
        """One push, repeated as WeChat would until it is accepted."""
        with self._lock:
            if push in self.outbox:
                self.outbox.remove(push)
        carry = partial(over_http, timeout=self.timeout) if deliver is over_http else deliver
        for attempt in range(1, push.tries + 1):
            delivery = self._try(push, attempt, carry)
            self.deliveries.append(delivery)
            if delivery.accepted or not delivery.attempt:
                break
        if push.heard:
            push.heard(delivery)
        return delivery

    @property
    def is_muted(self) -> bool:
        return self.clock() < self.muted_until

    def _try(self, push: Push, attempt: int, carry: Deliver) -> Delivery:
        """One try; an answer that comes too late was never heard."""
        began = self.clock()
        if self.is_muted:
            self.dropped += 1
            return Delivery(began, push, 0, 0, b"muted")
        sealed = push.seal() if attempt > 1 and self.reseal_retries else push.sealed
        status, answer = carry(sealed.url, sealed.params, sealed.body, HEADERS)
        seconds = self.clock() - began
        if seconds > self.timeout:
            status, answer = 0, TimeoutError.__name__.encode()
        delivery = Delivery(began + seconds, push, attempt, status, answer, seconds)
        if not delivery.accepted:
            self._count_failure(delivery.at)
        return delivery

    def _count_failure(self, at: float) -> None:
        with self._lock:
            self._failures.append(at)
            while self._failures[0] <= at - MUTE_WINDOW:
                self._failures.popleft()
            if self.mute_after is not None and len(self._failures) >= self.mute_after:
                self.muted_until = at + self.mute_seconds
                self._failures.clear()

    def _next(self) -> Push | None:
        with self._lock:
            return self.outbox.pop(0) if self.outbox else None

    def _ring(self) -> None:
        with self._lock:
            if not self.outbox:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="pushes")
                self._thread.start()
        self._bell.put(None)

    def _work(self) -> None:
        while True:
            self._bell.get()
            self.deliver_all(over_http)
