"""Print the languages of the patient's sheet: who signed them, and the digest to sign."""

from typing import Any

from django.core.management.base import BaseCommand

from reviews.tapering import sheet


class Command(BaseCommand):
    help = "Print each language of the patient's sheet, its digest and who signed these very words."

    def handle(self, **options: Any) -> None:
        for code in sheet.LANGUAGES:
            wording = sheet.wording(code)
            state = "not signed"
            if wording.signed:
                state = f"signed by {wording.signed_by} on {wording.signed_on}"
            self.stdout.write(f"{code}  {wording['language']}  digest {wording.digest}  {state}")
        said = " ".join(sheet.sentences(sheet.wording(sheet.DEFAULT)))
        self.stdout.write(f"reading grade of {sheet.DEFAULT}: {sheet.reading_grade(said)}")
