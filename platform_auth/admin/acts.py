"""Acts of staff on rows, each declared in one place: what it is called, asks, needs and does."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action
from unfold.enums import ActionVariant

from platform_auth.admin.pages import StaffAdmin, UncertainOutcome
from platform_auth.logins.proof import require_proof
from platform_auth.operations import Actor
from wechat.errors import NotSent, Unreachable

# What is done to a row, by whom; it returns the sentence that tells what came of it.
RowAct = Callable[[Any, Actor], object]
Method = TypeVar("Method", bound=Callable[..., HttpResponseBase])


def saying(sentence: StrOrPromise, act: Callable[..., object]) -> RowAct:
    """ACT, a service, and SENTENCE that it was done, which may hold the number that ACT returns."""

    def act_and_say(row: Any, by: Actor) -> object:
        return str(sentence) % {"number": act(row, by=by)}

    return act_and_say


def report_lost_answer(act: Callable[[], object]) -> object:
    """Do ACT; where WeChat's answer was lost, say that nobody knows yet."""
    try:
        return act()
    except NotSent:
        raise
    except Unreachable as problem:
        return UncertainOutcome(
            _(
                "WeChat's answer was lost, so it is not known whether it was done. Look again in "
                "a minute before you repeat it. (%(problem)s)"
            )
            % {"problem": problem}
        )


def holding(*permissions: str) -> Callable[..., bool]:
    """A `has_…_permission`: whether the person holds all of PERMISSIONS."""

    def has_permission(model_admin: Any, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(permissions)

    return has_permission


def button(
    title: StrOrPromise,
    permission: str,
    *,
    path: str,
    icon: str,
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Method], Method]:
    """A button of a page or a list, for those with PERMISSION; PATH ends its address."""
    decorator: Callable[[Method], Method] = action(
        description=title, permissions=[permission], url_path=path, icon=icon, variant=variant
    )
    return decorator


def ask_about_one(
    act: RowAct,
    title: StrOrPromise,
    question: StrOrPromise,
    permission: str,
    *,
    path: str,
    icon: str,
    variant: ActionVariant = ActionVariant.DEFAULT,
    needs_proof: bool = False,
    **context: Any,
) -> Callable[..., HttpResponse]:
    """
    A button on the page of a row, which asks before ACT is done to it; where it NEEDS_PROOF, the
    person has just proven who they are.
    """

    def ask(model_admin: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        if needs_proof:
            require_proof(request)
        return model_admin.confirm(
            request,
            object_id,
            lambda row, form: act(row, request.user),
            title=title,
            question=question,
            **context,
        )

    return button(title, permission, path=path, icon=icon, variant=variant)(ask)


def ask_about_chosen(
    act: RowAct, title: StrOrPromise, question: StrOrPromise, permission: str, *, name: str
) -> Callable[..., HttpResponse | None]:
    """An entry NAME in a list's menu, which asks before ACT is done to each of the rows chosen."""

    def ask(model_admin: StaffAdmin, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return model_admin.confirm_chosen(
            request,
            queryset,
            lambda row: act(row, request.user),
            action=name,
            title=title,
            question=question,
        )

    return admin.action(ask, description=title, permissions=[permission])


def do_to_chosen(act: RowAct, title: StrOrPromise, permission: str) -> Callable[..., None]:
    """An entry in a list's menu that does ACT to each of the rows chosen, without asking."""

    def carry_out(model_admin: StaffAdmin, request: HttpRequest, queryset: Any) -> None:
        model_admin.carry_out_each(request, queryset, lambda row: act(row, request.user))

    return admin.action(carry_out, description=title, permissions=[permission])
