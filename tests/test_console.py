"""The console: staff read what users write, and answer."""

import re
import time
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from messaging.models import CannedReply, Conversation, Reply, Rule
from messaging.services import passive_replies
from miniprograms.models import Authorizer
from platform_auth.models import Operation, Push
from sandbox.wire.jpeg import mosaic
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.chatting import USER, Chat
from tests.conftest import Bound
from tests.threads import in_a_thread, together
from wechat import bulkhead
from wechat.messages import EVENTS, MESSAGES
from wechat.replies import CONTENTS, as_data, parse_content

pytestmark = pytest.mark.django_db

LIST = "/admin/messaging/conversation/"
SEND, MEDIA = "/cgi-bin/message/custom/send", "/cgi-bin/media/get"
PICTURE = mosaic([[0, 255], [255, 0]])


@pytest.fixture
def chat(bound: Bound, wechat: WeChat, deliver: Deliver) -> Chat:
    """A user who has written to a mini program."""
    chat = Chat(wechat, bound(nick_name="Tea & Cake"), deliver)
    chat.say("Do you have oolong?")
    return chat


@pytest.fixture
def official(bound: Bound, wechat: WeChat, deliver: Deliver) -> Chat:
    """The same of an official account."""
    chat = Chat(wechat, bound(nick_name="Morning News", kind="official_account"), deliver)
    chat.say("Where is my paper?")
    return chat


