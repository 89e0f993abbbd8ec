"""The schema as a page to read and try: no inline script, nothing from outside."""

from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def page(request):
    return render(request, "api/docs.html")
