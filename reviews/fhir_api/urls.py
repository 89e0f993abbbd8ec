"""`/fhir`: what is at which address. Every type has the same addresses."""

from django.urls import URLPattern, path, re_path

from reviews.fhir_api import views
from reviews.queries.fhir import KINDS


def _of(name: str) -> list[URLPattern]:
    """The addresses of one type; the first two have a door each, which the others share."""
    given = {"kind_name": name}
    one = f"{name}/<str:logical_id>"
    return [
        path(f"{name}", views.TypeAddress.as_view(**given), name=f"fhir-{name}"),
        path(f"{name}/_search", views.SearchAddress.as_view(**given)),
        path(f"{name}/_history", views.TypeHistory.as_view(**given)),
        path(one, views.InstanceAddress.as_view(**given), name=f"fhir-{name}-one"),
        path(f"{one}/_history", views.InstanceHistory.as_view(**given)),
        path(f"{one}/_history/<str:version>", views.VersionAddress.as_view(**given)),
    ]


urlpatterns = [
    path("metadata", views.Metadata.as_view(), name="fhir-metadata"),
    *(address for name in KINDS for address in _of(name)),
    # Whatever else there is under /fhir stands before this.
    re_path(r"^.*$", views.Nowhere.as_view()),
]
