"""
The way of a binding through the browser: to WeChat and back.

Every page on that way is `no-store`. Those that lead to WeChat send it our origin, since WeChat
wants to see it; those the browser comes back to send nobody anything.
"""

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from miniprograms.models import Authorizer, Binding, BindLink, digest
from miniprograms.services import bind_links, trading
from miniprograms.services import binding as bindings
from miniprograms.services.attempts import DROPPABLE, Stage, stage_of
from miniprograms.services.return_urls import return_address
from platform_auth.acting_component import NoComponent, components_for_merchants
from platform_auth.errcodes import tell_merchant
from platform_auth.operations import Actor
from portal.attempts import drop_if_possible
from portal.conditions import condition_of
from portal.forms import NO_CHOICE, BindForm
from portal.home import is_in_phones_wechat, is_phone, render_home
from portal.used_links import BOUND, OF_CODES, OF_LINKS, UNKNOWN, render_ending
from wechat.bulkhead import take_place
from wechat.errors import NotReady, WeChatError

logger = logging.getLogger(__name__)

# In the session: what ties a binding to it, the phone binding it waits for, the link it came by.
NONCE, WAITING, LINK = "binding_nonce", "binding_waiting", "binding_link"

PageView = Callable[..., HttpResponse]


def on_the_way(policy: str) -> Callable[[PageView], PageView]:
    """A page between us and WeChat: never stored, its 404 neither, with POLICY for the Referer."""

    def decorator(view: PageView) -> PageView:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                response = view(request, *args, **kwargs)
            except Http404:
                response = render_ending(request, UNKNOWN)
            response["Referrer-Policy"] = policy
            patch_cache_control(response, no_store=True, private=True)
            return response

        return wrapped

    return decorator


@require_http_methods(["GET", "HEAD", "POST"])
@on_the_way("strict-origin")
@login_required
def bind(request: HttpRequest) -> HttpResponse:
    """The bind button. By GET (a login in between, a reload) it is only the way to the form."""
    if request.method != "POST":
        return redirect("portal:home")
    own = "" if request.POST.get("component") else _component_of_own(request)
    form = BindForm(request.POST, platforms=NO_CHOICE if own else components_for_merchants())
    if not form.is_valid():
        return render_home(request, form, status=HTTPStatus.BAD_REQUEST)
    component = own or form.cleaned_data.get("component", "")
    return _start_binding(request, form, user=request.user, component=component)


def _component_of_own(request: HttpRequest) -> str:
    """Of an account of theirs that is to be authorised again: it stays with its platform."""
    rows = Authorizer.objects.filter(owner_id=request.user.pk).exclude(state="unbound")
    appid = request.POST.get("biz_appid", "").strip().replace("\0", "")
    row = rows.filter(appid=appid).select_related("component").first()
    return row.component.appid if row else ""


@require_http_methods(["GET", "HEAD", "POST"])
@on_the_way("strict-origin")
def bind_link(request: HttpRequest, signed: str) -> HttpResponse:
    """The bind button for a merchant who has no login: whoever holds the link may press it."""
    link = bind_links.find_bind_link(signed)
    if link is None:
        ending = OF_LINKS.get(bind_links.ending_of(signed), UNKNOWN)
        bound = bind_links.accounts_bound_with(signed) if ending is BOUND else []
        return render_ending(request, ending, bound)
    if link.device == Binding.Device.COMPUTER and is_phone(request):
        return render(request, "portal/computer_only.html", {"link": link})
    form = BindForm(_answers(request, link) if request.method == "POST" else None)
    # Whoever is logged in as somebody else could not come back from WeChat.
    is_other = request.user.is_authenticated and request.user != link.user
    if form.is_valid() and not is_other:
        request.session[LINK] = request.path
        component = link.component.appid if link.component else ""
        return _start_binding(request, form, user=link.user, component=component, link=link)
    context = {
        "form": form,
        "action": request.path,
        "is_phone": is_phone(request),
        "must_open_in_wechat": is_phone(request) and not is_in_phones_wechat(request),
        "here": settings.PUBLIC_URL + request.path,
        "is_other": is_other,
        "account": bind_links.linked_account(link),
        "bound": [] if link.biz_appid else bind_links.accounts_bound_with(signed),
        "link": link,
    }
    status = HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK
    return render(request, "portal/link.html", context, status=status)


