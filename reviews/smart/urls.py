"""The addresses of SMART Backend Services, below no other edge."""

from django.urls import path

from reviews.smart import views

urlpatterns = [
    path(
        "fhir/.well-known/smart-configuration",
        views.Configuration.as_view(),
        name="smart-configuration",
    ),
    path("token", views.Token.as_view(), name="smart-token"),
]
