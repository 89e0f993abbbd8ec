"""The addresses of CDS Hooks."""

from django.urls import path, re_path

from reviews.cds_hooks import views

urlpatterns = [
    path("cds-services", views.Discovery.as_view(), name="hooks"),
    path("cds-services/<str:service>", views.Service.as_view(), name="hook-service"),
    path("cds-services/<str:service>/feedback", views.Feedback.as_view(), name="hook-feedback"),
    re_path(r"^cds-services/.*$", views.Nowhere.as_view()),
]
