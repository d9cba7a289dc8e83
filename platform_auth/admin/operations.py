"""The operation log, for reading."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from platform_auth.admin.account_links import reader_of
from platform_auth.admin.call_links import link_call, may_see_calls
from platform_auth.admin.columns import account_column, column, link
from platform_auth.admin.pages import StaffAdmin
from platform_auth.admin.results import show_outcome
from platform_auth.listing import with_detail
from platform_auth.models import Operation
from platform_auth.operations import SYSTEM

SCHEDULES = {
    "interval": _("every so often"),
    "crontab": _("at times of the day"),
    "solar": _("by the sun"),
    "clocked": _("once"),
}

ACTIONS = {
    "bind": _("bound"),
    "park": _("parked for staff"),
    "assign_binding": _("assigned a parked binding"),
    "refuse_binding": _("refused a parked binding"),
    "drop_binding": _("dropped an attempt to bind"),
    "make_bind_link": _("made a bind link"),
    "revoke_bind_link": _("revoked a bind link"),
    "refresh_token": _("refreshed the token"),
    "sync_profile": _("fetched the profile"),
    "unbind_locally": _("unbound locally"),
    "hide_from_merchant": _("hid it from its merchant"),
    "show_to_merchant": _("showed it to its merchant"),
    "clear_quota": _("had calls counted anew"),
    "quota_not_cleared": _("was refused to have calls counted anew"),
    "set_option": _("set an option of the account"),
    "add_tester": _("added a tester"),
    "remove_tester": _("removed a tester"),
    "apply_for_interface": _("applied for a private interface"),
    "keep_picture": _("uploaded a picture for WeChat's reviewers"),
    "interface_granted": _("saw a private interface granted"),
    "interface_rejected": _("saw a private interface rejected"),
    "ask_for_permissions": _("asked to authorise again"),
    "export_accounts": _("exported the list of accounts"),
    "upload_guideline_file": _("uploaded a file of the privacy guideline"),
    "order_path_refused": _("saw a page with orders not taken"),
    "order_path_rejected": _("saw a page with orders rejected"),
    "order_path_approved": _("saw a page with orders approved"),
    "cancelled in WeChat": _("cancelled in WeChat"),
    "import": _("imported the original system's tables"),
    "commit": _("uploaded code"),
    "submit_audit": _("submitted for review"),
    "submit_despite_preflight": _("submitted what the preflight held back"),
    "withdraw_audit": _("withdrew from review"),
    "speed_up_audit": _("sped a review up"),
    "add_speeduprule": _("set a speed-up rule"),
    "change_speeduprule": _("changed a speed-up rule"),
    "delete_speeduprule": _("deleted a speed-up rule"),
    "stop_speeduprule": _("stopped a speed-up rule"),
    "approve_release": _("agreed to a release"),
    "release": _("released"),
    "revert": _("rolled back"),
    "gray_release": _("released in steps"),
    "stop_gray_release": _("stopped a release in steps"),
    "open_service": _("opened to users"),
    "close_service": _("closed to users"),
    "release_mismatch": _("found another version online"),
    "add_template": _("added a template"),
    "delete_template": _("deleted a template"),
    "change_codetemplate": _("changed a template's notes or schema"),
    "set_ext_values": _("changed values of ext.json"),
    "set_submission_profile": _("changed what is submitted with code"),
    "keep_submission_file": _("uploaded a file for reviewers"),
    "export_ext_values": _("exported values of ext.json"),
    "create_campaign": _("prepared a campaign"),
    "start_campaign": _("started a campaign"),
    "pause_campaign": _("paused a campaign"),
    "resume_campaign": _("resumed a campaign"),
    "go_on_campaign": _("let a campaign go on"),
    "stop_campaign": _("stopped a campaign"),
    "finish_campaign": _("finished a campaign"),
    "canary_passed": _("saw the canary wave pass"),
    "release_campaign": _("released what had passed in a campaign"),
    "retry_campaign_item": _("put back in line"),
    "skip_campaign_item": _("left out of a campaign"),
    "export_campaign": _("exported a campaign"),
    "dry_run_campaign": _("tried out what a campaign would do"),
    "answer_user": _("answered a user"),
    "answer_user_again": _("sent an answer again"),
    "note_user": _("noted something about a user"),
    "add_conversationlabel": _("added a label of users"),
    "change_conversationlabel": _("changed a label of users"),
    "delete_conversationlabel": _("deleted a label of users"),
    "let_merchant_answer": _("let a merchant answer their users"),
    "stop_merchant_answering": _("let a merchant answer their users no more"),
    "add_cannedreply": _("added a canned reply"),
    "change_cannedreply": _("changed a canned reply"),
    "delete_cannedreply": _("deleted a canned reply"),
    "replay_push": _("replayed a push"),
    "check_callback": _("let WeChat look whether it reaches us"),
    "confirm_key_backup": _("said that a copy of the field keys is kept"),
    "drop_previous_keys": _("dropped the previous message keys"),
    "rotate_field_keys": _("encrypted everything by the first field key"),
    "rehearse_release": _("rehearsed the release test"),
    "add_channel": _("added a notice channel"),
    "change_channel": _("changed a notice channel"),
    "delete_channel": _("deleted a notice channel"),
    "test_channel": _("tested a notice channel"),
    "rotate_channel_secret": _("changed the secret of a notice channel"),
    "resend_messages": _("sent notices again"),
    "add_target": _("added a forward target"),
    "change_target": _("changed a forward target"),
    "delete_target": _("deleted a forward target"),
    "test_target": _("tested a forward target"),
    "switch_target_on": _("switched a forward target on"),
    "switch_target_off": _("switched a forward target off"),
    "rotate_target_secret": _("changed the secret of a forward target"),
    "send_example": _("sent a forward target an example"),
    "resend_since": _("sent all again to a forward target"),
    "resend_deliveries": _("sent forwarded messages again"),
    "give_up_deliveries": _("gave forwarded messages up"),
    "export_push": _("exported pushes"),
    "add_rule": _("added an automatic reply"),
    "change_rule": _("changed an automatic reply"),
    "delete_rule": _("deleted an automatic reply"),
    "copy_rule": _("copied an automatic reply"),
    "turn_rule_on": _("turned an automatic reply on"),
    "turn_rule_off": _("turned an automatic reply off"),
    "add_tag": _("added a tag"),
    "change_tag": _("changed a tag"),
    "delete_tag": _("deleted a tag"),
    "set_tags": _("set tags"),
    "set_setting": _("said what a setting should be"),
    "apply_setting": _("applied a setting"),
    "refuse_setting": _("did not apply a setting"),
    "apply_profile": _("applied a profile of settings"),
    "add_settingprofile": _("added a profile of settings"),
    "change_settingprofile": _("changed a profile of settings"),
    "delete_settingprofile": _("deleted a profile of settings"),
    "fetch_confirm_file": _("fetched a verification file"),
    "change_platform_domains": _("changed the platform's domains"),
    "register_component": _("registered the component"),
    "change_component": _("changed the component"),
    "give_up_secrets": _("gave up secrets of the component that could not be read"),
    "delete_component": _("deleted the component"),
    "start_push_ticket": _("asked for ticket pushes"),
    "refresh_component_token": _("refreshed the component token"),
    "add_user": _("added a person"),
    "invite_user": _("invited a user"),
    "accept_invitation": _("accepted an invitation"),
    "change_user": _("changed a person"),
    "delete_user": _("deleted a person"),
    "add_group": _("added a group"),
    "change_group": _("changed a group"),
    "delete_group": _("deleted a group"),
    "revoke_keys": _("revoked API keys"),
    "add_apiclient": _("made an API client"),
    "change_apiclient": _("changed an API client"),
    "delete_apiclient": _("deleted an API client"),
    "rotate_client_key": _("made a new key for an API client"),
    "revoke_client_keys": _("revoked keys of an API client"),
    "read_token": _("was given an access token"),
    "call_wechat": _("called WeChat as the account"),
    "make_key": _("made an API key"),
    "revoke_key": _("revoked an API key"),
    "change_password": _("changed the password"),
    "reset_password": _("set a new password by a link"),
    "end_session": _("ended a session"),
    "end_sessions": _("ended the other sessions"),
    "set_second_factor": _("set up two-step login"),
    "remove_second_factor": _("switched two-step login off"),
    "refuse_release": _("refused a release"),
    "end_approval": _("took an agreement to a release back"),
    "add_periodictask": _("added a periodic job"),
    "change_periodictask": _("changed a periodic job"),
    "delete_periodictask": _("deleted a periodic job"),
    **{
        f"{verb}_{name}schedule": format_lazy("{}: {}", text, kind)
        for verb, text in (
            ("add", _("added a schedule")),
            ("change", _("changed a schedule")),
            ("delete", _("deleted a schedule")),
        )
        for name, kind in SCHEDULES.items()
    },
}


class ActionFilter(admin.SimpleListFilter):
    """A fixed list: asking the table which actions it holds would read all of it."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return ACTIONS.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class VersionFilter(admin.SimpleListFilter):
    """By one version, which a row's link names; there are too many to choose from."""

    title = _("version")
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        version = request.GET.get(self.parameter_name, "")
        return [(version, version)] if version else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(version=self.value()) if self.value() else queryset


