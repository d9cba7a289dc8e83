"""Which accounts are meant: whose they are, how they are called, what they lack."""

from datetime import timedelta
from typing import Any, Self

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from miniprograms.name_search import HasPieces, containing, ends_of
from platform_auth.models import LeasedQuerySet

# So much before the profiles that are merely due go those that are known to have changed.
AHEAD = timedelta(days=365)
MOST_ALIKE = 10  # accounts with one original id; there should be one
UNBOUND = "unbound"  # as `Authorizer.State` has it


class AuthorizerQuerySet(LeasedQuerySet):
    def for_lists(self) -> Self:
        """Rows to be shown: secrets, which never are, and long JSON stay in the database."""
        secrets = ("token", "access_token", "refresh_token", "refresh_token_history")
        return self.defer(*secrets, "miniprograminfo", "business_info")

    def lacking(self, code: str = "") -> Self:
        """Those that lack a permission set which we need, or one for the function CODE."""
        return self.filter(self.lacking_condition(code))

    @staticmethod
    def lacking_condition(code: str = "") -> Q:
        condition = ~Q(lacks="") & ~Q(state=UNBOUND)
        return condition & Q(lacks__contains=f" {code} ") if code else condition

    def called(self, term: str) -> Self:
        """Those with TERM anywhere in their name."""
        rows: Self = containing(self, "nick_name", term)
        if connection.vendor == "postgresql":
            rows = rows.filter(HasPieces("nick_name", *ends_of(term)))
        return rows

    def found_by(self, term: str) -> Self:
        """
        The one with TERM as its appid or original id, else those with TERM in their name: one
        question that is both would have PostgreSQL look at each row twice.
        """
        if not term.startswith(("wx", "gh_")):
            return self.called(term)
        exact = self.model._default_manager.filter(Q(appid=term) | Q(user_name=term))
        pks = list(exact.values_list("pk", flat=True)[:MOST_ALIKE])
        return self.filter(pk__in=pks) if pks else self.called(term)

    def visible_to(self, user: Any) -> Self:
        """All rows for staff who may look at them; for everybody else their own."""
        if user.is_staff and user.has_perm("miniprograms.view_authorizer"):
            return self
        return self.filter(owner=user)

    def expect_change(self) -> int:
        """
        Something says that the profiles of these rows have changed: they are fetched next. How many
        there are.
        """
        return self.exclude(state=UNBOUND).update(profile_due_at=Now() - AHEAD)
