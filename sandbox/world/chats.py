"""The chats of users with accounts: the lines so far, and what an account may still send (E)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, NamedTuple

from sandbox.wire import passive
from sandbox.wire.pushes import Delivery, Push
from sandbox.world import contents, replies
from sandbox.world.contents import Content
from sandbox.world.errors import Refusal
from sandbox.world.media import MediaStore
from sandbox.world.parties import Account, Component
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT
from sandbox.world.register import Register
from sandbox.world.replies import PassiveReply
from sandbox.world.samples import Samples
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms

MINUTE, TWO_DAYS = 60, 48 * 3600
MESSAGE_SETS = {OFFICIAL_ACCOUNT: (1,), MINI_PROGRAM: (19,)}
EVENT_SETS = {
    **dict.fromkeys(
        (
            "weapp_audit_success",
            "weapp_audit_fail",
            "weapp_audit_delay",
            "wxa_nickname_audit",
            "wxa_category_audit",
            "wxa_privacy_apply",
            "wxa_appeal_record",
        ),
        (18, 30, 76),
    ),
    "user_info_modified": (1, 2, 18, 30),
    "debug_demo": (1, 18, 19, 171, 172),
}
TYPING_SECONDS, TYPING_AFTER = 15, 30
NOTICE = "该公众号提供的服务出现故障，请稍后再试"

# A delivery, the reply in its answer if there is one, and what was wrong with it.
OnReply = Callable[[Delivery, PassiveReply | None, str], None]


class Allowance(NamedTuple):
    """So many messages within so many seconds."""

    messages: int
    seconds: int


@dataclass
class Window:
    """What is left of an allowance."""

    left: int
    ends: float


@dataclass(frozen=True)
class Line:
    """One line of a chat. An account's CONTENT is in the words of custom/send, also when it
    came as a passive reply; a user's is in those of the push. PROBLEM says why WeChat could not
    show an answer.
    """

    number: int
    at: float
    sender: Literal["user", "account", "wechat"]
    way: Literal["message", "event", "reply", "api", "notice"]
    kind: str
    content: Content
    kf_account: str = ""
    problem: str = ""

    @property
    def text(self) -> str:
        """What a text says."""
        return str(self.content.get("content") or self.content.get("Content") or "")


@dataclass(eq=False)
class Chat:
    """One user and one account."""

    account: Account
    openid: str
    lines: list[Line] = field(default_factory=list)
    windows: dict[str, Window] = field(default_factory=dict)  # by what opened them
    typing_until: float = 0
    seen_at: float = 0  # when the user was last there

    def open_windows(self, now: float) -> list[Window]:
        """Those that have not ended, the one that ends first before the others."""
        return sorted(
            (one for one in self.windows.values() if one.ends > now), key=lambda one: one.ends
        )


def message_sets(account: Account) -> tuple[int, ...]:
    """The permission sets with any of which a platform is sent the messages to ACCOUNT."""
    return MESSAGE_SETS.get(account.kind, ())


class Chats:
    """All chats of a world; its lock guards them."""

    def __init__(
        self, world: Surroundings, terms: Terms, register: Register, media: MediaStore
    ) -> None:
        self.world = world
        self.register = register
        self.media = media
        self.samples = Samples(world, terms, media)
        acts = ("CLICK", "scancode_push", "scancode_waitmsg", "subscribe", "SCAN")
        self.allowances: dict[str, dict[str, Allowance]] = {
            MINI_PROGRAM: {
                "message": Allowance(5, TWO_DAYS),
                "user_enter_tempsession": Allowance(2, MINUTE),
            },
            # Since June 2023; before, 20 messages.
            OFFICIAL_ACCOUNT: {
                "message": Allowance(5, TWO_DAYS),
                **dict.fromkeys(acts, Allowance(3, MINUTE)),
            },
        }
        self.strangers: set[str] = set()  # appids anyone may be written to from
        self._chats: dict[tuple[str, str], Chat] = {}
        self._numbers = count(1)

    # What users do

    def say(
        self,
        appid: str,
        openid: str,
        content: str = "",
        *,
        kind: str = "text",
        fields: Mapping[str, Any] | None = None,
        on_reply: OnReply | None = None,
        component: Component | None = None,
        **options: Any,
    ) -> Push:
        """A user's message of any kind; FIELDS override those it has by default."""
        account = self.register.accounts[appid]
        recipient = component or self._need_recipient(account, message_sets(account))
        message = {"MsgType": kind} | self.samples.message(account, kind, content)
        message |= fields or {}
        with self.world.lock:
            chat = self.visit(account, openid)
            self.write(chat, "user", "message", kind, message)
            # To take a choice of a msgmenu counts as a click.
            self._open_window(chat, "CLICK" if "bizmsgmenuid" in message else "message")
        return self._push(chat, message, recipient, on_reply, options)

    def happen(
        self,
        appid: str,
        openid: str,
        event: str,
        fields: Mapping[str, Any] | None = None,
        *,
        on_reply: OnReply | None = None,
        component: Component | None = None,
        **options: Any,
    ) -> Push:
        """Any event; FIELDS override those it has by default."""
        account = self.register.accounts[appid]
        sets = EVENT_SETS.get(event, message_sets(account))
        recipient = component or self._need_recipient(account, sets)
        message = {"MsgType": "event", "Event": event}
        message |= self.samples.event(account, openid, event) | dict(fields or {})
        with self.world.lock:
            chat = self.visit(account, openid)
            self.write(chat, "user", "event", event, message)
            if event == "unsubscribe":
                chat.windows.clear()
            self._open_window(chat, event)
        return self._push(chat, message, recipient, on_reply, options)

    def visit(self, account: Account, openid: str) -> Chat:
        """The user comes to ACCOUNT, and may say nothing; nobody is told."""
        chat = self.open(account, openid)
        chat.seen_at = self.world.clock()
        return chat

    # What accounts do

    def deliver(self, account: Account, openid: str, kind: str, body: Content) -> Line:
        """A customer-service message that is in order, if the user may be written to."""
        chat = self.writable(account, openid)
        windows = chat.open_windows(self.world.clock())
        window = next((one for one in windows if one.left), None)
        if window is None:
            raise Refusal(45047 if windows else 45015)
        window.left -= 1
        chat.typing_until = 0
        kf_account = body.get("customservice", {}).get("kf_account", "")
        return self.write(chat, "account", "api", kind, body[kind], kf_account=kf_account)

    def type(self, account: Account, openid: str, command: str) -> None:
        """正在输入: for fifteen seconds, soon after a message."""
        chat, now = self.writable(account, openid), self.world.clock()
        if command == "CancelTyping":
            chat.typing_until = 0
            return
        if not chat.open_windows(now):
            raise Refusal(45015)
        if not any(now - line.at <= TYPING_AFTER for line in chat.lines):
            raise Refusal(45080)
        if now < chat.typing_until:
            raise Refusal(45081)
        chat.typing_until = now + TYPING_SECONDS

    def find_media(self, account: Account, media_id: Any, of_kind: str) -> bool:
        """Whether WeChat keeps such a file for the account."""
        media = self.media.find(account.appid, media_id)
        return media is not None and media.kind.startswith(contents.MEDIA[of_kind])

    # What both read

    def find(self, appid: str, openid: str) -> Chat | None:
        return self._chats.get((appid, openid))

    def of(self, appid: str) -> list[Chat]:
        """The chats of one account, the newest first."""
        chats = [chat for (its_appid, _), chat in self._chats.items() if its_appid == appid]
        return sorted(chats, key=lambda chat: -chat.lines[-1].number if chat.lines else 0)

    def recipient(self, account: Account, sets: tuple[int, ...]) -> Component | None:
        """The platform that is sent the account's messages: the first with one of these sets."""
        return next(iter(self.register.granted_components(account, sets)), None)

    def transcript(self, appid: str, openid: str) -> list[Line]:
        """The lines between a user and an account, oldest first."""
        with self.world.lock:
            chat = self.find(appid, openid)
            return list(chat.lines) if chat else []

    def writable(self, account: Account, openid: str) -> Chat:
        """The chat with a user the account knows."""
        chat = self.find(account.appid, openid)
        if chat is None and account.appid in self.strangers and openid:
            chat = self.meet(account, openid)
        if chat is None:
            raise Refusal(40003)
        return chat

    def meet(self, account: Account, openid: str) -> Chat:
        """A chat with a user who has just written, which nobody here saw."""
        chat = self.visit(account, openid)
        self._open_window(chat, "message")
        return chat

    def knows_elsewhere(self, openid: str) -> bool:
        """Whether OPENID is a user's, with whatever account."""
        return any(its_openid == openid for _, its_openid in self._chats)

    def open(self, account: Account, openid: str) -> Chat:
        return self._chats.setdefault((account.appid, openid), Chat(account, openid))

    def write(
        self,
        chat: Chat,
        sender: Literal["user", "account", "wechat"],
        way: Literal["message", "event", "reply", "api", "notice"],
        kind: str,
        content: Content,
        **details: str,
    ) -> Line:
        now = self.world.clock()
        line = Line(next(self._numbers), now, sender, way, kind, content, **details)
        chat.lines.append(line)
        return line

    def read_reply(
        self, component: Component, account: Account, openid: str, answer: bytes
    ) -> PassiveReply | None:
        """A passive reply, opened; raises `passive.Abnormal`."""

        def find_media(media_id: Any, of_kind: str) -> bool:
            return self.find_media(account, media_id, of_kind)

        return replies.read(answer, component, account, openid, find_media)

    # Within

    def _open_window(self, chat: Chat, trigger: str) -> None:
        """The count starts anew with every message; each kind of trigger has its own."""
        allowance = self.allowances.get(chat.account.kind, {}).get(trigger)
        if allowance:
            ends = self.world.clock() + allowance.seconds
            chat.windows[trigger] = Window(allowance.messages, ends)

    def _need_recipient(self, account: Account, sets: tuple[int, ...]) -> Component:
        recipient = self.recipient(account, sets)
        if recipient is None:
            raise ValueError(f"{account.appid} has granted none of the sets {sets} to a platform")
        return recipient

    def _push(
        self,
        chat: Chat,
        message: dict[str, Any],
        component: Component,
        on_reply: OnReply | None,
        options: dict[str, Any],
    ) -> Push:
        is_answered = False

        def on_delivery(delivery: Delivery) -> None:
            nonlocal is_answered
            with self.world.lock:
                reply, problem = self._read_answer(chat, component, delivery)
                # The user sees one answer, however often a test delivers the message.
                if not is_answered:
                    self._show(chat, reply, problem)
                is_answered = is_answered or not problem
            if on_reply:
                on_reply(delivery, reply, problem)

        return self.world.push_message(
            chat.account.appid,
            message,
            from_user=chat.openid,
            component=component,
            on_delivery=on_delivery,
            **options,
        )

    def _read_answer(
        self, chat: Chat, component: Component, delivery: Delivery
    ) -> tuple[PassiveReply | None, str]:
        """What the platform replied, or what was wrong with its answer."""
        if not delivery.accepted:
            return None, f"{delivery.status} {delivery.answer[:80].decode('utf-8', 'replace')}"
        try:
            return self.read_reply(component, chat.account, chat.openid, delivery.answer), ""
        except passive.Abnormal as problem:
            return None, str(problem)

    def _show(self, chat: Chat, reply: PassiveReply | None, problem: str) -> None:
        if reply:
            self.write(chat, "account", "reply", *reply)
        if problem:
            # In a mini program's chat the user sees nothing of it.
            text = "" if chat.account.is_mini_program else NOTICE
            self.write(chat, "wechat", "notice", "text", {"content": text}, problem=problem)
