"""`seal`: seal now, show or change the key, go on after a restore, hand the log out."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews import operators, sealing
from reviews.errors import DomainError
from reviews.verbs import seal


class Command(BaseCommand):
    help = (
        "Seal what was written since the last tree head (beat does this by itself). The options "
        "show or change the signing key, go on after a restore, or write the log to a file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--key", action="store_true", help="print the public key that signs now")
        what.add_argument(
            "--new-key", action="store_true", help="go over to a new key, named by the old one"
        )
        what.add_argument(
            "--restored",
            metavar="REASON",
            help="go on although the file outside has heads that a restore lost",
        )
        what.add_argument(
            "--log", metavar="FILE", type=Path, help="write every leaf with its text, in order"
        )

    def handle(
        self,
        *,
        key: bool,
        new_key: bool,
        restored: str | None,
        log: Path | None,
        **options: Any,
    ) -> None:
        try:
            if key:
                public = sealing.public_key()
                self.stdout.write(f"{public}\nfingerprint {sealing.fingerprint(public)}")
                return
            if log is not None:
                head = sealing.seal_all() or sealing.newest()
                if head is None:
                    raise CommandError("Nothing is sealed yet.")
                count = sealing.write_log(log, head)
                self.stdout.write(f"{count:,} leaves under tree head {head.number}.")
                return
            if new_key:
                head = sealing.rotate()
            elif restored is not None:
                head = seal.go_on(reason=restored, operator=operators.name())
            else:
                head = sealing.seal_all()
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        if head is None:
            self.stdout.write("Nothing is left to seal.")
        else:
            self.stdout.write(f"Tree head {head.number} over {head.size:,} rows is signed.")