def _answers(request: HttpRequest, link: BindLink) -> dict[str, Any]:
    """What the form says, but for what LINK says itself."""
    answers: dict[str, Any] = request.POST.dict()
    if link.auth_type is not None:
        answers |= {"auth_type": link.auth_type, "biz_appid": link.biz_appid}
    return answers | ({"device": link.device} if link.device else {})


def _start_binding(
    request: HttpRequest,
    form: BindForm,
    *,
    user: Actor,
    component: str,
    link: BindLink | None = None,
) -> HttpResponse:
    """Ask WeChat for a code, then show the way to its page. Raises Crowded."""
    take_place()
    on_phone = is_phone(request)
    device = Binding.Device.PHONE if on_phone else form.cleaned_data["device"]
    to_phone = device == Binding.Device.PHONE
    try:
        binding = bindings.start_binding(
            user=user,
            component=component,
            link=link,
            auth_type=form.cleaned_data["auth_type"],
            biz_appid=form.cleaned_data["biz_appid"],
            session="" if on_phone else _session_nonce(request),
            device=device,
        )
    except NoComponent as error:
        logger.error("nobody can bind: %s", error)
        return _render_trouble(request, user, HTTPStatus.SERVICE_UNAVAILABLE, is_ours=True)
    except bindings.TooManyBindings:
        return _render_trouble(request, user, HTTPStatus.TOO_MANY_REQUESTS)
    except WeChatError as error:
        refusal = tell_merchant(error)
        is_early = isinstance(error, NotReady) and not refusal
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_early else HTTPStatus.BAD_GATEWAY
        return _render_trouble(request, user, status, refusal=refusal)
    _drop_replaced(request, user, link)
    if to_phone and not is_in_phones_wechat(request):
        request.session[WAITING] = digest(binding.state)
        return _render_scan(request, binding)
    return _render_leave(request, binding)


def _render_leave(request: HttpRequest, binding: Binding) -> HttpResponse:
    """The page that goes on to WeChat by itself: a redirect would carry no Referer of ours."""
    return render(request, "portal/leave.html", {"url": bindings.authorization_url(binding)})


def _render_scan(request: HttpRequest, binding: Binding) -> HttpResponse:
    """The code for the phone. It leads to a page of ours, for the same reason."""
    url = settings.PUBLIC_URL + reverse("portal:bind-go", args=[binding.state])
    context = {
        "url": url,
        "picture": _picture_of(url, is_phone=is_phone(request)),
        "is_phone": is_phone(request),
        "outcome": reverse("portal:bind-outcome", args=[binding.state]),
        "binding": binding,
    }
    return render(request, "portal/scan.html", context)


def _picture_of(url: str, *, is_phone: bool) -> str:
    """The code of URL. A phone saves it among its pictures, which take no SVG."""
    code = segno.make(url, error="m")
    if is_phone:
        return code.png_data_uri(scale=8, border=4)
    return code.svg_data_uri(border=4, light="#fff")


def _render_trouble(
    request: HttpRequest,
    user: Actor,
    status: HTTPStatus,
    *,
    is_ours: bool = False,
    refusal: str = "",
) -> HttpResponse:
    """REFUSAL is what WeChat's answer means, where it has answered."""
    context = {
        "status": status.value,
        "again": _restart_url(request, user),
        "is_ours": is_ours,
        "refusal": refusal,
    }
    response = render(request, "portal/trouble.html", context, status=status)
    if status != HTTPStatus.BAD_GATEWAY:
        response["Retry-After"] = "120"
    return response


