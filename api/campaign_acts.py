"""REST: starting, pausing, resuming and ending a campaign, and releasing what has passed of it."""

from collections.abc import Callable
from typing import ClassVar

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from api.campaign_fields import CampaignSerializer
from api.campaigns import PK, CampaignView
from api.clients import check_scope
from api.errors import ACT_ERRORS
from api.idempotency import KEY_HEADER, idempotent
from audits.problems import NeedsReleaseRight
from audits.services import campaigns
from audits.services.rollout.steps import MAY_RELEASE


class CampaignActView(CampaignView):
    """One act on a campaign, a service; one that releases needs the scope for that as well."""

    act: ClassVar[Callable[..., object]]
    releases: ClassVar[bool] = False
    goes_on: ClassVar[bool] = True  # so that a campaign that releases by itself may

    @extend_schema(
        parameters=[PK, KEY_HEADER],
        request=None,
        responses={200: CampaignSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        campaign = self.get_campaign()
        if self.releases or (self.goes_on and campaign.auto_release):
            check_scope(request, "code:release")
        try:
            type(self).act(campaign, by=request.user)
        except NeedsReleaseRight as error:
            raise PermissionDenied(str(error)) from None
        return Response(self.describe(self.get_campaign()))


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Start a campaign, the canary wave first"),
        description=gettext_lazy(
            "From now on it goes on by itself, in the name of whoever started it: uploads, "
            "submissions, and releases if it was made so. Read it again to see how far it is."
        ),
    )
)
class CampaignStart(CampaignActView):
    act = staticmethod(campaigns.start_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Begin nothing new; what is at WeChat is followed all the same"),
        description=gettext_lazy(
            "Uploads that have begun end, and verdicts are heard. 409 `conflict` where it does "
            "not run."
        ),
    )
)
class CampaignPause(CampaignActView):
    goes_on = False
    act = staticmethod(campaigns.pause_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Go on after a pause, in the name of who asks"),
        description=gettext_lazy(
            "Also after a pause that came of too many failures: look at the items that failed "
            "first. 409 `conflict` where it is not paused."
        ),
    )
)
class CampaignResume(CampaignActView):
    act = staticmethod(campaigns.resume_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("End a campaign for good; audits that are open go on at WeChat"),
        description=gettext_lazy(
            "It cannot be started again. Mini programs that wait are let go; withdraw open audits "
            "one by one if they are not wanted."
        ),
    )
)
class CampaignCancel(CampaignActView):
    goes_on = False
    act = staticmethod(campaigns.stop_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Let the rest follow, whatever became of the canary wave"),
        description=gettext_lazy(
            "For when the canary wave waits for a verdict that is not worth waiting for. 409 "
            "`conflict` where the rest follows already."
        ),
    )
)
class CampaignGoOn(CampaignActView):
    act = staticmethod(campaigns.pass_canary)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Try all that failed again, not what was rejected"),
        description=gettext_lazy(
            "Items that failed or were held back are waiting again. What WeChat has rejected "
            "needs another version."
        ),
    )
)
class CampaignRetry(CampaignActView):
    act = staticmethod(campaigns.retry_failed)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Release all of a campaign that has passed"),
        description=gettext_lazy(
            "For a campaign that does not release by itself. What passes later needs another "
            "call. 409 `conflict` where nothing waits to be released."
        ),
    )
)
class CampaignRelease(CampaignActView):
    to_act = MAY_RELEASE
    releases = True
    act = staticmethod(campaigns.release_passed)
