"""`/api/v1/`: what is at which address."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny

from reviews.api import changes, docs, provisioning, views, webhooks

urlpatterns = [
    path("prescriptions", views.PrescriptionList.as_view(), name="api-prescriptions"),
    path("prescriptions/<int:pk>", views.PrescriptionDetail.as_view(), name="api-prescription"),
    path("prescriptions/sync", views.PrescriptionSync.as_view(), name="api-prescriptions-sync"),
    path("conditions/sync", views.ConditionSync.as_view(), name="api-conditions-sync"),
    path("readings", views.ReadingList.as_view(), name="api-readings"),
    path("readings/<int:pk>", views.ReadingDetail.as_view(), name="api-reading"),
    path("readings/sync", views.ReadingSync.as_view(), name="api-readings-sync"),
    path("reviews", views.ReviewList.as_view(), name="api-reviews"),
    path("reviews/<int:pk>", views.ReviewDetail.as_view(), name="api-review"),
    path("tapers", views.TaperList.as_view(), name="api-tapers"),
    path("tapers/<int:pk>", views.TaperDetail.as_view(), name="api-taper"),
    path("notes", views.ImportNoteList.as_view(), name="api-notes"),
    path("notes/<int:pk>", views.ImportNoteDetail.as_view(), name="api-note"),
    path("patients", views.PatientList.as_view(), name="api-patients"),
    path("patients/<int:pk>", views.PatientDetail.as_view(), name="api-patient"),
    path("patients/sync", views.PatientSync.as_view(), name="api-patients-sync"),
    path("flags", views.FlagList.as_view(), name="api-flags"),
    path("flags/<int:pk>", views.FlagDetail.as_view(), name="api-flag"),
    path("cases", views.CaseList.as_view(), name="api-cases"),
    path("cases/<int:pk>", views.CaseDetail.as_view(), name="api-case"),
    path("messages", views.MessageList.as_view(), name="api-messages"),
    path("messages/<int:pk>", views.MessageDetail.as_view(), name="api-message"),
    path("decisions", views.DecisionList.as_view(), name="api-decisions"),
    path("decisions/<int:pk>", views.DecisionDetail.as_view(), name="api-decision"),
    path("decisions/<int:pk>/text", views.DecisionText.as_view(), name="api-decision-text"),
    path("changes", changes.Changes.as_view(), name="api-changes"),
    path("practices", provisioning.Practices.as_view(), name="api-practices"),
    path("practices/<slug:code>", provisioning.PracticeChange.as_view(), name="api-practice"),
    path("people", provisioning.People.as_view(), name="api-people"),
    path("people/<int:pk>/roles", provisioning.Roles.as_view(), name="api-person-roles"),
    path("people/<int:pk>/register", provisioning.Register.as_view(), name="api-person-register"),
    path("people/<int:pk>/leave", provisioning.Leave.as_view(), name="api-person-leave"),
    path("invitations", provisioning.Invitations.as_view(), name="api-invitations"),
    path("invitations/make", provisioning.Invite.as_view(), name="api-invite"),
    path(
        "invitations/<int:pk>/withdraw",
        provisioning.InvitationWithdrawal.as_view(),
        name="api-invitation-withdraw",
    ),
    path("webhooks", webhooks.Webhooks.as_view(), name="api-webhooks"),
    path("webhooks/make", webhooks.Make.as_view(), name="api-webhook-make"),
    path("webhooks/<int:pk>", webhooks.Edit.as_view(), name="api-webhook"),
    path("webhooks/<int:pk>/secret", webhooks.Secret.as_view(), name="api-webhook-secret"),
    path("webhooks/<int:pk>/sample", webhooks.Sample.as_view(), name="api-webhook-sample"),
    path("webhooks/<int:pk>/remove", webhooks.Remove.as_view(), name="api-webhook-remove"),
    path("webhooks/<int:pk>/messages", webhooks.Messages.as_view(), name="api-webhook-messages"),
    path(
        "webhooks/<int:webhook_pk>/messages/<int:pk>/again",
        webhooks.Again.as_view(),
        name="api-webhook-again",
    ),
    path(
        "schema/",
        SpectacularJSONAPIView.as_view(
            authentication_classes=[], permission_classes=[AllowAny], schema=None
        ),
        name="api-schema",
    ),
    path("docs/", docs.page, name="api-docs"),
    re_path(r"^.*$", views.NowhereView.as_view()),
]
