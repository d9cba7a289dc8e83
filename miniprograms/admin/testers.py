"""The page of a mini program's testers: who they are, one more, one fewer."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from miniprograms.admin.programs import ProgramPages
from miniprograms.models import Authorizer
from miniprograms.services.testers import (
    ListedTester,
    add_tester,
    find_tester,
    known_testers,
    list_testers,
    remove_tester,
)
from platform_auth.admin.acts import button, holding, report_lost_answer
from platform_auth.admin.pages import ago
from platform_auth.forms import capitalise_labels

MAY_VIEW_TESTERS = "miniprograms.view_tester"
MAY_MANAGE = "miniprograms.manage_testers"


class TesterForm(forms.Form):
    """Who shall be a tester."""

    wechatid = forms.CharField(
        label=_("WeChat ID"),
        max_length=64,
        help_text=_("微信号, as WeChat shows it under “me”; not the nickname."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        capitalise_labels(self)


class TesterPages(ProgramPages):
    """Adds the testers to the admin of mini programs."""

    has_tester_permission = holding(MAY_VIEW_TESTERS)

    def get_urls(self) -> list[URLPattern]:
        page = "<path:object_id>/testers/<path:userstr>/remove/"
        view = self.admin_site.admin_view(self.remove_tester_page)
        return [path(page, view, name="remove-tester"), *super().get_urls()]

    @button(_("Testers"), "tester", path="testers", icon="group")
    def testers_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """WeChat's list, and a form to add somebody."""
        row = self.program_or_404(request, object_id, MAY_VIEW_TESTERS)
        may_manage = request.user.has_perm(MAY_MANAGE)
        form = TesterForm(request.POST if request.method == "POST" else None)
        if request.method == "POST":
            if not may_manage:
                raise PermissionDenied
            if form.is_valid():
                self._add_tester(request, row, form.cleaned_data["wechatid"])
                return HttpResponseRedirect(request.path)
        listed, problem = self._list_testers(row)
        may_try = request.user.has_perm("audits.view_codeaudit")
        return self.page(
            request,
            "admin/testers.html",
            account_tab="people",
            title=_("Testers"),
            row=row,
            form=form if may_manage and row.state != Authorizer.State.UNBOUND else None,
            testers=[self._describe_tester(row, tester) for tester in listed],
            problem=problem,
            may_manage=may_manage,
            qrcode=self._tester_address("code-trial-qrcode", row.pk) if may_try else "",
            back=self.url_of(row),
        )

    def _add_tester(self, request: HttpRequest, row: Authorizer, wechatid: str) -> None:
        def act(row: Authorizer) -> object:
            tester = add_tester(row, wechatid, by=request.user)
            return _("%(wechatid)s is a tester now.") % {"wechatid": tester}

        self.carry_out(request, row, lambda row: report_lost_answer(lambda: act(row)))

    def _list_testers(self, row: Authorizer) -> tuple[list[ListedTester], object]:
        """WeChat's list; where it cannot be had, whom we know of, and why."""
        try:
            return list_testers(row), ""
        except self.troubles as problem:
            testers = [ListedTester(one.userstr, one) for one in known_testers(row)]
            return testers, self.describe_problem(problem)

    def _describe_tester(self, row: Authorizer, tester: ListedTester) -> dict[str, object]:
        added = tester.added
        return {
            "name": added.wechatid if added else "",
            "userstr": tester.userstr,
            "by": (added.added_by or "–") if added else "",
            "at": ago(added.added_at) if added else "",
            "remove": self._tester_address("remove-tester", row.pk, tester.userstr),
        }

    def _tester_address(self, name: str, *args: object) -> str:
        return reverse(f"{self.admin_site.name}:{name}", args=args)

    def remove_tester_page(
        self, request: HttpRequest, object_id: str, userstr: str
    ) -> HttpResponse:
        row = self.program_or_404(request, object_id, MAY_MANAGE)
        added = find_tester(row, userstr)
        name = added.wechatid if added else userstr

        def act(row: Authorizer, form: Any) -> object:
            def remove() -> object:
                remove_tester(row, userstr, by=request.user)
                return _("%(name)s is a tester no more.") % {"name": name}

            return report_lost_answer(remove)

        return self.confirm(
            request,
            object_id,
            act,
            title=_("Remove the tester"),
            question=_("They cannot open the trial version any more. They can be added again."),
            about=[name],
            is_grave=True,
            account_tab="people",
            back=self._tester_address("miniprograms_authorizer_testers_page", row.pk),
        )
