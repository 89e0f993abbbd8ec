"""The pages, by area."""

from reviews.views import audit_trail, cases, keys, patients, preferences, queue

AREAS = (queue, cases, patients, audit_trail, keys, preferences)

urlpatterns = [pattern for area in AREAS for pattern in area.urlpatterns]