@pytest.fixture
def desk(staff: User) -> Client:
    """An operator's browser."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(staff)
    return client


def row_of(chat: Chat) -> Conversation:
    row: Conversation = Conversation.objects.get(authorizer=chat.account, openid=chat.openid)
    return row


def page(desk: Client, chat: Chat, query: str = "") -> str:
    answer = desk.get(f"{LIST}{row_of(chat).pk}/change/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def say(desk: Client, chat: Chat, way: str = "text", **said: Any) -> str:
    """What the page is sent after staff pressed Send."""
    url = f"{LIST}{row_of(chat).pk}/say/{way}/"
    answer = desk.post(url, said, headers={"hx-request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def news(desk: Client, chat: Chat, shown: str) -> Any:
    """What has come since the page SHOWN."""
    seen = re.findall(r'name="seen" value="([^"]*)"', shown)[-1]
    return desk.get(f"{LIST}{row_of(chat).pk}/news/?seen={quote(seen)}")


def picture() -> SimpleUploadedFile:
    return SimpleUploadedFile("tea.bin", PICTURE, "application/octet-stream")


# Reading


def test_opening_a_conversation_shows_it_and_marks_it_read(chat: Chat, desk: Client) -> None:
    assert row_of(chat).unread == 1
    shown = page(desk, chat)
    assert "Do you have oolong?" in shown
    assert "Tea &amp; Cake" in shown
    assert "5 of 5 messages left" in shown
    assert row_of(chat).unread == 0


def test_whoever_only_looks_leaves_it_unread(chat: Chat) -> None:
    looker = User.objects.create_user("releaser", is_staff=True)
    looker.groups.add(Group.objects.get(name="releasers"))
    client = Client(headers={"accept-language": "en"})
    client.force_login(looker)
    shown = page(client, chat)
    assert "Do you have oolong?" in shown
    assert "<textarea" not in shown
    assert row_of(chat).unread == 1
    assert client.post(f"{LIST}{row_of(chat).pk}/say/text/", {"text": "x"}).status_code == 403


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_message_is_shown(chat: Chat, desk: Client, kind: str) -> None:
    said = {"text": {"Content": "hello <b>there</b>"}, "voice": {"Recognition": "two cups"}}
    chat.say(kind=kind, fields=said.get(kind))
    words = {
        "text": "hello &lt;b&gt;there&lt;/b&gt;",
        "voice": "two cups",
        "image": "/file/u",
        "video": "film",
        "shortvideo": "film",
        "location": "30.27408, 120.15507",
        "link": 'href="https://mp.weixin.qq.com/s/sandbox"',
        "miniprogrampage": "pages/index/index",
    }
    assert words[kind] in page(desk, chat)


def test_a_link_that_is_a_script_cannot_be_followed(chat: Chat, desk: Client) -> None:
    chat.say(kind="link", fields={"Title": "tea", "Url": "javascript:alert(1)"})
    shown = page(desk, chat)
    assert "javascript:alert(1)" in shown
    assert 'href="javascript' not in shown


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_event_has_words(official: Chat, desk: Client, kind: str) -> None:
    official.wechat.push_message(
        official.account.appid, {"MsgType": "event", "Event": kind}, from_user=official.openid
    )
    official.deliver()
    shown = page(desk, official)
    assert shown.count('class="chat-note"') == 1
    assert "we have no words" not in shown


def test_an_event_nobody_knows_is_named(official: Chat, desk: Client) -> None:
    told = {"MsgType": "event", "Event": "brand_new", "Secret": "x"}
    official.wechat.push_message(official.account.appid, told, from_user=official.openid)
    official.deliver()
    assert "brand_new (we have no words for it)" in page(desk, official)


CONTENT_OF = {
    "text": {"content": "good day"},
    "image": {"media_id": "m"},
    "voice": {"media_id": "m"},
    "video": {"media_id": "m", "thumb_media_id": "t", "title": "our film"},
    "music": {
        "title": "our song",
        "musicurl": "https://example.com/1",
        "hqmusicurl": "https://example.com/2",
        "thumb_media_id": "t",
    },
    "news": {
        "articles": [
            {
                "title": "our article",
                "description": "d",
                "url": "https://example.com/",
                "picurl": "https://example.com/p",
            }
        ]
    },
    "mpnews": {"media_id": "our-news"},
    "mpnewsarticle": {"article_id": "our-article"},
    "msgmenu": {"list": [{"id": "1", "content": "yes, very"}]},
    "wxcard": {"card_id": "our-card"},
    "link": {
        "title": "our link",
        "description": "d",
        "url": "https://example.com/",
        "thumb_url": "https://example.com/p",
    },
    "miniprogrampage": {"title": "our page", "pagepath": "p", "thumb_media_id": "t"},
    "transfer_customer_service": {},
}
WORDS = {
    "text": "good day",
    "image": "/file/r",
    "voice": "voice message",
    "video": "our film",
    "music": "our song",
    "news": "our article",
    "mpnews": "our-news",
    "mpnewsarticle": "our-article",
    "msgmenu": "yes, very",
    "wxcard": "our-card",
    "link": "our link",
    "miniprogrampage": "our page",
    "transfer_customer_service": "customer service",
}


@pytest.mark.parametrize("kind", sorted(CONTENTS))
def test_whatever_we_said_is_shown(chat: Chat, desk: Client, kind: str) -> None:
    content = parse_content({"msgtype": kind, kind: CONTENT_OF[kind]})
    passive_replies.reply_to(Push.objects.latest("pk"), row_of(chat), content)
    assert as_data(content)["msgtype"] == kind
    assert WORDS[kind] in page(desk, chat)


def test_what_cannot_be_read_is_told_and_the_rest_shown(
    chat: Chat, desk: Client, settings: Any
) -> None:
    Push.objects.filter(kind="text").update(body="")
    passive_replies.reply_to(Push.objects.latest("pk"), row_of(chat), parse_content(SAID))
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3Q="]
    shown = page(desk, chat)
    assert "It is not kept any more." in shown
    assert "its key is not in FIELD_ENCRYPTION_KEYS" in shown


SAID = {"msgtype": "text", "text": {"content": "good day"}}


@pytest.mark.django_db(transaction=True)  # the worker has threads
def test_a_rule_that_has_spoken_is_named(chat: Chat, desk: Client) -> None:
    Rule.objects.create(name="Hours", trigger="default", content=SAID)
    chat.say("when?")
    chat.sent()
    shown = page(desk, chat)
    assert "automatic reply “Hours”" in shown
    assert "good day" in shown


def test_older_messages_come_on_demand(chat: Chat, desk: Client) -> None:
    for number in range(60):
        chat.say(f"line {number}.")
    shown = page(desk, chat)
    assert "line 59." in shown
    assert "line 9." not in shown
    [older] = re.findall(r'hx-get="([^"]*older[^"]*)"', shown)
    more = desk.get(older.replace("&amp;", "&")).content.decode()
    assert "line 9." in more
    assert "Do you have oolong?" in more
    assert "line 10." not in more
    assert "older" not in more
    assert desk.get(f"{LIST}{row_of(chat).pk}/older/?before=yesterday").status_code == 404


# News


def test_nothing_new_is_an_empty_answer(chat: Chat, desk: Client) -> None:
    assert news(desk, chat, page(desk, chat)).status_code == 204


def test_a_new_message_is_sent_to_the_page_once(chat: Chat, desk: Client) -> None:
    shown = page(desk, chat)
    chat.say("Hello?")
    more = news(desk, chat, shown).content.decode()
    assert "Hello?" in more
    assert "oolong" not in more.replace("<strong>", "").split('id="chat-others"')[0]
    assert row_of(chat).unread == 0
    assert news(desk, chat, more).status_code == 204


def test_a_page_nobody_looks_at_leaves_messages_unread(chat: Chat, desk: Client) -> None:
    shown = page(desk, chat)
    chat.say("Hello?")
    seen = re.findall(r'name="seen" value="([^"]*)"', shown)[-1]
    answer = desk.get(f"{LIST}{row_of(chat).pk}/news/?away=1&seen={quote(seen)}")
    assert "Hello?" in answer.content.decode()
    assert row_of(chat).unread == 1


@pytest.mark.django_db(transaction=True)  # the worker has threads
def test_a_reply_that_went_out_meanwhile_changes_its_place(chat: Chat, desk: Client) -> None:
    chat.wechat.fault(SEND, errcode=-1)
    shown = say(desk, chat, text="one moment")
    assert "waiting to be sent" in shown
    Reply.objects.update(due_at=Reply.objects.get().at)
    chat.sent()
    more = news(desk, chat, shown).content.decode()
    reply = Reply.objects.get()
    assert f'id="r{reply.pk}" hx-swap-oob="true"' in more
    assert "ours sent" in more


def test_others_are_listed_beside(chat: Chat, official: Chat, desk: Client) -> None:
    shown = page(desk, chat)
    assert "Where is my paper?" in shown
    only = page(desk, chat, f"?account={chat.account.appid}")
    assert "Where is my paper?" not in only
    unread = page(desk, chat, "?show=unread")
    assert "Where is my paper?" in unread


# Answering


def test_an_answer_is_sent_and_recorded(chat: Chat, desk: Client, staff: User) -> None:
    shown = say(desk, chat, text="Yes,\r\nwe do.")
    assert "Yes,\nwe do." in shown
    assert "4 of 5 messages left" in shown
    assert [line.text for line in chat.lines("api")] == ["Yes,\nwe do."]
    assert Reply.objects.get().by == staff
    operation = Operation.objects.get(action="answer_user")
    assert (operation.actor, operation.appid) == (staff, chat.account.appid)
    assert "we do" not in operation.result


def test_a_browser_without_javascript_gets_the_page(chat: Chat, desk: Client) -> None:
    url = f"{LIST}{row_of(chat).pk}/say/text/"
    answer = desk.post(url, {"text": "Yes."}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{LIST}{row_of(chat).pk}/change/"
    assert "Yes." in answer.content.decode()


@pytest.mark.parametrize(
    ("way", "said", "complaint"),
    [
        ("text", {"text": " "}, "Message: This field is required."),
        ("text", {"text": "茶" * 700}, "about 680 Chinese characters"),
        ("text", {"text": "a\x01b"}, "holds a character that cannot be sent"),
        ("picture", {}, "Picture: This field is required."),
        ("link", {"heading": "x"}, "Description: This field is required."),
        ("page", {"heading": "x", "path": "p"}, "Picture: This field is required."),
    ],
)
def test_what_cannot_be_sent_is_told_and_not_tried(
    chat: Chat, desk: Client, way: str, said: dict[str, str], complaint: str
) -> None:
    assert complaint in say(desk, chat, way, **said)
    assert not Reply.objects.exists()


def test_a_file_that_is_no_picture_is_refused(chat: Chat, desk: Client) -> None:
    wrong = SimpleUploadedFile("tea.jpg", b"<script>", "image/jpeg")
    assert "Only JPEG, PNG and GIF" in say(desk, chat, "picture", picture=wrong)
    large = SimpleUploadedFile("tea.jpg", PICTURE + bytes(2 * 1024 * 1024), "image/jpeg")
    assert "up to 2 MB" in say(desk, chat, "picture", picture=large)
    assert not Reply.objects.exists()


def test_pictures_links_and_pages_are_sent(chat: Chat, desk: Client) -> None:
    say(desk, chat, "picture", picture=picture())
    url = "https://example.com/"
    say(desk, chat, "link", heading="New tea", description="d", url=url, picture=f"{url}p.png")
    say(desk, chat, "page", heading="Book", path="pages/book?x=1", picture=picture())
    sent = chat.lines("api")
    assert [line.kind for line in sent] == ["image", "link", "miniprogrampage"]
    assert sent[1].content["thumb_url"] == "https://example.com/p.png"
    assert (sent[2].content["title"], sent[2].content["pagepath"]) == ("Book", "pages/book?x=1")


def test_an_official_account_sends_menus_articles_and_linked_pages(
    official: Chat, desk: Client, wechat: WeChat
) -> None:
    account = wechat.accounts[official.account.appid]
    program = wechat.create_account(principal_name=account.principal_name)
    say(desk, official, "menu", head="Pleased?", choices="yes\n\n no \n", tail="")
    url = "https://example.com/"
    say(desk, official, "link", heading="News", description="d", url=url, picture=url)
    page = {"heading": "Shop", "path": "p", "appid": program.appid, "picture": picture()}
    say(desk, official, "page", **page)
    sent = official.lines("api")
    assert [line.kind for line in sent] == ["msgmenu", "news", "miniprogrampage"]
    assert [one["content"] for one in sent[0].content["list"]] == ["yes", "no"]


def test_a_mini_program_has_no_menus(chat: Chat, desk: Client) -> None:
    url = f"{LIST}{row_of(chat).pk}/say/menu/"
    assert desk.post(url, {"choices": "yes"}).status_code == 404


def test_wechats_refusal_is_told_in_plain_words(chat: Chat, desk: Client) -> None:
    for number in range(5):
        say(desk, chat, text=f"line {number}")
    shown = say(desk, chat, text="and another")
    assert "not sent" in shown
    assert "As many messages are sent as the user" in shown
    assert "(45047)" in shown
    assert "WeChat will probably refuse more until the user writes again" in shown


def test_an_upload_that_fails_says_why(chat: Chat, desk: Client) -> None:
    chat.wechat.fault("/cgi-bin/media/upload", errcode=45009)
    told = say(desk, chat, "picture", picture=picture())
    assert "Today&#x27;s calls of this kind are used up." in told
    assert not Reply.objects.exists()


def test_what_was_perhaps_sent_is_sent_again_when_asked_to(
    chat: Chat, desk: Client, staff: User
) -> None:
    chat.wechat.fault(SEND, drop="after", effect=False)
    shown = say(desk, chat, text="one moment")
    assert "perhaps sent" in shown
    assert "the user may have got it, or not" in shown
    reply = Reply.objects.get()
    again = f"{LIST}{row_of(chat).pk}/again/{reply.pk}/"
    assert again in shown
    more = desk.post(again, headers={"hx-request": "true"}).content.decode()
    assert "ours sent" in more
    assert again not in more
    assert [line.text for line in chat.lines("api")] == ["one moment"]
    assert Operation.objects.filter(action="answer_user_again", actor=staff).count() == 1
    desk.post(again)
    assert len(chat.lines("api")) == 1


def test_what_is_being_sent_is_not_sent_again(chat: Chat, desk: Client, staff: User) -> None:
    chat.wechat.fault(SEND, drop="after", effect=True)
    say(desk, chat, text="one moment")
    Reply.objects.update(lease_until=timezone.now() + timedelta(seconds=20))
    reply = Reply.objects.get()
    shown = page(desk, chat)
    assert "being sent" in shown
    assert "/again/" not in shown
    desk.post(f"{LIST}{row_of(chat).pk}/again/{reply.pk}/")
    Reply.objects.update(lease_until=None)
    assert "perhaps sent" in page(desk, chat)
    assert len(chat.lines("api")) == 1


def test_a_reply_of_another_conversation_is_not_found(
    chat: Chat, official: Chat, desk: Client
) -> None:
    say(desk, official, text="soon")
    reply = Reply.objects.get()
    assert desk.post(f"{LIST}{row_of(chat).pk}/again/{reply.pk}/").status_code == 404
    assert desk.get(f"{LIST}{row_of(chat).pk}/file/r{reply.pk}/").status_code == 404


def test_the_user_sees_that_somebody_writes(chat: Chat, desk: Client) -> None:
    url = f"{LIST}{row_of(chat).pk}/typing/"
    assert desk.post(url).status_code == 204
    assert desk.post(url).status_code == 204  # 45081: it shows already
    there = chat.wechat.chats.find(chat.account.appid, chat.openid)
    assert there
    assert there.typing_until > chat.wechat.clock()


def test_an_account_that_left_cannot_be_answered_for(chat: Chat, desk: Client) -> None:
    Authorizer.objects.update(state="unbound", access_token="", refresh_token="", expires=0)
    shown = page(desk, chat)
    assert "This account trusts us no more" in shown
    assert "<textarea" not in shown


def test_canned_replies_are_those_for_all_and_the_accounts_own(
    chat: Chat, official: Chat, desk: Client
) -> None:
    CannedReply.objects.create(title="hello", text="Good day!")
    CannedReply.objects.create(title="paper", text="It is late.", authorizer=official.account)
    shown = page(desk, chat)
    assert 'data-canned="Good day!"' in shown
    assert "It is late." not in shown


# Files


def test_pictures_are_shown_without_a_token(chat: Chat, desk: Client) -> None:
    chat.say(kind="image")
    push = Push.objects.latest("pk")
    url = f"{LIST}{row_of(chat).pk}/file/u{push.pk}/"
    assert url in page(desk, chat)
    answer = desk.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    desk.get(url)
    assert chat.wechat.count(MEDIA, chat.account.appid) == 1


@pytest.mark.usefixtures("dead_cache")
def test_pictures_are_shown_without_redis(chat: Chat, desk: Client) -> None:
    chat.say(kind="image")
    url = f"{LIST}{row_of(chat).pk}/file/u{Push.objects.latest('pk').pk}/"
    assert [desk.get(url).status_code for _ in range(2)] == [200, 200]


@pytest.mark.django_db(transaction=True)
def test_a_page_of_pictures_leaves_threads_to_others_while_wechat_is_slow(
    chat: Chat, desk: Client
) -> None:
    """A browser asks for six at once; each keeps a thread of the web server."""
    for _ in range(6):
        chat.say(kind="image")
    pictures = Push.objects.filter(kind="image")
    urls = [f"{LIST}{row_of(chat).pk}/file/u{push.pk}/" for push in pictures]
    go_on = Event()
    fault = chat.wechat.fault(MEDIA, times=None, until=go_on)
    done: list[int] = []

    def look(url: str) -> None:
        done.append(desk.get(url).status_code)

    looking = [in_a_thread(partial(look, url)) for url in urls]
    try:
        assert fault.arrived.wait(10)
        time.sleep(2 * bulkhead.PLACE_WITHIN)
        assert done == [503] * 2
    finally:
        go_on.set()
        for one in looking:
            one.result()
    assert sorted(done) == [200] * 4 + [503] * 2


@pytest.mark.django_db(transaction=True)
def test_wechat_is_asked_once_for_what_several_look_at(chat: Chat, desk: Client) -> None:
    chat.say(kind="image")
    url = f"{LIST}{row_of(chat).pk}/file/u{Push.objects.get(kind='image').pk}/"
    chat.wechat.fault(MEDIA, delay=1)
    answers = together([lambda: desk.get(url).status_code] * 4)
    assert answers == [200] * 4
    assert chat.wechat.count(MEDIA) == 1


def test_a_voice_message_is_a_file_to_keep(chat: Chat, desk: Client) -> None:
    chat.say(kind="voice")
    push = Push.objects.latest("pk")
    answer = desk.get(f"{LIST}{row_of(chat).pk}/file/u{push.pk}/")
    assert answer["Content-Disposition"] == 'attachment; filename="file.amr"'


def test_a_file_that_wechat_keeps_no_more_is_not_found(chat: Chat, desk: Client) -> None:
    chat.say(kind="image")
    push = Push.objects.latest("pk")
    chat.wechat.fault(MEDIA, errcode=40007)
    url = f"{LIST}{row_of(chat).pk}/file/u{push.pk}/"
    assert desk.get(url).status_code == 404
    for wrong in ("u0", "x1", "u1x", "r9"):
        assert desk.get(f"{LIST}{row_of(chat).pk}/file/{wrong}/").status_code == 404


# The list


def listed(desk: Client, query: str = "") -> list[str]:
    """The previews in the list."""
    answer = desk.get(f"{LIST}{query}")
    assert answer.status_code == 200
    found = answer.context["cl"].result_list
    return [row.preview for row in found]


def test_the_list_is_searched_and_filtered(chat: Chat, official: Chat, desk: Client) -> None:
    tea, paper = "Do you have oolong?", "Where is my paper?"
    assert listed(desk) == [paper, tea]
    assert listed(desk, f"?q={chat.account.appid}") == [tea]
    assert listed(desk, "?q=Tea") == [tea]
    assert listed(desk, f"?q={USER}") == [paper, tea]
    assert listed(desk, f"?q={USER[:-1]}") == []
    page(desk, chat)
    assert listed(desk, "?read=no") == [paper]
    Conversation.objects.filter(pk=row_of(chat).pk).update(left=0)
    assert listed(desk, "?window=open") == [paper]
    assert listed(desk, "?window=closed") == [tea]


def test_a_mini_programs_page_leads_to_its_conversations(
    chat: Chat, official: Chat, desk: Client
) -> None:
    there = f"/admin/miniprograms/authorizer/{chat.account.pk}/"
    assert f"{there}conversations/" in desk.get(f"{there}change/").content.decode()
    assert desk.get(f"{there}conversations/")["Location"] == f"{LIST}?q={chat.account.appid}"


def test_the_sidebar_counts_who_waits(chat: Chat, official: Chat, desk: Client) -> None:
    assert badge(desk) == "2"
    page(desk, chat)
    assert badge(desk) == "1"


def badge(desk: Client) -> str:
    groups = desk.get("/admin/").context["sidebar_navigation"]
    items = [item for group in groups for item in group["items"]]
    [item] = [item for item in items if item["link"] == LIST]
    return str(item.get("badge", ""))


def test_the_list_costs_the_same_however_long(
    chat: Chat, desk: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        Conversation.objects.create(authorizer=chat.account, openid=f"o{number}")
    with django_assert_max_num_queries(12):
        listed(desk)
    with django_assert_max_num_queries(16):
        page(desk, chat)


# Canned replies


def test_operators_keep_canned_replies(desk: Client, db: None) -> None:
    url = "/admin/messaging/cannedreply/add/"
    said = {"title": "Hours", "text": "We open at nine.", "position": "1", "authorizer": ""}
    assert desk.post(url, said).status_code == 302
    row = CannedReply.objects.get()
    assert (row.title, row.text, row.authorizer) == ("Hours", "We open at nine.", None)
    assert Operation.objects.get().action == "add_cannedreply"


def test_staff_without_the_permission_see_nothing(chat: Chat) -> None:
    plain = User.objects.create_user("plain", is_staff=True)
    plain.user_permissions.add(Permission.objects.get(codename="own_conversations"))
    client = Client()
    client.force_login(plain)
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{row_of(chat).pk}/change/").status_code == 403
