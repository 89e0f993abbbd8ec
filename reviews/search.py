"""Find people by part of a name or number, with room for a slip of the keyboard."""

import re

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Q
from django.db.models.functions import Greatest

from reviews.models import Identifier


def people(patients, text):
    """Those of `patients` who match every word of `text`; the likeliest first.

    A word with digits is part of a number, spaces and hyphens aside; any other is part of a name.
    """
    words = [word for word in re.split(r"[\s,]+", text) if word]
    digits = "".join(re.sub(r"\D", "", word) for word in words if re.search(r"\d", word))
    names = [word for word in words if not re.search(r"\d", word)]
    if digits:
        # People type numbers with and without the spaces that systems print.
        spaced = r"[\s-]*".join(digits)
        numbered = Identifier.objects.filter(value__regex=spaced)
        patients = patients.filter(pk__in=numbered.values("patient"))
    for word in names:
        patients = patients.filter(
            Q(family_name__icontains=word)
            | Q(given_name__icontains=word)
            | Q(family_name__trigram_similar=word)
            | Q(given_name__trigram_similar=word)
        )
    if not names:
        return patients.order_by("family_name", "given_name", "pk")
    likeness = Greatest(
        TrigramSimilarity("family_name", names[0]), TrigramSimilarity("given_name", names[0])
    )
    return patients.annotate(likeness=likeness).order_by(
        "-likeness", "family_name", "given_name", "pk"
    )
