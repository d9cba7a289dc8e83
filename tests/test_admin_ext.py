"""The pages of values of ext.json: edited, looked at beforehand, imported and exported by staff."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audits.models import CodeTemplate, ExtValues
from audits.services.committing import commit_template
from audits.services.ext_values import save_values, values_of
from miniprograms.models import Authorizer, Tag
from miniprograms.services.tagging import set_tags
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.rollouts import make_campaign, make_shops, make_template, work
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_ext_values import SCHEMA, sent_to

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

LIST = "/admin/miniprograms/authorizer/"
IMPORT = f"{LIST}import-ext/"


@pytest.fixture
def template(wechat: WeChat, ticket: str, component: Component) -> CodeTemplate:
    return make_template(wechat, component)


@pytest.fixture
def shops(wechat: WeChat, component: Component, template: CodeTemplate) -> list[Authorizer]:
    return make_shops(wechat, component, 3)


@pytest.fixture
def shop(shops: list[Authorizer]) -> Authorizer:
    return shops[0]


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def page_of(owner: Any) -> str:
    match owner:
        case Authorizer():
            return f"{LIST}{owner.pk}/code/ext/"
        case Tag():
            return f"/admin/miniprograms/tag/{owner.pk}/ext/"
        case _:
            return f"/admin/audits/codetemplate/{owner.pk}/ext/"


def values_now(owner: Any) -> Any:
    row = values_of(owner)
    return row and row.values


def post_values(browser: Client, owner: Any, values: Any, **more: Any) -> Any:
    fields = {"values": json.dumps(values), "seen": getattr(values_of(owner), "pk", 0), **more}
    return browser.post(page_of(owner), fields)


# One at a time


def test_the_values_of_each_layer_are_edited_on_a_page_of_their_own(
    browser: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate, staff: User
) -> None:
    tag = Tag.objects.create(name="tea")
    set_tags([shop], add=[tag], by=staff)
    for owner, name in ((template, "template"), (tag, "tag"), (shop, "own")):
        assert browser.get(page_of(owner)).status_code == 200
        answer = post_values(browser, owner, {"ext": {name: True, "top": name}})
        assert answer.status_code == 302, answer.context["form"].errors
    commit_template(shop, template, user_version="1", user_desc="x", by=staff)
    assert sent_to(wechat, shop)["ext"] == {
        "template": True,
        "tag": True,
        "own": True,
        "top": "own",
    }
    page = text_of(browser.get(page_of(shop)))
    for words in ("the template&#x27;s defaults", "tag tea", "/ext/top", "operator"):
        assert words in page
    log = Operation.objects.filter(action="set_ext_values").values_list("appid", "result")
    assert (shop.appid, "/ext/own /ext/top") in log
    assert ("", "tag tea: /ext/tag /ext/top") in log


def test_a_preview_shows_who_would_be_sent_what_and_saves_nothing(
    browser: Client, shops: list[Authorizer], template: CodeTemplate, staff: User
) -> None:
    tag = Tag.objects.create(name="tea")
    set_tags(shops[:2], add=[tag], by=staff)
    save_values(shops[0], {"ext": {"theme": "own"}}, by=staff)
    page = text_of(post_values(browser, tag, {"ext": {"theme": "tags"}}, preview="yes"))
    assert shops[1].appid in page
    assert shops[2].appid not in page
    assert page.count("<td>&quot;tags&quot;</td>") == 1  # the own value lies over the tag's
    assert "nothing changes" in page
    assert values_of(tag) is None


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(
    browser: Client, shop: Authorizer, staff: User
) -> None:
    save_values(shop, {"ext": {"a": 1}}, by=staff)
    answer = post_values(browser, shop, {"ext": {"b": 2}}, seen=0)
    assert "Somebody else has changed these values" in text_of(answer)
    assert values_now(shop) == {"ext": {"a": 1}}


@pytest.mark.parametrize(
    "text", ["[1]", "{", '{"nonsense": 1}', '{"ext": 1}', '{"ext": {"a": NaN}}']
)
def test_what_is_no_layer_of_ext_json_is_told_at_the_form(
    browser: Client, shop: Authorizer, text: str
) -> None:
    answer = browser.post(page_of(shop), {"values": text, "seen": 0})
    assert answer.context["form"].errors.keys() == {"values"}
    assert not ExtValues.objects.exists()


def test_looking_needs_less_than_editing(shop: Authorizer, template: CodeTemplate) -> None:
    user = User.objects.create_user("reader", is_staff=True)
    user.groups.set(Group.objects.filter(name="releasers"))
    reader = browser_of(user)
    for owner in (shop, template):
        page = reader.get(page_of(owner))
        assert (page.status_code, page.context["form"]) == (200, None)
        assert post_values(reader, owner, {"ext": {"a": 1}}).status_code == 403
    assert reader.get(IMPORT).status_code == 403
    assert not ExtValues.objects.exists()


def test_a_tag_that_gives_values_is_not_deleted(browser: Client, staff: User) -> None:
    tag, other = Tag.objects.create(name="tea"), Tag.objects.create(name="cake")
    save_values(tag, {"ext": {"a": 1}}, by=staff)
    for row in (tag, other):
        browser.post(f"/admin/miniprograms/tag/{row.pk}/delete/", {"post": "yes"})
    assert list(Tag.objects.all()) == [tag]


# By the form of a schema


@pytest.fixture
def strict(browser: Client, shop: Authorizer, template: CodeTemplate, staff: User) -> CodeTemplate:
    """The template with a schema, uploaded to the shop."""
    change = f"/admin/audits/codetemplate/{template.pk}/change/"
    answer = browser.post(change, {"notes": "", "ext_schema": json.dumps(SCHEMA)})
    assert answer.status_code == 302, answer.context["errors"]
    template.refresh_from_db()
    save_values(template, {"ext": {"theme": {"color": "red"}}}, by=staff)
    first = {"ext": {"shop": 7, "other": [1]}, "window": {"x": 1}}
    commit_template(shop, template, user_version="1", user_desc="x", by=staff, ext=first)
    return template


def fields_of(answer: Any) -> dict[str, Any]:
    form = answer.context["form"]
    return {field.html_name: "" if field.value() is None else field.value() for field in form}


def test_a_form_is_made_of_the_schema(
    browser: Client, shop: Authorizer, strict: CodeTemplate
) -> None:
    page = browser.get(page_of(shop))
    fields = fields_of(page)
    assert fields.keys() == {
        "seen",
        "/ext/shop",
        *(f"/ext/theme/{name}" for name in ("color", "dark", "title", "ratio")),
        "/ext/tags",
    }
    assert fields["/ext/shop"] == 7
    for words in ("Shop number", "theme › color", "Empty: &quot;red&quot;"):
        assert words in text_of(page)
    fields |= {
        "/ext/shop": "8",
        "/ext/theme/color": '"green"',
        "/ext/theme/dark": "false",
        "/ext/theme/ratio": "1.5",
        "/ext/tags": '["a"]',
    }
    assert browser.post(page_of(shop), fields).status_code == 302
    theme = {"color": "green", "dark": False, "ratio": 1.5}
    ext = {"shop": 8, "other": [1], "theme": theme, "tags": ["a"]}
    assert values_now(shop) == {"ext": ext, "window": {"x": 1}}
    fields = fields_of(browser.get(page_of(shop)))
    assert (fields["/ext/theme/dark"], fields["/ext/theme/color"]) == ("false", '"green"')
    emptied = {name: "" for name in fields if name.startswith("/ext/theme") or name == "/ext/tags"}
    assert browser.post(page_of(shop), fields | emptied).status_code == 302
    assert values_now(shop) == {"ext": {"shop": 8, "other": [1]}, "window": {"x": 1}}


def test_what_the_schema_refuses_is_named(
    browser: Client, shop: Authorizer, strict: CodeTemplate
) -> None:
    before = values_now(shop)
    fields = fields_of(browser.get(page_of(shop)))
    answer = browser.post(page_of(shop), fields | {"/ext/shop": "", "/ext/tags": "[1]"})
    page = text_of(answer)
    assert "/ext: it lacks shop" in page
    assert "/ext/tags/0: it must be a text" in page
    raw = f"{page_of(shop)}?raw=1"
    answer = browser.post(raw, {"values": '{"ext": {"shop": 0}}', "seen": fields["seen"]})
    assert "/ext/shop: it must be at least 1" in text_of(answer)
    assert values_now(shop) == before


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {"type": "nonsense"},
        {"properties": {"a": {"$ref": "https://example.com/schema.json"}}},
        {"$ref": "#/nowhere"},
        {"properties": 1},
    ],
)
def test_what_is_no_schema_is_refused(browser: Client, template: CodeTemplate, schema: Any) -> None:
    change = f"/admin/audits/codetemplate/{template.pk}/change/"
    answer = browser.post(change, {"notes": "", "ext_schema": json.dumps(schema)})
    assert "ext_schema" in answer.context["adminform"].form.errors
    template.refresh_from_db()
    assert template.ext_schema == {}


# Before it is sent


def test_an_upload_shows_the_exact_text_and_its_difference_beforehand(
    browser: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate, staff: User
) -> None:
    first = {"ext": {"shop": 7, "old": True}}
    commit_template(shop, template, user_version="1", user_desc="x", by=staff, ext=first)
    save_values(shop, {"ext": {"shop": 8}}, by=staff)
    url = f"{LIST}{shop.pk}/code/commit/"
    form = {"template": template.pk, "user_version": "2", "user_desc": "x", "ext": "{}"}
    page = browser.post(url, {**form, "preview": "yes"})
    exact = json.dumps({"extEnable": True, "extAppid": shop.appid, "ext": {"shop": 8}})
    assert exact.replace('"', "&quot;") in text_of(page)
    for words in ("<td>/ext/shop</td><td>7</td><td>8</td>", "<td>/ext/old</td><td>true</td>"):
        assert words in text_of(page)
    assert wechat.count("/wxa/commit") == 1
    assert browser.post(url, form).status_code == 302
    trial = wechat.accounts[shop.appid].program.trial
    assert trial
    assert trial.ext_json == exact


def test_a_bulk_upload_and_a_campaign_show_it_too(
    browser: Client, shops: list[Authorizer], template: CodeTemplate, staff: User
) -> None:
    for number, shop in enumerate(shops):
        save_values(shop, {"ext": {"shop": number}}, by=staff)
    form = {"template": template.pk, "user_version": "2", "user_desc": "x", "ext": "{}"}
    chosen = {"action": "upload_code", "_selected_action": [shop.pk for shop in shops]}
    assert browser.post(LIST, chosen).status_code == 200
    page = text_of(browser.post(LIST, {**chosen, **form, "confirmed": "yes", "preview": "yes"}))
    for number in range(3):
        assert f"&quot;shop&quot;: {number}" in page
    campaign = make_campaign(template, staff, ext={"ext": {"theme": "green"}})
    item = campaign.items.get(authorizer=shops[2])
    address = f"/admin/audits/campaignitem/{item.pk}/change/"
    for words in ("&quot;shop&quot;: 2", "&quot;green&quot;"):
        assert words in text_of(browser.get(address))
    work()
    assert "&quot;shop&quot;: 2" in text_of(browser.get(address))


# Many at once


def edit(browser: Client, shops: list[Authorizer], **fields: Any) -> Any:
    chosen = {"action": "set_ext_values", "_selected_action": [shop.pk for shop in shops]}
    return browser.post(LIST, {**chosen, "values": "{}", "drop": "", **fields}, follow=True)


def test_the_own_values_of_many_change_together(
    browser: Client, shops: list[Authorizer], staff: User
) -> None:
    for number, shop in enumerate(shops):
        save_values(shop, {"ext": {"shop": number, "old": 1, "theme": {"a": 1}}}, by=staff)
    change = {"values": '{"ext": {"theme": {"b": null}}}', "drop": "/ext/old\n/ext/nowhere"}
    assert edit(browser, shops[:2]).status_code == 200
    page = text_of(edit(browser, shops[:2], **change, confirmed="yes", preview="yes"))
    assert page.count("<td>/ext/old</td><td>1</td><td>–</td>") == 2
    assert values_now(shops[0])["ext"]["old"] == 1
    page = text_of(edit(browser, shops[:2], **change, confirmed="yes"))
    assert "2 mini programs have new values." in page
    for number, shop in enumerate(shops[:2]):
        assert values_now(shop) == {"ext": {"shop": number, "theme": {"a": 1, "b": None}}}
    assert values_now(shops[2])["ext"]["old"] == 1
    assert "Nothing would change." in text_of(edit(browser, shops, confirmed="yes"))
    page = text_of(edit(browser, shops, drop="ext/old", confirmed="yes"))
    assert "A path looks like /ext/shop, not like ext/old" in page


def test_if_the_schema_refuses_one_none_is_changed(
    browser: Client, shops: list[Authorizer], strict: CodeTemplate
) -> None:
    shop, other, _third = shops
    page = text_of(edit(browser, [shop, other], values='{"ext": {"shop": "x"}}', confirmed="yes"))
    assert f"{shop.appid}: /ext/shop: it must be a whole number" in page
    assert values_of(other) is None


def export(browser: Client, shops: list[Authorizer], kind: str) -> str:
    chosen = {"action": f"export_ext_{kind}", "_selected_action": [shop.pk for shop in shops]}
    answer = browser.post(LIST, chosen)
    assert answer["Content-Disposition"].startswith("attachment")
    return b"".join(answer).decode()


def send(browser: Client, text: str, **fields: Any) -> Any:
    file = SimpleUploadedFile("values", text.encode())
    return browser.post(IMPORT, {"file": file, "text": "", **fields}, follow=True)


STRANGE = {
    "ext": {
        "number": -5,
        "text": "7",
        "formula": "=1+1",
        "quoted": "'x",
        "blank": " a ",
        "empty": "",
        "none": None,
        "list": [1, {"a": "茶"}],
        "object": {},
        "a/b~c": {"deep": True},
    },
    "window": {"title": "茶"},
}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_is_exported_is_what_an_import_restores(
    browser: Client, shops: list[Authorizer], staff: User, kind: str
) -> None:
    save_values(shops[0], STRANGE, by=staff)
    save_values(shops[1], {"ext": {"shop": 1}}, by=staff)
    text = export(browser, shops, kind)
    save_values(shops[0], {"ext": {"other": 1}}, by=staff)
    save_values(shops[1], {"ext": {"shop": 2}}, by=staff)
    page = text_of(send(browser, text, replaces="on", preview="yes"))
    assert "<td>/ext/shop</td><td>2</td><td>1</td>" in page
    assert values_now(shops[1]) == {"ext": {"shop": 2}}
    page = text_of(send(browser, text, replaces="on"))
    assert "2 mini programs have new values." in page
    assert values_now(shops[0]) == STRANGE
    assert values_now(shops[1]) == {"ext": {"shop": 1}}
    assert values_of(shops[2]) is None


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_a_file_does_not_name_stays(
    browser: Client, shop: Authorizer, staff: User, kind: str
) -> None:
    save_values(shop, {"ext": {"shop": 1, "theme": {"a": 1}}}, by=staff)
    text = {
        "csv": f"appid,path,value,json\n{shop.appid},/ext/theme/b,x,\n",
        "json": json.dumps({shop.appid: {"ext": {"theme": {"b": "x"}}}}),
    }[kind]
    preview = send(browser, text, preview="yes")
    kept = preview.context["form"]["text"].value()  # as the page sends it again
    answer = browser.post(IMPORT, {"text": kept}, follow=True)
    assert "1 mini programs have new values." in text_of(answer)
    assert values_now(shop) == {"ext": {"shop": 1, "theme": {"a": 1, "b": "x"}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The submitted file is empty."),
        ("appid,value\nx,y\n", "The file lacks the columns path."),
        ("appid,path,value\nwxnobody,/ext/a,1\n", "These are no mini programs of this platform"),
        ("appid,path,value\nAPPID,ext/a,1\n", "Line 2: A path looks like /ext/shop"),
        ("appid,path,json\nAPPID,/ext/a,{\n", "Line 2: This is no JSON: {"),
        ("appid,path,value\nAPPID,/ext/a,1\nAPPID,/ext/a,2\n", "Line 3: /ext/a is there twice."),
        ("appid,path,value\nAPPID,/nonsense/a,1\n", "ext.json has no such members: nonsense"),
        ("appid,path,value\n", "The file names no mini program."),
        ("{", "This is no JSON"),
        ('{"APPID": 1}', "These appids have no object: "),
    ],
)
def test_a_file_that_makes_no_sense_is_told_by_line(
    browser: Client, shop: Authorizer, text: str, words: str
) -> None:
    page = text_of(send(browser, text.replace("APPID", shop.appid)))
    assert words in page
    assert not ExtValues.objects.exists()
