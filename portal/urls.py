"""Every address of the portal, by edge."""

from django.urls import include, path

from portal import account_pages, health
from reviews.fhir_api.views import Base

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    # Before allauth's, whose page of e-mail addresses asks nobody to confirm anything.
    path("accounts/", include(account_pages)),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("reviews.api.urls")),
    path("", include("reviews.smart.urls")),
    path("fhir", Base.as_view(), name="fhir-bundle"),
    path("fhir/", include("reviews.fhir_api.urls")),
    path("", include("reviews.cds_hooks.urls")),
    path("", include("reviews.urls")),
]

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler404 = "portal.errors.page_not_found"
handler500 = "portal.errors.server_error"
