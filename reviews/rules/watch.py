"""The day on which a dossier is judged, and the first later day on which an answer can change."""

from reviews.rules.exposure import OPEN


class Watch:
    """Days that rules compare with the day judged are noted here; no rule reads them back."""

    __slots__ = ("next_change", "today")

    def __init__(self, today: int):
        self.today = today
        self.next_change = OPEN

    def note(self, ordinal: int):
        """Say that an answer can change on a day; one that has come changes nothing any more."""
        if self.today < ordinal < self.next_change:
            self.next_change = ordinal

    def reached(self, ordinal: int) -> bool:
        """Has a day come? If not, the answer can change on it."""
        if self.today >= ordinal:
            return True
        self.next_change = min(self.next_change, ordinal)
        return False