@require_safe
@on_the_way("strict-origin")
def bind_go(request: HttpRequest, state: str) -> HttpResponse:
    """What the code for the phone leads to: on to WeChat's page for phones."""
    binding = bindings.find_open_binding(state)
    if binding is None:
        return _render_used(request, state)
    return _render_leave(request, binding)


def _render_used(request: HttpRequest, state: str) -> HttpResponse:
    """What became of the code for the phone, to whoever opens it again."""
    binding = bindings.find_phone_binding(state)
    if binding is None:
        raise Http404
    row = binding.authorizer
    bound = [row] if row and row.owner_id == binding.user_id else []
    ending = OF_CODES.get(stage_of(binding), UNKNOWN)
    if ending is BOUND and not bound:
        raise Http404
    return render_ending(request, ending, bound if ending is BOUND else None)


@require_safe
@on_the_way("same-origin")
def bind_outcome(request: HttpRequest, state: str) -> HttpResponse:
    """What the computer that showed the code for the phone sees, until it is done and after."""
    if not constant_time_compare(request.session.get(WAITING, ""), digest(state)):
        raise Http404
    binding = _find_returning(request, state)
    if binding.status == Binding.Status.OPEN and bindings.find_open_binding(state):
        return _render_scan(request, binding)
    if url := return_address(binding):
        return redirect(url)
    return _render_result(request, binding)


@require_GET
@on_the_way("no-referrer")
def bind_return(request: HttpRequest, state: str) -> HttpResponse:
    """
    Back from WeChat: the state is looked up first, then the code is traded, then it leaves the URL.

    A state that is unknown or somebody else's makes no call.
    """
    binding = _find_returning(request, state)
    code = request.GET.get("auth_code", "")
    if code:
        take_place()
        trading.finish_binding(binding, code)
    if request.GET:
        return redirect(request.path)
    is_phone_of_computer = binding.device == Binding.Device.PHONE and binding.session
    url = "" if is_phone_of_computer else return_address(binding)
    if url:
        return redirect(url)
    if binding.device == Binding.Device.PHONE:
        return render(request, "portal/phone.html", _standing(binding))
    return _render_result(request, binding)


def _find_returning(request: HttpRequest, state: str) -> Binding:
    session = request.session.get(NONCE, "")
    binding = bindings.find_returning(state, user=request.user, session=session)
    if binding is None:
        raise Http404
    return binding


def _render_result(request: HttpRequest, binding: Binding) -> HttpResponse:
    context = {**_standing(binding), "again": _restart_url(request, binding.user)}
    return render(request, "portal/result.html", context)


def _standing(binding: Binding) -> dict[str, Any]:
    stage = stage_of(binding)
    row = binding.authorizer
    return {
        "binding": binding,
        "stage": stage,
        "condition": condition_of(row) if row and stage == Stage.BOUND else None,
        "is_pending": stage in (Stage.FINISHING, Stage.HELD_UP),
        "is_droppable": stage in DROPPABLE,
        "may_reuse_link": _may_reuse_link(binding),
    }


def _may_reuse_link(binding: Binding) -> bool:
    """Whether the link that BINDING came by is good for another."""
    pk = binding.link_id
    return pk is not None and bind_links.find_usable_link(pk) is not None


def _drop_replaced(request: HttpRequest, user: Actor, link: BindLink | None) -> None:
    """
    Another attempt of USER's takes the place of the button's own; who came by a LINK names none but
    one of that.
    """
    number = request.POST.get("instead_of", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return
    rows = Binding.objects.filter(Q(user_id=user.pk), pk=int(number))
    row = (rows if link is None else rows.filter(link=link)).first()
    if row is not None:
        drop_if_possible(row, by=user)


def _restart_url(request: HttpRequest, user: Actor | None) -> str:
    """Where this browser may start another binding for USER: the button, or the link it came by."""
    if user == request.user:
        return reverse("portal:bind")
    link: str = request.session.get(LINK, "")
    return link


def _session_nonce(request: HttpRequest) -> str:
    """This session's own secret; it outlives the login of its user."""
    nonce: str = request.session.setdefault(NONCE, secrets.token_hex(32))
    return nonce
