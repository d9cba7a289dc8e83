"""
What is sent as ext.json: values of template, tags, mini program and upload, layer over layer. It
is the same text through every door, and no door loses a value that another would have sent.
"""

import json
from collections.abc import Callable
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.models import Campaign, CodeTemplate, CodeVersion, ExtValues
from audits.services import campaigns
from audits.services.committing import commit_template
from audits.services.ext_values import save_values, values_of
from audits.services.templates import sync_templates
from miniprograms.models import Authorizer, Tag
from miniprograms.services.tagging import set_tags
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import clear_caches
from tests.rollouts import make_shops, make_template, states, work, work_and_wait
from tests.test_admin_code_acts import browser_of
from tests.test_api_authorizers import client_of

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/miniprograms/authorizer/"
JSON = "application/json"

steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def boss(db: None) -> User:
    user = User.objects.create_user("boss", password="boss-password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    return user


@pytest.fixture
def template(wechat: WeChat, ticket: str, component: Component) -> CodeTemplate:
    wechat.reviews.review_seconds = 0
    return make_template(wechat, component)


def sent_to(wechat: WeChat, shop: Authorizer) -> dict[str, Any]:
    """The ext.json that WeChat was sent last for SHOP."""
    trial = wechat.accounts[shop.appid].program.trial
    assert trial is not None
    members: dict[str, Any] = json.loads(trial.ext_json)
    return members


class Doors:
    """The four ways by which code is uploaded, as staff and other back ends use them."""

    def __init__(self, boss: User, template: CodeTemplate) -> None:
        self.boss, self.template = boss, template
        self.browser, self.api = browser_of(boss), client_of(boss)
        self.numbers = count(1)

    def form(self, upload: Any) -> dict[str, Any]:
        version = f"1.{next(self.numbers)}"
        texts = {"user_version": version, "user_desc": "x", "ext": json.dumps(upload)}
        return {"template": self.template.pk, "confirmed": "yes", **texts}

    def single(self, shops: list[Authorizer], upload: Any) -> None:
        for shop in shops:
            answer = self.browser.post(f"{LIST}{shop.pk}/code/commit/", self.form(upload))
            assert answer.status_code == 302, answer.context["form"].errors

    def bulk(self, shops: list[Authorizer], upload: Any) -> None:
        for begin in range(0, len(shops), 20):
            chosen = [shop.pk for shop in shops[begin : begin + 20]]
            fields = {"action": "upload_code", "_selected_action": chosen, **self.form(upload)}
            answer = self.browser.post(LIST, fields)
            assert answer.status_code == 302, answer.context["form"].errors

    def rest(self, shops: list[Authorizer], upload: Any) -> None:
        for shop in shops:
            body = {"template_id": self.template.template_id, "user_desc": "x"}
            body |= {"user_version": f"2.{next(self.numbers)}", "ext_json": upload}
            path = f"/api/v1/authorizers/{shop.appid}/versions/"
            clear_caches()  # of throttles
            answer = self.api.post(path, body, content_type=JSON)
            assert answer.status_code == 201, answer.content

    def campaign(self, shops: list[Authorizer], upload: Any) -> None:
        chosen = Authorizer.objects.filter(pk__in=[shop.pk for shop in shops])
        campaign = campaigns.create_campaign(
            self.template,
            chosen,
            by=self.boss,
            ext=upload,
            user_version=f"3.{next(self.numbers)}",
            user_desc="x",
            concurrency=len(shops),
        )
        campaigns.start_campaign(campaign, by=self.boss)
        work_and_wait(2)
        assert states(campaign) == {"passed": len(shops)}
        campaigns.stop_campaign(campaign, by=self.boss)


DOORS: dict[str, Callable[[Doors, list[Authorizer], Any], None]] = {
    "single": Doors.single,
    "bulk": Doors.bulk,
    "rest": Doors.rest,
    "campaign": Doors.campaign,
}
KEEPS = ("single", "rest")  # what these give is for one mini program

# No act loses a value that another would have sent

names = st.sampled_from(["shop", "theme", "茶/~", "a"])
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "绿", "x"])
inner = st.recursive(
    leaves | st.lists(leaves, max_size=2),
    lambda below: st.dictionaries(names, below, max_size=3),
    max_leaves=6,
)
layers = st.fixed_dictionaries(
    {},
    optional={
        "ext": st.dictionaries(names, inner, max_size=4),
        "window": st.dictionaries(names, leaves, max_size=2),
    },
)
keepers = st.sampled_from(["template", "tag a", "tag b", "own"])
acts = st.lists(
    st.tuples(keepers, layers) | st.tuples(st.sampled_from(list(DOORS)), layers | st.just({})),
    min_size=2,
    max_size=6,
)