def _link_version(version: str) -> object:
    """A link to all that was done with VERSION."""
    url = reverse("admin:platform_auth_operation_changelist")
    return link(f"{url}?{urlencode({'version': version})}", version) if version else "–"


def action_name(operation: Operation) -> str:
    """What was done, in the reader's language where we have words for it."""
    return str(ACTIONS.get(operation.action, operation.action))


def actor_label(operation: Operation) -> str:
    """Who did it, by the name of then; what the platform does by itself has nobody's."""
    return operation.actor_name if operation.actor_id else name_of_actor(operation.actor_name)


def name_of_actor(name: str) -> str:
    """Who has this NAME in a history of ours, which keeps no more of them."""
    return str(_("the system")) if name == SYSTEM else name


def actor_cell(operation: Operation, reader: Any) -> SafeString:
    """Who did it, and what did it in their name, with a link to that where READER may see it."""
    name = actor_label(operation)
    if not operation.through:
        return format_html("{}", name)
    return format_html("{} <small>{}</small>", name, _link_through(operation.through, reader))


def _link_through(through: str, reader: Any) -> object:
    """What acted, as `record_operation` has written it: its kind, number and name."""
    reference, _space, name = through.partition(" ")
    model_label, _colon, pk = reference.partition(":")
    app_label, _dot, model_name = model_label.partition(".")
    kind = apps.get_model(model_label)._meta.verbose_name
    text = _("%(kind)s %(number)s (%(name)s)") % {"kind": kind, "number": pk, "name": name}
    if reader is None or not reader.has_perm(f"{app_label}.view_{model_name}"):
        return text
    return link(reverse(f"admin:{app_label}_{model_name}_change", args=[pk]), text)


