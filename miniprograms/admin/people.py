"""People: merchants and staff, their groups, and the revoking of their API keys."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from miniprograms.admin.link_pages import LinkForm
from miniprograms.models import BindLink
from miniprograms.services.bind_links import make_bind_link
from platform_auth.admin.acts import button, holding
from platform_auth.admin.columns import column
from platform_auth.admin.invitations import InvitingAdmin
from platform_auth.admin.pages import RecordedAdmin, ago, label
from platform_auth.admin.rights import describe_rights
from platform_auth.events import log_event
from platform_auth.forms import PermissionChoices
from platform_auth.login_models import KeyNote, NewPassword, PersonLanguage
from platform_auth.logins.invitations import is_invited
from platform_auth.logins.keys import end_keys, rights_of
from platform_auth.logins.new_passwords import tell_of_new_password
from platform_auth.logins.proof import require_proof
from platform_auth.logins.second_factor import factor_of, remove_factor
from platform_auth.logins.sessions import end_access
from platform_auth.operations import record_operation
from platform_auth.roles import ANSWERERS, ROLES, describe_role, group_title
from platform_auth.tasks import send_password_links
from platform_auth.wakeup import enqueue

# knox's own page makes keys and shows them; ours are made through the API by whoever uses them.
admin.site.unregister([User, Group, AuthToken])

# What makes a person more than a merchant.
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


# What Django lets a group do with a table that says nothing about it.
DJANGOS_RIGHTS = ("add", "change", "delete", "view")


class GroupChoices(forms.ModelMultipleChoiceField[Group]):
    """Groups in the reader's language."""

    def label_from_instance(self, obj: Group) -> str:
        return describe_role(obj.name)


class PermissionsMixin:
    """Checkboxes with readable names, where Django has two lists whose buttons are English."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            kwargs |= {
                "form_class": PermissionChoices,
                "widget": UnfoldAdminCheckboxSelectMultipleWidget(),
                "queryset": _grantable(),
            }
        if db_field.related_model is Group:
            kwargs |= {
                "form_class": GroupChoices,
                "widget": UnfoldAdminCheckboxSelectMultipleWidget(),
                "queryset": Group.objects.order_by("name"),
            }
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Without the rows that only tie people, groups and rights together."""
        deleted: Any = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        for tie in (User.groups, User.user_permissions, Group.permissions):
            deleted[1].pop(str(tie.through._meta.verbose_name_plural), None)
        return [self.title_of(row) for row in objs], *deleted[1:]  # type: ignore[attr-defined]


def _grantable() -> QuerySet[Permission]:
    """Without the rights that Django makes by itself for tables of no page and no role."""
    models = set(apps.get_models(include_auto_created=True))
    pages = [
        admin.site.get_model_admin(model) for model in models if admin.site.is_registered(model)
    ]
    shown = {
        model for page in pages for model in (page.model, *(row.model for row in page.inlines))
    }
    hidden = [
        model._meta.label_lower
        for model in models - shown
        if tuple(model._meta.default_permissions) == DJANGOS_RIGHTS
    ]
    named = [name.partition(".")[2] for names in ROLES.values() for name in names]
    table = Concat("content_type__app_label", Value("."), "content_type__model")
    useless = Q(table__in=hidden) & ~Q(codename__in=named)
    rows = Permission.objects.annotate(table=table).exclude(useless)
    return rows.select_related("content_type")


