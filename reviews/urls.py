"""The pages, by area."""

from reviews.views import audit_trail, cases, keys, patients, preferences, prescribing, queue

AREAS = (queue, cases, patients, prescribing, audit_trail, keys, preferences)

urlpatterns = [pattern for area in AREAS for pattern in area.urlpatterns]
