"""Who runs the platform, as the settings say: on every page of the portal."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def company(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `company`, with what is not set as ""."""
    about = {
        "name": settings.COMPANY_NAME,
        "contact": settings.SUPPORT_CONTACT,
        "hours": settings.SUPPORT_HOURS,
    }
    return {"company": about}
