"""How much a reviewer reads: words and cards on the page of every open case of the demo.

    ./dev manage shell < benchmarks/words.py

It opens each case as the demo's reviewer, changes nothing, and counts words as they stand on the
page: what is folded away counts by its summary alone, and choices, drawings and what only scripts
and screen readers use do not count. Needs a running `./dev up` with the demo's people.
"""

import json
import re
import statistics
from html.parser import HTMLParser

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from reviews.models import Case

UNREAD = {"svg", "select", "script", "style", "template", "kbd", "dialog"}
EMPTY = {"input", "br", "img", "meta", "link", "hr", "source", "wbr", "col", "path", "rect"}


class Page(HTMLParser):
    """The words of the main part of a page that is not folded away, and what its cards hold."""

    def __init__(self):
        super().__init__()
        self.open: list[tuple[str, bool]] = []  # (tag, whether its text is read)
        self.words = self.all_words = self.cards = self.hatched = 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        if tag == "article" and "flag" in classes:
            self.cards += 1
        if "unknown" in classes and self._inside("main"):
            self.hatched += self._is_read()
        if tag in EMPTY:
            return
        read = self._is_read() and tag not in UNREAD and "visually-hidden" not in classes
        if self.open and self.open[-1][0] == "details-closed":
            read = self._is_read(but_last=True) and tag == "summary"
        if "skip" in classes:
            read = False
        name = "details-closed" if tag == "details" and "open" not in given else tag
        self.open.append((name, read))

    def handle_endtag(self, tag):
        if tag in EMPTY or not any(name.removesuffix("-closed") == tag for name, _ in self.open):
            return
        while self.open.pop()[0].removesuffix("-closed") != tag:
            pass

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data):
        if not self._inside("main") or any(tag in UNREAD for tag, _ in self.open):
            return
        count = len(re.findall(r"\w+(?:[.,'’-]\w+)*", data))
        self.all_words += count
        if self._is_read() and not (self.open and self.open[-1][0] == "details-closed"):
            self.words += count

    def _inside(self, tag):
        return any(name == tag for name, _ in self.open)

    def _is_read(self, but_last=False):
        return all(read for _, read in (self.open[:-1] if but_last else self.open))


def measure():
    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    client.force_login(
        User.objects.get(username="ravi"),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    rows = []
    for case in Case.objects.open().order_by("pk"):
        response = client.get(reverse("case", args=[case.pk]), headers={"host": "localhost"})
        if response.status_code != 200:
            continue  # of a practice that this reviewer does not see
        page = Page()
        page.feed(response.content.decode())
        rows.append(
            {
                "case": case.pk,
                "findings": case.flag_count,
                "cards": page.cards,
                "words": page.words,
                "all_words": page.all_words,
                "hatched": page.hatched,
            }
        )
    return rows


def told(rows):
    lines = [f"{len(rows)} cases", f"{'':12}median   mean  worst"]
    for name in ("findings", "cards", "words", "all_words", "hatched"):
        counts = [row[name] for row in rows]
        lines.append(
            f"{name:12}{statistics.median(counts):6.0f}{statistics.mean(counts):7.1f}"
            f"{max(counts):7}"
        )
    return "\n".join(lines)


found = measure()
print(told(found))
print(json.dumps(max(found, key=lambda row: row["words"])))
