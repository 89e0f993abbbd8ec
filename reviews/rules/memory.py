"""What follows from a rule book, worked out once: the only memory of the core.

A book is a value. What is made of it again and again (its index of names, the medicines recognised
by it, the limits of a profile) is kept here, one memory for each book, as long as the book is among
the last ones met. Any number of threads may ask: a reader takes no lock, and a value that two of
them work out at the same time is the same value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

from reviews.rules.dossier import Medicine
from reviews.rules.drug import Recognition
from reviews.rules.recognise import Index

if TYPE_CHECKING:
    from reviews.rules.book import RuleBook

MOST_BOOKS = 64
MOST_MEDICINES = 50_000
"""How many medicines are remembered for a book. A key is a text, and texts have no end."""


class Recognised:
    """The medicines that one formulary was asked for: `known` by the key of a medicine."""

    __slots__ = ("_lock", "index", "known")

    def __init__(self, book: RuleBook):
        self.index = Index(book)
        self.known: dict[str, Recognition] = {}
        self._lock = Lock()

    def recognise(self, medicine: Medicine) -> Recognition:
        """Which drugs a medicine holds, remembered by `medicine.key`.

        A full memory starts anew, which costs less than an order of use.
        """
        found = self.known.get(medicine.key)
        if found is None:
            found = self.index.recognise(medicine.text, medicine.codings)
            with self._lock:
                if len(self.known) >= MOST_MEDICINES:
                    self.known = {}
                self.known[medicine.key] = found
        return found


class Memory:
    """What follows from one book; `answers` are those of `once_for_a_book`."""

    __slots__ = ("answers", "book", "recognised")

    def __init__(self, book: RuleBook, recognised: Recognised):
        self.book = book  # held, so that no other book can come to bear its id
        self.recognised = recognised
        self.answers: dict[tuple, Any] = {}


_memories: dict[int, Memory] = {}
_lock = Lock()


def memory_of(book: RuleBook) -> Memory:
    """The memory of a book, begun when it is first asked for."""
    return _memories.get(id(book)) or _begin(book)


def _begin(book):
    with _lock:
        memory = _memories.get(id(book))
        if memory is None:
            # A book of other thresholds alone shares the formulary, and what was recognised by it.
            alike = (each for each in _memories.values() if _same_formulary(each.book, book))
            other = next(alike, None)
            memory = Memory(book, Recognised(book) if other is None else other.recognised)
            while len(_memories) >= MOST_BOOKS:
                del _memories[next(iter(_memories))]
            _memories[id(book)] = memory
        return memory


def _same_formulary(one, other):
    return (
        one.drugs is other.drugs
        and one.products is other.products
        and one.atc is other.atc
        and one.names is other.names
        and one.without_a_rule is other.without_a_rule
    )


Asked = TypeVarTuple("Asked")
Answer = TypeVar("Answer")


def once_for_a_book(
    work: Callable[[RuleBook, Unpack[Asked]], Answer],
) -> Callable[[RuleBook, Unpack[Asked]], Answer]:
    """A function of a book, and of few other values, whose answers are worked out once."""

    @wraps(work)
    def answer(book: RuleBook, *asked: *Asked) -> Answer:
        answers = memory_of(book).answers
        key = (work, *asked)
        try:
            return answers[key]
        except KeyError:
            return answers.setdefault(key, work(book, *asked))

    return answer
