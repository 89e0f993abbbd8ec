"""`manage.py demo_signins`: who can sign in to the demo practices, and with which password."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management import BaseCommand

from reviews.models import Role
from reviews.seeding import staff


class Command(BaseCommand):
    help = "Prints the demo sign-ins, if this installation was seeded."

    def handle(self, **options: Any) -> None:
        passwords = staff.remembered()
        users = {
            user.username: user
            for user in User.objects.filter(
                username__in=passwords, is_active=True
            ).prefetch_related("memberships")
        }
        known = [name for name in passwords if name in users]
        if not known:
            return
        self.stdout.write("Demo sign-ins (made for this installation; every patient is invented):")
        width = max(len(name) for name in known)
        wide = max(len(passwords[name]) for name in known)
        for name in known:
            held = {membership.role for membership in users[name].memberships.all()}
            roles = " and ".join(Role(role).label.lower() for role in Role if role in held)
            self.stdout.write(f"  {name:<{width}}  {passwords[name]:<{wide}}  {roles}")