def lay(below: Any, above: Any) -> Any:
    """One layer over the other, as plainly as can be."""
    if not isinstance(above, dict):
        return above
    below = below if isinstance(below, dict) else {}
    both = {name: lay(below.get(name), above[name]) for name in above if above[name] is not None}
    return {name: below[name] for name in below if name not in above} | both


@settings(steady, max_examples=25)
@given(acts=acts)
def test_no_act_loses_a_value_that_another_would_have_sent(
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    acts: list[tuple[str, dict[str, Any]]],
) -> None:
    doors = Doors(boss, template)
    [shop] = make_shops(wechat, component, 1)
    tags = {f"tag {word}": Tag.objects.create(name=f"{word} {shop.pk}") for word in "ba"}
    set_tags([shop], add=tags.values(), by=boss)
    owners: dict[str, Any] = {"template": template, "own": shop, **tags}
    kept: dict[str, Any] = dict.fromkeys(["template", "tag a", "tag b", "own"])
    save_values(template, {}, by=boss)
    for act, values in acts:
        if act in owners:
            row = save_values(owners[act], values, by=boss)
            kept[act] = values if row else None
            continue
        DOORS[act](doors, [shop], values)
        expected: Any = {"extEnable": True, "ext": {}}
        for layer in [*kept.values(), values]:
            expected = lay(expected, layer or {})
        assert sent_to(wechat, shop) == {**expected, "extAppid": shop.appid}
        first = {name: value for name, value in values.items() if (name, value) != ("ext", {})}
        if act in KEEPS and kept["own"] is None and first:
            kept["own"] = first


