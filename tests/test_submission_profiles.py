"""What is submitted with code: kept for templates and mini programs, the same from every door."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from audits.models import CodeAudit, SubmissionFile, SubmissionMedia, SubmissionProfile
from audits.problems import BadSubmission, PreflightFailed, ValuesChanged
from audits.services import templates
from audits.services.preflight.checking import preflight_of
from audits.services.submission_files import keep_file
from audits.services.submission_profiles import profile_of, save_profile
from platform_auth.models import Component, Operation
from tests.desk import SUBMIT, Desk
from tests.desk import desk as desk
from tests.rollouts import make_campaign, make_template, work_and_wait
from tests.test_api_authorizers import client_of
from wechat.errors import Refused

pytestmark = pytest.mark.django_db

UPLOAD = "/wxa/uploadmedia"
PNG, FILM = b"\x89PNG\r\n\x1a\n" + b"p" * 50, b"\0\0\0\x18ftypmp42" + b"f" * 50
DINING = {"first": "餐饮", "second": "点餐平台"}
JSON = "application/json"


def own_category(desk: Desk, number: int = 0) -> dict[str, Any]:
    account = desk.wechat.accounts[desk.shop.appid]
    category: dict[str, Any] = account.review_categories()[number]
    return category


def submitted(desk: Desk) -> dict[str, Any]:
    """What WeChat was sent with the newest submission."""
    submission: dict[str, Any] = desk.program.audits[-1].submission
    return submission


# Layers


def test_a_mini_programs_own_lie_over_its_templates_and_this_submissions_over_both(
    desk: Desk,
) -> None:
    shared = {"version_desc": "Improvements", "order_path": "pages/order/list"}
    save_profile(desk.template, {**shared, "privacy_api_not_use": True}, by=desk.staff)
    save_profile(desk.shop, {"version_desc": "More tea"}, by=desk.staff)
    audit = desk.submit(fields={"order_path": None})
    assert audit.fields == {"version_desc": "More tea", "privacy_api_not_use": True}
    assert submitted(desk) == audit.fields
    desk.judge("pass")
    desk.settle()
    again = desk.submit("1.0.1", fields={"version_desc": "Cake"})
    assert again.fields == {**shared, "version_desc": "Cake", "privacy_api_not_use": True}


def test_each_change_is_a_version_with_who_and_when(desk: Desk) -> None:
    first = save_profile(desk.shop, {"version_desc": "a"}, by=desk.staff, seen=0)
    assert first
    assert save_profile(desk.shop, {"version_desc": "a"}, by=None) == first
    with pytest.raises(ValuesChanged):
        save_profile(desk.shop, {"version_desc": "b"}, by=None, seen=0)
    save_profile(desk.shop, {}, by=None, seen=first.pk)
    assert [row.fields for row in SubmissionProfile.objects.order_by("id")] == [
        {"version_desc": "a"},
        {},
    ]
    log = Operation.objects.filter(action="set_submission_profile").order_by("id")
    assert [row.result for row in log] == ["version_desc"] * 2


def test_a_new_template_of_the_same_source_takes_the_profile_over(
    desk: Desk, component: Component
) -> None:
    save_profile(desk.template, {"version_desc": "Improvements"}, by=desk.staff)
    newer = make_template(desk.wechat, component, "3.0.0")
    kept = profile_of(newer)
    assert kept
    assert kept.fields == {"version_desc": "Improvements"}
    draft = desk.wechat.upload_draft(source_appid="wx00000000000000ff")
    templates.add_template(component, draft.draft_id, by=None)
    other = type(desk.template).objects.order_by("-template_id")[0]
    assert profile_of(other) is None


def test_an_answer_to_a_rejection_goes_out_after_one_only(desk: Desk) -> None:
    save_profile(desk.template, {"feedback_info": "A test account is in the notes."}, by=None)
    assert desk.submit().fields == {}
    desk.judge("reject")
    desk.settle()
    assert desk.submit("1.0.1").fields == {"feedback_info": "A test account is in the notes."}


# Categories


def test_a_templates_page_is_offered_in_a_category_that_the_mini_program_has(desk: Desk) -> None:
    page = {"address": "pages/index/index", "title": "Home", "tag": "tea"}
    dining = {"first_class": "餐饮", "second_class": "点餐平台"}
    save_profile(desk.template, {"item_list": [{**page, **dining}, {"title": "Bare"}]}, by=None)
    assert desk.submit().fields["item_list"] == [
        {**own_category(desk), **page},
        {**own_category(desk), "title": "Bare"},
    ]
    desk.judge("pass")
    desk.settle()
    desk.wechat.accounts[desk.shop.appid].categories.append(DINING)
    cache.clear()
    assert desk.submit("1.0.1").fields["item_list"] == [
        {**own_category(desk, 1), **page},
        {**own_category(desk), "title": "Bare"},
    ]


def test_what_was_chosen_for_the_mini_program_itself_stays_and_is_held_back(desk: Desk) -> None:
    mistaken = {**own_category(desk), "first_id": 1}
    save_profile(desk.shop, {"item_list": [mistaken]}, by=None)
    with pytest.raises(PreflightFailed) as caught:
        desk.submit()
    assert [check.code for check in caught.value.checks] == ["item_categories"]


def test_where_wechat_names_no_category_it_chooses_the_pages_itself(desk: Desk) -> None:
    save_profile(desk.template, {"item_list": [{"title": "Home"}]}, by=None)
    desk.wechat.fault("/wxa/get_category", times=None, errcode=-1)
    assert desk.submit().fields == {}


# Files


def test_a_file_goes_to_wechat_once_for_each_mini_program_and_again_in_time(
    desk: Desk, bound: Any
) -> None:
    picture, film = keep_file(PNG, "shop.png", by=desk.staff), keep_file(FILM, "", by=desk.staff)
    assert keep_file(PNG, "again.png", by=desk.staff) == picture
    fields = {"preview_files": [picture.pk, film.pk], "feedback_files": [picture.pk]}
    save_profile(desk.template, fields, by=desk.staff)
    preview = desk.submit().fields["preview_info"]
    assert (len(preview["pic_id_list"]), len(preview["video_id_list"])) == (1, 1)
    assert desk.done(UPLOAD) == 2
    desk.judge("reject")
    desk.settle()
    again = desk.submit("1.0.1").fields
    assert again == {"preview_info": preview, "feedback_stuff": preview["pic_id_list"][0]}
    assert desk.done(UPLOAD) == 2
    desk.judge("pass")
    desk.settle()
    SubmissionMedia.objects.update(uploaded_at=timezone.now() - timedelta(days=2, hours=13))
    assert desk.submit("1.0.2").fields["preview_info"] != preview
    assert desk.done(UPLOAD) == 4
    desk.shop = bound(nick_name="Book shop")
    desk.submit()
    assert desk.done(UPLOAD) == 2
    assert SubmissionMedia.objects.count() == 4


def test_what_wechat_has_forgotten_is_uploaded_again(desk: Desk) -> None:
    picture = keep_file(PNG, "shop.png", by=desk.staff)
    save_profile(desk.template, {"preview_files": [picture.pk]}, by=desk.staff)
    desk.wechat.fault(SUBMIT, errcode=85092)
    with pytest.raises(Refused):
        desk.submit()
    assert desk.submit(None).status == CodeAudit.Status.IN_REVIEW
    assert desk.done(UPLOAD) == 2


def test_a_media_id_that_is_too_old_is_held_back(desk: Desk) -> None:
    picture = keep_file(PNG, "shop.png", by=desk.staff)
    desk.commit()
    SubmissionMedia.objects.create(
        file=picture,
        authorizer=desk.shop,
        media_id="m-old",
        uploaded_at=timezone.now() - timedelta(days=4),
    )
    preview = {"preview_info": {"pic_id_list": ["m-old"]}}
    with pytest.raises(PreflightFailed) as caught:
        desk.submit(None, fields=preview)
    assert [check.code for check in caught.value.checks] == ["media"]
    desk.staff.user_permissions.add(Permission.objects.get(codename="submit_despite_preflight"))
    desk.staff = User.objects.get(pk=desk.staff.pk)
    with pytest.raises(Refused) as refused:
        desk.submit(None, fields=preview, despite="who knows")
    assert refused.value.errcode == 85092


@pytest.mark.parametrize(
    "content", [b"", b"GIF7", b"%PDF-1.7", PNG + b"p" * 2**21, FILM + bytes(10 * 2**20)]
)
def test_what_wechat_would_not_take_is_not_kept(desk: Desk, content: bytes) -> None:
    with pytest.raises(BadSubmission):
        keep_file(content, "x.png", by=desk.staff)
    assert not SubmissionFile.objects.exists()


def test_a_file_that_is_not_here_cannot_be_named(desk: Desk) -> None:
    with pytest.raises(BadSubmission):
        save_profile(desk.shop, {"preview_files": [7]}, by=None)
    with pytest.raises(BadSubmission):
        save_profile(desk.shop, {"nonsense": 7}, by=None)


# What the code needs


def test_a_server_domain_that_the_code_needs_is_missed(desk: Desk) -> None:
    needed = "https://api.example.com"
    template = desk.wechat.component.library.templates[desk.template.template_id]
    template.draft.domains = (needed,)
    save_profile(desk.template, {"needs": {"domains": [needed]}}, by=desk.staff)
    desk.commit()
    [check] = preflight_of(desk.shop).failing
    assert (check.code, check.who) == ("domains", "staff")
    assert needed in check.detail
    desk.program.domains["direct"] = {"requestdomain": [needed]}
    assert preflight_of(desk.shop).ok
    desk.wechat.reviews.review_seconds = 0
    assert desk.submit(None).fields == {}


def test_reviewers_reject_pages_without_their_domains(desk: Desk) -> None:
    template = desk.wechat.component.library.templates[desk.template.template_id]
    template.draft.domains = ("https://api.example.com",)
    desk.wechat.reviews.review_seconds = 0
    audit = desk.submit()  # nobody has recorded what the code needs
    desk.wechat.reviews.judge_due()
    desk.deliver()
    audit.refresh_from_db()
    assert audit.status == CodeAudit.Status.REJECTED
    assert "服务器域名" in audit.reason


def test_a_mini_program_that_the_code_opens_must_be_declared(desk: Desk) -> None:
    other = "wx00000000000000ab"
    template = desk.wechat.component.library.templates[desk.template.template_id]
    template.draft.opens = (other,)
    save_profile(desk.template, {"needs": {"opens": [other]}}, by=desk.staff)
    desk.commit(ext={"navigateToMiniProgramAppIdList": ["wx00000000000000cd"]})
    assert [check.code for check in preflight_of(desk.shop).failing] == ["opened_programs"]
    desk.staff.user_permissions.add(Permission.objects.get(codename="submit_despite_preflight"))
    desk.staff = User.objects.get(pk=desk.staff.pk)
    with pytest.raises(Refused) as refused:
        desk.submit(None, despite="let us see")
    assert refused.value.errcode == 85087
    desk.commit("1.0.1", ext={"navigateToMiniProgramAppIdList": [other]})
    assert preflight_of(desk.shop).ok
    desk.submit(None)


# From every door


@pytest.mark.django_db(transaction=True)
def test_campaigns_and_bulk_submit_send_it(desk: Desk, bound: Any) -> None:
    picture = keep_file(PNG, "shop.png", by=desk.staff)
    fields = {"preview_files": [picture.pk], "order_path": "pages/order/list", "version_desc": "x"}
    save_profile(desk.template, fields, by=desk.staff)
    boss = User.objects.create_superuser("boss")
    make_campaign(desk.template, boss, user_desc="第二版")
    work_and_wait(2)
    assert submitted(desk)["version_desc"] == "第二版"
    assert submitted(desk)["order_path"] == "pages/order/list"
    assert len(submitted(desk)["preview_info"]["pic_id_list"]) == 1
    desk.shop = bound(nick_name="Book shop")
    desk.commit()
    chosen = {"action": "submit_code", "_selected_action": [desk.shop.pk], "confirmed": "yes"}
    browser_of(desk.staff).post("/admin/miniprograms/authorizer/", chosen)
    assert submitted(desk)["version_desc"] == "x"
    assert len(submitted(desk)["preview_info"]["pic_id_list"]) == 1


def test_by_rest_it_is_kept_and_sent(desk: Desk) -> None:
    key = client_of(desk.staff)
    upload = {"file": SimpleUploadedFile("shop.png", PNG, "text/html")}
    made = key.post("/api/v1/submission-files/", upload)
    assert (made.status_code, made.json()["kind"]) == (201, "image/png")
    bad = key.post("/api/v1/submission-files/", {"file": SimpleUploadedFile("x.png", b"hello")})
    assert (bad.status_code, list(bad.json()["fields"])) == (400, ["file"])
    number = made.json()["id"]
    shared = f"/api/v1/templates/{desk.template.template_id}/submission-profile/"
    own = f"/api/v1/authorizers/{desk.shop.appid}/submission-profile/"
    body: dict[str, Any] = {"item_list": [{"title": "Home"}], "preview_files": [number]}
    put = key.put(shared, json.dumps(body), content_type=JSON)
    assert (put.status_code, put.json()["fields"]) == (200, body)
    assert put.json()["changed_by"] == "operator"
    assert key.get(shared).json() == put.json()
    assert key.get(own).json()["version"] == 0
    for wrong in ({"preview_files": [10**6]}, {"nonsense": 1}, {"needs": {"domains": ["a b"]}}):
        assert key.put(own, json.dumps(wrong), content_type=JSON).status_code == 400
    mine = {"version_desc": "Tea", "needs": {"domains": ["https://api.example.com"]}}
    assert key.put(own, json.dumps(mine), content_type=JSON).json()["fields"] == mine
    desk.program.domains["direct"] = {"requestdomain": ["https://api.example.com"]}
    desk.commit()
    audits = f"/api/v1/authorizers/{desk.shop.appid}/audits/"
    assert key.post(audits, {"preview_files": [10**6]}, content_type=JSON).status_code == 400
    assert key.post(audits, {"order_path": "a/b"}, content_type=JSON).status_code == 201
    sent = submitted(desk)
    assert sent["item_list"] == [{**own_category(desk), "title": "Home"}]
    assert (sent["version_desc"], sent["order_path"]) == ("Tea", "a/b")
    assert len(sent["preview_info"]["pic_id_list"]) == 1


def browser_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def filled(form: Any) -> dict[str, Any]:
    """What a browser posts of FORM as it is shown."""
    data = {field.html_name: field.value() for field in form}
    shown = {name: value for name, value in data.items() if value not in (None, [], "")}
    return {name: value for name, value in shown.items() if value is not False}


def test_staff_edit_it_for_a_template_and_for_one_mini_program(desk: Desk) -> None:
    browser = browser_of(desk.staff)
    page = f"/admin/audits/codetemplate/{desk.template.pk}/submission/"
    form = {
        **filled(browser.get(page).context["form"]),
        "version_desc": "Improvements",
        "item1-title": "Home",
        "item1-category": "餐饮 › 点餐平台",
        "preview_new": [SimpleUploadedFile("a.png", PNG), SimpleUploadedFile("b.mp4", FILM)],
        "needs_domains": "https://api.example.com\nwss://api.example.com",
        "needs_opens": "",
    }
    assert browser.post(page, form).status_code == 302
    kept = profile_of(desk.template)
    assert kept
    assert kept.fields == {
        "item_list": [{"first_class": "餐饮", "second_class": "点餐平台", "title": "Home"}],
        "version_desc": "Improvements",
        "preview_files": list(SubmissionFile.objects.order_by("id").values_list("id", flat=True)),
        "needs": {"domains": ["https://api.example.com", "wss://api.example.com"]},
    }
    shown = browser.get(page)
    assert filled(shown.context["form"])["preview_kept"] == kept.fields["preview_files"]
    assert "餐饮 › 点餐平台" in shown.content.decode()
    [picture, film] = kept.fields["preview_files"]
    address = f"/admin/miniprograms/authorizer/submission-files/{picture}/"
    assert address in shown.content.decode()
    assert browser.get(address).content == PNG
    del form["preview_new"]
    stale = browser.post(page, {**form, "version_desc": "Other"})
    assert "Somebody else has changed" in stale.content.decode()
    own = f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/submission/"
    desk.commit()
    assert "Improvements" in browser.get(own).content.decode()  # the template's, below
    mine = {**filled(browser.get(own).context["form"]), "version_desc": "Tea"}
    assert browser.post(own, mine).status_code == 302
    kept = profile_of(desk.shop)
    assert kept
    assert kept.fields == {"version_desc": "Tea"}
    wrong = browser.post(own, {**mine, "needs_domains": "ftp://x", "needs_opens": "gh_1"})
    assert set(wrong.context["form"].errors) == {"needs_domains", "needs_opens"}
    bad = {**mine, "seen": kept.pk, "preview_new": [SimpleUploadedFile("x.png", b"hello")]}
    assert "Use a png" in browser.post(own, bad).content.decode()


def test_pages_that_wechat_could_not_show_are_not_lost(desk: Desk) -> None:
    desk.commit()
    items = [{**own_category(desk), "title": "Home"}]
    save_profile(desk.shop, {"item_list": items}, by=desk.staff)
    desk.wechat.fault("/wxa/get_page", times=None, errcode=-1)
    browser = browser_of(desk.staff)
    page = f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/"
    shown = browser.get(f"{page}submission/")
    assert "item1-title" not in browser.get(shown.context["live"]).content.decode()
    form = {**filled(shown.context["form"]), "version_desc": "Tea"}
    browser.post(f"{page}submission/", form)
    kept = profile_of(desk.shop)
    assert kept
    assert kept.fields == {"item_list": items, "version_desc": "Tea"}
    browser.post(f"{page}submit/", {"version_desc": "Cake"})
    assert CodeAudit.objects.get().fields == {"item_list": items, "version_desc": "Cake"}


def test_who_may_only_look_sees_it_and_changes_nothing(desk: Desk) -> None:
    save_profile(desk.shop, {"version_desc": "Tea"}, by=desk.staff)
    releaser = User.objects.create_user("releaser", is_staff=True)
    looks = ["view_authorizer", "view_codeaudit"]
    releaser.user_permissions.set(Permission.objects.filter(codename__in=looks))
    browser = browser_of(releaser)
    own = f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/submission/"
    assert "Tea" in browser.get(own).content.decode()
    assert browser.post(own, {"version_desc": "Cake"}).status_code == 403


def test_the_submit_form_begins_with_it_and_what_is_emptied_is_not_sent(desk: Desk) -> None:
    picture = keep_file(PNG, "shop.png", by=desk.staff)
    item = {"title": "Home", "address": "pages/index/index", "first_class": "餐饮"}
    fields = {
        "version_desc": "Improvements",
        "order_path": "pages/order/list",
        "item_list": [item],
        "preview_files": [picture.pk],
        "ugc_declare": {"scene": [1], "method": [1], "has_audit_team": 1, "audit_desc": "daily"},
    }
    save_profile(desk.template, fields, by=desk.staff)
    desk.commit()
    browser = browser_of(desk.staff)
    page = f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/"
    shown = browser.get(f"{page}submit/")
    posted = filled(shown.context["form"])
    assert posted["version_desc"] == "Improvements"
    assert posted["ugc_scene"] == [1]
    assert "item1-title=Home" in shown.context["live"]
    piece = browser.get(shown.context["live"])
    [first, *_others] = [form for form, _is_open in piece.context["items"]]
    assert first.initial["address"] == "pages/index/index"
    assert json.loads(first.initial["category"])[0] == "工具"  # it has no other
    del posted["order_path"]
    items = {f"item1-{name}": value for name, value in first.initial.items() if value}
    new = {"preview_new": [SimpleUploadedFile("film.mp4", FILM)]}
    browser.post(f"{page}submit/", {**posted, **items, **new})
    audit = CodeAudit.objects.get()
    assert audit.fields == submitted(desk)
    assert set(audit.fields) == {"version_desc", "item_list", "preview_info", "ugc_declare"}
    assert audit.fields["item_list"] == [
        {**own_category(desk), "title": "Home", "address": "pages/index/index"}
    ]
    assert len(audit.fields["preview_info"]["video_id_list"]) == 1
    assert profile_of(desk.template)
