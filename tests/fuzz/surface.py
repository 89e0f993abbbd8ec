"""What can be sent to the portal, found from its table of addresses and from its own pages.

Nothing is listed by hand: a new address, form, field or question is met because it is there.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

from django.urls import URLPattern, get_resolver
from django.urls.converters import IntConverter

MOST_PAGES = 400


@dataclass(frozen=True)
class Address:
    """A pattern of the table: literal parts, and between them the converters of what varies."""

    route: str
    name: str
    parts: tuple

    def at(self, fill):
        """The address with `fill(converter, name)` for what varies."""
        return "/" + "".join(
            part if isinstance(part, str) else str(fill(part[0], part[1])) for part in self.parts
        )


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes, how, and what it holds as (name, value)."""

    address: str
    method: str
    fields: tuple


@dataclass
class Surface:
    forms: dict = field(default_factory=dict)
    questions: dict = field(default_factory=dict)
    pages: list = field(default_factory=list)


def addresses(patterns=None, before=()):
    """Every address of the table."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(each, URLPattern):
            parts = (*before, *_parts(each.pattern))
            yield Address("".join(map(str, parts)), each.name or "", parts)
        else:
            yield from addresses(each.url_patterns, (*before, *_parts(each.pattern)))


def _parts(pattern):
    rest = str(pattern)
    if not hasattr(pattern, "_route"):
        return ()  # a regular expression: only what stands before it
    parts = []
    while "<" in rest:
        literal, _, rest = rest.partition("<")
        what, _, rest = rest.partition(">")
        name = what.rpartition(":")[2]
        parts += [literal, (pattern.converters[name], name)]
    return (*(part for part in parts if part), *([rest] if rest else []))


class _Reader(HTMLParser):
    """Collects the forms and links of a page."""

    def __init__(self, address):
        super().__init__()
        self.address, self.forms, self.links = address, [], []
        self.form = self.select = self.text = None

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a" and (given.get("href") or "").startswith(("/", "?")):
            self.links.append(given["href"])
        if tag == "form":
            action = given.get("action") or self.address
            self.form = [action, (given.get("method") or "get").lower(), []]
        if self.form is None or not (name := given.get("name")):
            if tag == "option" and self.form and self.select:
                self.form[2].append((self.select, given.get("value") or ""))
            return
        if tag in ("input", "button"):
            self.form[2].append((name, given.get("value") or ""))
        elif tag == "select":
            self.select = name
        elif tag == "textarea":
            self.form[2].append((name, ""))

    def handle_endtag(self, tag):
        if tag == "form" and self.form:
            self.forms.append(Form(self.form[0], self.form[1], tuple(self.form[2])))
            self.form = None
        elif tag == "select":
            self.select = None


def survey(get, known):
    """The surface that shows itself from the addresses that `known` fill(converter, name) makes.

    `get(address)` is a page's text, or None where there is none.
    """
    surface, seen, shapes = Surface(), set(), {}
    waiting = []
    for address in addresses():
        varies = [part for part in address.parts if not isinstance(part, str)]
        ids = known if any(isinstance(part[0], IntConverter) for part in varies) else [1]
        waiting += [address.at(_with(pk)) for pk in ids]
    while waiting and len(seen) < MOST_PAGES * 6:
        address = waiting.pop(0)
        path = urlsplit(address).path
        # Of pages that differ in their numbers alone, a few are enough.
        shape = "".join("#" if char.isdigit() else char for char in path)
        if address in seen or shapes.get(shape, 0) >= 4 or "logout" in path:
            continue
        seen.add(address)
        if (text := get(address)) is None:
            continue
        shapes[shape] = shapes.get(shape, 0) + 1
        surface.pages.append(address)
        reader = _Reader(address)
        reader.feed(text)
        for form in reader.forms:
            shown = "".join("#" if char.isdigit() else char for char in form.address)
            surface.forms.setdefault((shown, form.method, *_names(form)), form)
        for link in reader.links:
            target = path + link if link.startswith("?") else link
            parts = urlsplit(target)
            if parts.query:
                asked = surface.questions.setdefault(parts.path, {})
                asked.update(parse_qsl(parts.query, keep_blank_values=True))
            waiting.append(target.partition("#")[0])
    return surface


def _names(form):
    return sorted({name.rstrip("0123456789") for name, _ in form.fields})


def _with(pk):
    def fill(converter, name):
        return pk if isinstance(converter, IntConverter) else f"{name}"

    return fill