def test_two_hundred_have_each_its_own_through_every_door(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    shops = make_shops(wechat, component, 200)
    doors = Doors(boss, template)
    save_values(template, {"ext": {"theme": {"color": "red", "dark": False}}}, by=boss)
    for number, shop in enumerate(shops):
        save_values(shop, {"ext": {"shop": number, "theme": {"color": f"#{number}"}}}, by=boss)
    for begin, door in zip(range(0, 200, 50), DOORS.values(), strict=True):
        door(doors, shops[begin : begin + 50], {"ext": {"build": 7}})
    for number, shop in enumerate(shops):
        theme = {"color": f"#{number}", "dark": False}
        assert sent_to(wechat, shop)["ext"] == {"theme": theme, "shop": number, "build": 7}
        [version] = shop.versions.all()
        trial = wechat.accounts[shop.appid].program.trial
        assert version.ext_json == (trial and trial.ext_json)


# The layers


@pytest.fixture
def shop(wechat: WeChat, component: Component, template: CodeTemplate) -> Authorizer:
    [shop] = make_shops(wechat, component, 1)
    return shop


def test_tags_lie_over_one_another_by_their_names(
    wechat: WeChat, shop: Authorizer, template: CodeTemplate, boss: User
) -> None:
    tags = [Tag.objects.create(name=name) for name in ("zeta", "Alpha", "beta")]
    set_tags([shop], add=tags, by=boss)
    for tag in tags:
        save_values(tag, {"ext": {"who": tag.name, tag.name: [1, tag.pk]}}, by=boss)
    commit_template(shop, template, user_version="1", user_desc="x", by=boss)
    assert sent_to(wechat, shop)["ext"]["who"] == "zeta"
    assert list(sent_to(wechat, shop)["ext"]) == ["who", "Alpha", "beta", "zeta"]
    set_tags([shop], add=[], remove=tags[:1], by=boss)
    commit_template(shop, template, user_version="2", user_desc="x", by=boss)
    assert sent_to(wechat, shop)["ext"]["who"] == "beta"


def test_what_an_upload_gave_is_kept_only_once_wechat_has_it(
    wechat: WeChat, shop: Authorizer, template: CodeTemplate, boss: User
) -> None:
    doors, given_values = Doors(boss, template), {"ext": {"shop": 7}}
    wechat.fault("/wxa/commit", errcode=85013)
    doors.api.post(
        f"/api/v1/authorizers/{shop.appid}/versions/",
        {"template_id": template.template_id, "user_version": "1", "user_desc": "x"}
        | {"ext_json": given_values},
        content_type=JSON,
    )
    assert not ExtValues.objects.exists()
    doors.rest([shop], given_values)
    doors.campaign([shop], {})
    assert sent_to(wechat, shop)["ext"] == {"shop": 7}
    doors.rest([shop], {"ext": {"shop": 8}})
    doors.bulk([shop], {})
    assert sent_to(wechat, shop)["ext"] == {"shop": 7}


def test_a_change_is_a_new_version_with_who_and_when(
    shop: Authorizer, boss: User, staff: User
) -> None:
    save_values(shop, {"ext": {"shop": 1}}, by=boss)
    save_values(shop, {"ext": {"shop": 2, "new": "x"}}, by=staff)
    save_values(shop, {"ext": {"new": "x", "shop": 2}}, by=boss)  # nothing new
    versions = list(shop.ext_values.order_by("id").values_list("values", "by__username"))
    assert versions == [
        ({"ext": {"shop": 1}}, "boss"),
        ({"ext": {"shop": 2, "new": "x"}}, "operator"),
    ]
    log = Operation.objects.filter(action="set_ext_values").order_by("pk")
    assert [(row.appid, row.actor_name, row.result) for row in log] == [
        (shop.appid, "boss", "/ext/shop"),
        (shop.appid, "operator", "/ext/new /ext/shop"),
    ]


def test_the_template_that_follows_has_schema_and_defaults_of_the_one_before(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    CodeTemplate.objects.update(ext_schema={"type": "object"})
    save_values(template, {"ext": {"theme": "green"}}, by=boss)
    after = make_template(wechat, component, "3.0.0")
    assert after.ext_schema == {"type": "object"}
    assert after.ext_values.get().values == {"ext": {"theme": "green"}}
    save_values(after, {}, by=boss)
    sync_templates(component)
    assert after.ext_values.get(is_newest=True).values == {}


def test_what_was_uploaded_before_there_were_values_became_the_own_ones(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    doors, shops = Doors(boss, template), make_shops(wechat, component, 4)
    texts = [
        '{"extEnable": true, "extAppid": "wx1", "ext": {"shop": 7}, "window": {"x": 1}}',
        '{"extEnable": true, "extAppid": "wx1", "ext": {}}',
        '{"extEnable": false, "extAppid": "wx1", "ext": {}}',
    ]
    for shop, text in zip(shops, texts, strict=False):
        for sent, state in (("{}", "committed"), (text, "committed"), ("{}", "refused")):
            shop.versions.create(template=template, user_version="1", ext_json=sent, state=state)
    migration = import_module("audits.migrations.0004_first_ext_values")
    with connection.schema_editor() as editor:
        migration.keep_what_is_there(apps, editor)
    assert [getattr(values_of(shop), "values", None) for shop in shops] == [
        {"ext": {"shop": 7}, "window": {"x": 1}},
        None,
        {"extEnable": False},
        None,
    ]
    doors.campaign(shops, {})
    for shop, text in zip(shops, texts, strict=False):
        assert sent_to(wechat, shop) == json.loads(text) | {"extAppid": shop.appid}


# What the schema refuses

SCHEMA = {
    "type": "object",
    "properties": {
        "shop": {"type": "integer", "minimum": 1, "title": "Shop number"},
        "theme": {
            "type": "object",
            "properties": {
                "color": {"enum": ["red", "green"]},
                "dark": {"type": "boolean"},
                "title": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"},
                "ratio": {"type": "number"},
            },
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["shop"],
}


@pytest.fixture
def strict(template: CodeTemplate) -> CodeTemplate:
    template.ext_schema = SCHEMA
    template.save()
    return template


def test_a_campaign_fails_only_for_those_whose_values_the_schema_refuses(
    wechat: WeChat, component: Component, strict: CodeTemplate, boss: User
) -> None:
    good, bad = make_shops(wechat, component, 2)
    save_values(good, {"ext": {"shop": 1}}, by=boss)
    save_values(bad, {"ext": {"theme": {"title": "TITLE!"}}}, by=boss)
    campaign = campaigns.create_campaign(
        strict, Authorizer.objects.all(), by=boss, user_version="2", user_desc="x"
    )
    campaigns.start_campaign(campaign, by=boss)
    work()
    assert states(campaign) == {"in_review": 1, "failed": 1}
    reason = campaign.items.get(authorizer=bad).reason
    for words in ("/ext：", "shop", "/ext/theme/title", "5", "^[a-z]+$"):
        assert words in reason
    assert not CodeVersion.objects.filter(authorizer=bad).exists()


def test_a_campaign_that_nobody_could_have_is_not_made(
    shop: Authorizer, template: CodeTemplate, boss: User
) -> None:
    answer = browser_of(boss).post(
        "/admin/audits/campaign/add/",
        {
            "template": template.pk,
            "user_version": "2",
            "user_desc": "x",
            "ext": '{"nonsense": 1}',
            "canary_size": "0",
            "concurrency": "1",
            "most_failures": "10",
            "when_open": "wait",
        },
    )
    assert answer.context["form"].errors.keys() == {"ext"}
    assert not Campaign.objects.exists()


# REST


def ext_of(shop: Authorizer) -> str:
    return f"/api/v1/authorizers/{shop.appid}/ext/"


def test_rest_reads_and_replaces_the_own_values(
    shop: Authorizer, template: CodeTemplate, boss: User, merchant: User, other_merchant: User
) -> None:
    Authorizer.objects.update(owner=merchant)
    api = client_of(boss)
    assert api.get(ext_of(shop)).json() == {
        "ext": {},
        "members": {},
        "version": 0,
        "changed_at": None,
        "changed_by": None,
    }
    body: dict[str, Any] = {"ext": {"shop": 7}, "members": {"window": {"x": 1}}}
    first = api.put(ext_of(shop), body, content_type=JSON).json()
    assert first | {"version": 0, "changed_at": ""} == {
        **body,
        "version": 0,
        "changed_at": "",
        "changed_by": "boss",
    }
    second = api.put(ext_of(shop), {"ext": {"color": None}}, content_type=JSON).json()
    assert (second["ext"], second["members"]) == ({"color": None}, {"window": {"x": 1}})
    assert second["version"] > first["version"]
    assert client_of(merchant).get(ext_of(shop)).json() == second
    assert client_of(merchant).put(ext_of(shop), body, content_type=JSON).status_code == 403
    assert client_of(other_merchant).get(ext_of(shop)).status_code == 404
    assert Operation.objects.filter(action="set_ext_values", appid=shop.appid).count() == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ext": []},
        {"ext": None},
        {"ext": {"a": "\0"}},
        {"ext": {}, "shop": 7},
        {"ext": {}, "members": {"nonsense": {}}},
        {"ext": {"a": "x" * 100_001}},
    ],
)
def test_rest_refuses_what_is_no_layer_of_ext_json(
    shop: Authorizer, boss: User, body: dict[str, Any]
) -> None:
    answer = client_of(boss).put(ext_of(shop), body, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not ExtValues.objects.exists()


def test_rest_names_what_the_schema_of_the_template_refuses(
    shop: Authorizer, strict: CodeTemplate, boss: User
) -> None:
    commit_template(
        shop, strict, user_version="1", user_desc="x", by=boss, ext={"ext": {"shop": 1}}
    )
    body = {"ext": {"shop": "seven", "theme": {"color": "blue"}}}
    answer = client_of(boss).put(ext_of(shop), body, content_type=JSON)
    assert answer.status_code == 400
    assert answer.json()["fields"] == {
        "ext": [
            "/ext/shop: it must be a whole number",
            "/ext/theme/color: it must be one of 'red', 'green'",
        ]
    }


def test_values_of_an_account_without_code_are_refused(shop: Authorizer, boss: User) -> None:
    Authorizer.objects.update(kind="official_account")
    answer = client_of(boss).put(ext_of(shop), {"ext": {}}, content_type=JSON)
    assert answer.json()["fields"] == {"ext": ["Only mini programs have an ext.json."]}


def test_staff_without_the_right_read_only(shop: Authorizer, client: Client) -> None:
    user = User.objects.create_user("reader", is_staff=True)
    user.groups.set(Group.objects.filter(name="releasers"))
    api = client_of(user)
    assert api.get(ext_of(shop)).status_code == 200
    assert api.put(ext_of(shop), {"ext": {}}, content_type=JSON).status_code == 403
