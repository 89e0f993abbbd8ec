"""The pages, by area."""

from reviews.views import cases, preferences, queue

urlpatterns = [*queue.urlpatterns, *cases.urlpatterns, *preferences.urlpatterns]
