"""Who runs the platform, as the settings say: on every page of the portal."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from config.logo import read_logo

LOGO_LIFE = 365 * 24 * 3600  # seconds; another logo has another address


def about_company() -> dict[str, Any]:
    """What pages call `company`, with what is not set as ""."""
    about = {
        "name": settings.COMPANY_NAME,
        "contact": settings.SUPPORT_CONTACT,
        "hours": settings.SUPPORT_HOURS,
        "logo": "",
    }
    if settings.COMPANY_LOGO:
        digest = read_logo(settings.COMPANY_LOGO).digest
        about["logo"] = reverse("company-logo", args=[digest])
    return {"company": about}


def company(request: HttpRequest) -> dict[str, Any]:
    """A context processor."""
    return about_company()


@require_safe
def company_logo(request: HttpRequest, digest: str) -> HttpResponse:
    """The logo, for everybody and for good."""
    logo = read_logo(settings.COMPANY_LOGO) if settings.COMPANY_LOGO else None
    if logo is None or logo.digest != digest:
        raise Http404
    headers = {
        "Cache-Control": f"public, max-age={LOGO_LIFE}, immutable",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(logo.content, content_type=logo.content_type, headers=headers)
