"""The pages, by area."""

from reviews.views import (
    audit_trail,
    cases,
    data_quality,
    facts,
    formulary,
    identity,
    jobs,
    keys,
    my_work,
    patients,
    preferences,
    prescribing,
    queue,
    reading,
    rulebooks,
    rules,
    search,
    sign_off,
    tapers,
    unknown_medicines,
)

AREAS = (
    queue,
    my_work,
    cases,
    data_quality,
    unknown_medicines,
    search,
    patients,
    facts,
    identity,
    prescribing,
    tapers,
    formulary,
    rules,
    sign_off,
    rulebooks,
    audit_trail,
    reading,
    keys,
    jobs,
    preferences,
)

urlpatterns = [pattern for area in AREAS for pattern in area.urlpatterns]