@admin.register(User)
class UserAdmin(PermissionsMixin, InvitingAdmin, auth.UserAdmin[User], RecordedAdmin):  # type: ignore[misc]
    """Merchants are made here. Only superusers make staff, or touch the accounts of staff."""

    list_title = _("Merchants and staff")
    asks_outside = False
    actions_list = ("new_merchant", "new_staff")
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "role", "full_name", "email", "is_active", "last_seen")
    list_filter = ("is_staff", "is_superuser", "is_active")
    ordering = ("username",)
    search_fields = tuple(
        f"{name}__startswith" for name in ("username", "first_name", "last_name", "email")
    )
    search_help_text = _("The beginning of a username, name or e-mail address")
    actions_detail = (
        *("rights", "bind_link", "invite_again", "let_answer", "stop_answering"),
        *("revoke_keys", "remove_factor"),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Single permissions"), {"fields": ("user_permissions",), "classes": ["collapse"]}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    filter_horizontal = ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Roles without Django's menu to make another: a role is more than a name."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "groups" and field:
            field.label, field.help_text, field.widget = _("roles"), "", field.widget.widget
        if db_field.name == "first_name" and field:
            field.label = _("First name, or the company of a merchant")
        return field

    def unfit_acts(self, object_id: Any) -> set[str]:
        """Of the two about answering the one that fits; for staff none, they have the console."""
        user = User.objects.filter(pk=object_id).first()
        unfit = set() if user and is_invited(user) else {"invite_again"}
        if user is None or user.is_staff:
            without = user is None or factor_of(user) is None
            return unfit | {"let_answer", "stop_answering", *(["remove_factor"] if without else [])}
        answering = "let_answer" if _may_answer(user) else "stop_answering"
        return unfit | {answering, "remove_factor"}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    has_invite_permission = holding("miniprograms.invite_merchant")
    has_revoke_permission = holding("auth.change_user")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if _is_superuser(request):  # who may give rights
            require_proof(request)
        return super().changeform_view(request, *args, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("last_login", "date_joined", *super().get_readonly_fields(request, obj))
        return fields if _is_superuser(request) else (*fields, *RIGHTS)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """
        Without the digests of API keys, which mean nothing to anybody. Bind links go with the
        person, though nobody may delete one alone.
        """
        names, counts, lacking, protected = super().get_deleted_objects(objs, request)
        lacking.discard(BindLink._meta.verbose_name)
        if keys := counts.pop(str(AuthToken._meta.verbose_name_plural), 0):
            counts[str(_("API keys"))] = keys
        for model in (KeyNote, NewPassword, PersonLanguage):  # which are no loss of their own
            counts.pop(str(model._meta.verbose_name_plural), 0)
        return names, counts, lacking, protected

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        if self.has_change_permission(request):
            require_proof(request)
        with transaction.atomic():  # the new password and its row in the operation log
            response = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
                user = User.objects.get(pk=id)
                is_own = user == request.user
                end_access(user, keep=request.session.session_key if is_own else None)
                if user.has_usable_password():
                    by = NewPassword.By.THEMSELVES if is_own else NewPassword.By.STAFF
                    tell_of_new_password(user, by)
                    enqueue(send_password_links)
                log_event("reset_password", "done", user=request.user, of=str(user))
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        request.rights_before = rights_of(obj) if change else set()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What the person could do before and no longer can, no key of theirs outlives."""
        super().save_related(request, form, formsets, change)
        if request.rights_before - rights_of(form.instance):  # type: ignore[attr-defined]
            end_access(form.instance)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        log_event("change_user", "done", user=request.user, of=str(obj))
        return super().log_change(request, obj, message)

    @button(_("What they may do"), "view", path="rights", icon="policy")
    def rights(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.visible_or_404(request, object_id)
        context = {"title": _("What they may do"), "person": user, "back": self.url_of(user)}
        return self.page(request, "admin/rights.html", **context, **describe_rights(user))

    @button(_("Make a bind link"), "invite", path="bind-link", icon="add_link")
    def bind_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.visible_or_404(request, object_id)
        if not user.is_active:
            self.message_user(request, _("This account is switched off."), "ERROR")
            return HttpResponseRedirect(self.url_of(user))
        form, back = LinkForm(request), self.url_of(user)
        context: dict[str, Any] = {"title": _("Make a bind link"), "back": back}
        if form.is_valid():
            link = make_bind_link(user, by=request.user, component=form.chosen)
            links = [(user, link.url)]
            return self.page(request, "admin/bind_links.html", links=links, **context)
        question = _("Whoever opens the link within three days can bind for this merchant.")
        context |= {"question": question, "form": form}
        return self.page(request, "admin/ask.html", rows=[user], **context)

    def _check_access(self, request: HttpRequest, object_id: str) -> None:
        """Before what takes a person's access away: may this one, and is it they who ask?"""
        if not _may_touch(request, self.visible_or_404(request, object_id)):
            raise PermissionDenied
        require_proof(request)

    @button(_("Revoke API keys"), "revoke", path="revoke-keys", icon="key_off")
    def revoke_keys(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self._check_access(request, object_id)
        return self.confirm(
            request,
            object_id,
            lambda user, form: _revoke_keys(user, request.user),
            title=_("Revoke API keys"),
            question=_("Programs that use them are locked out until they have a new key."),
        )

    @button(_("Remove two-step login"), "revoke", path="remove-factor", icon="phonelink_erase")
    def remove_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For somebody who has lost their phone, and the recovery codes."""
        self._check_access(request, object_id)
        return self.confirm(
            request,
            object_id,
            lambda user, form: _remove_factor(user, request.user),
            title=_("Remove two-step login"),
            question=_(
                "They then log in with their password alone. Make sure that it is they who ask."
            ),
        )

    @button(_("Let them answer their users"), "revoke", path="let-answer", icon="forum")
    def let_answer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._toggle(
            request,
            object_id,
            True,
            title=_("Let them answer their users"),
            question=_(
                "In the portal they will see what users write to their mini programs and official"
                " accounts, and may answer."
            ),
        )

    @button(
        _("No longer let them answer"), "revoke", path="stop-answering", icon="speaker_notes_off"
    )
    def stop_answering(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._toggle(
            request,
            object_id,
            False,
            title=_("No longer let them answer"),
            question=_("The portal will show them no messages any more."),
        )

    def _toggle(
        self, request: HttpRequest, object_id: str, may: bool, **words: Any
    ) -> HttpResponse:
        """Only for merchants: what staff may do is for superusers to say."""
        user: User = self.visible_or_404(request, object_id)
        if user.is_staff or user.is_superuser:
            raise PermissionDenied
        return self.confirm(
            request, object_id, lambda user, form: _let_answer(user, may, request.user), **words
        )

    @admin.display(description=_("role"))
    def role(self, user: User) -> SafeString:
        if user.is_superuser:
            return label(_("superuser"), "danger")
        return label(_("staff"), "info") if user.is_staff else label(_("merchant"))

    full_name = column(_("name"), lambda user: user.get_full_name())
    last_seen = column(_("last login"), lambda user: ago(user.last_login), ordering="last_login")


def _revoke_keys(user: User, by: Any) -> object:
    with transaction.atomic():
        count = end_keys(user)
        record_operation("revoke_keys", by=by, result=f"{user}: {count}")
    log_event("revoke_keys", "done", user=by, of=str(user))
    return _("%(count)d keys revoked.") % {"count": count}


def _remove_factor(user: User, by: Any) -> object:
    remove_factor(user, by=by)
    return _("they log in with their password alone.")


def _may_answer(user: User) -> bool:
    return user.groups.filter(name=ANSWERERS).exists()


def _let_answer(user: User, may: bool, by: Any) -> object:
    """Whether USER, a merchant, MAY answer the users of their own accounts."""
    group = Group.objects.get(name=ANSWERERS)
    with transaction.atomic():
        (user.groups.add if may else user.groups.remove)(group)
        if not may:
            end_keys(user)
        record_operation(
            "let_merchant_answer" if may else "stop_merchant_answering", by=by, result=str(user)
        )
    return _("they may answer now.") if may else _("they may answer no more.")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """An account of staff is touched by superusers only, or a password could be borrowed."""
    is_plain = user is None or not (user.is_staff or user.is_superuser)
    return is_plain or _is_superuser(request)


@admin.register(Group)
class GroupAdmin(PermissionsMixin, auth.GroupAdmin, RecordedAdmin):  # type: ignore[misc]
    """What groups of staff may do. Whoever may change a group could give themselves any right."""

    list_title = _("Groups")
    list_display = ("title",)
    ordering = ("name",)
    filter_horizontal = ()

    title = column(_("name"), lambda group: group_title(group.name), ordering="name")

    def title_of(self, row: Any) -> str:
        return group_title(row.name)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if _is_superuser(request):
            require_proof(request)
        return super().changeform_view(request, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A right that the group loses ends the keys of all its people."""
        group = form.instance
        before = set(group.permissions.values_list("pk", flat=True))
        super().save_related(request, form, formsets, change)
        if before - set(group.permissions.values_list("pk", flat=True)):
            for person in group.user_set.all():
                end_keys(person)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_superuser(request)