@admin.register(Operation)
class OperationAdmin(StaffAdmin):
    account_tab = "log"
    list_display = ("at", "actor_label", "what", "of_version", "account", "outcome", "request_id")
    list_display_links = ("at",)
    list_filter = (ActionFilter, VersionFilter)
    ordering = ("-id",)
    search_fields = ("appid", "actor_name", "version")
    search_help_text = _("An appid, a version, or the name of who did it")
    readonly_fields = (
        *("at", "actor", "actor_label", "what", "of_version", "account", "outcome", "calls"),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The last with the calls to WeChat of the same request, for whoever may see these."""
        last = "calls" if may_see_calls(request) else "request_id"
        return (*self.readonly_fields[:-1], last)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "request_id")

    def title_of(self, row: Any) -> str:
        return f"{with_detail(actor_label(row), action_name(row))} {row.appid}".strip()

    def find_rows(self, queryset: Any, term: str) -> Any:
        return queryset.filter(Q(appid=term) | Q(actor_name=term) | Q(version=term))

    actor_label = column(
        _("actor's name"), lambda row: actor_cell(row, reader_of(row)), ordering="actor_name"
    )
    what = column(_("action"), action_name, ordering="action")
    of_version = column(_("version"), lambda row: _link_version(row.version), ordering="version")
    account = account_column(_("appid"), ordering="appid")
    outcome = column(_("result"), show_outcome)
    calls = column(_("request"), lambda row: link_call(row.request_id))
