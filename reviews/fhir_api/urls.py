"""`/fhir`: what is at which address. Every type has the same addresses."""

from django.urls import URLPattern, path, re_path

from reviews.fhir_api import bulk, bulk_import, subscriptions, views
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
    path("$export", bulk.Exporting.as_view(), name="fhir-export"),
    path(
        "Patient/$export",
        bulk.Exporting.as_view(level=bulk.PATIENT),
        name="fhir-export-patients",
    ),
    path(
        "Group/<str:logical_id>/$export",
        bulk.Exporting.as_view(level=bulk.GROUP),
        name="fhir-export-group",
    ),
    path("$import", bulk_import.Importing.as_view(), name="fhir-import"),
    path("bulk-status/<uuid:pk>", bulk.Status.as_view(), name="fhir-bulk-status"),
    path("bulk-files/<uuid:pk>/<str:name>", bulk.File.as_view(), name="fhir-bulk-file"),
    path("Subscription", subscriptions.Subscriptions.as_view(), name="fhir-Subscription"),
    path(
        "Subscription/<str:logical_id>",
        subscriptions.Subscription.as_view(),
        name="fhir-Subscription-one",
    ),
    # Before this, whatever would be taken for an id.
    *(address for name in KINDS for address in _of(name)),
    # Whatever else there is under /fhir stands before this.
    re_path(r"^.*$", views.Nowhere.as_view()),
]
