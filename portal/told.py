"""What somebody is told once when they sign in: that two people have reset their second factor."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from reviews.models import named
from reviews.verbs import factors


@receiver(user_logged_in, dispatch_uid="portal.told")
def tell_of_a_reset(*, request: HttpRequest, user: User, **_: object) -> None:
    """The mail may have gone astray, so that they are told here as well."""
    reset = factors.tell(user=user)
    if reset is None or not hasattr(request, "_messages"):
        return
    when = timezone.localtime(reset.answered_at, reset.practice.zone)
    messages.warning(
        request,
        f"Your second factor was reset on {when:%-d %b %Y, %H:%M}: {named(reset.asked_by)} asked, "
        f"{named(reset.answered_by)} agreed. If this was not for you, tell the practice now.",
    )
