"""A law of who is who: however records of people arrive, the same people come of them.

Records come with slips, old numbers, numbers of others and links between two numbers, in any order,
and merges are made or undone in between. At any time nothing is lost and nobody is mixed with
somebody else; once every question has been answered, whoever was one person is one record.
"""

import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from reviews.models import (
    IdentityQuestion,
    KeptApart,
    Patient,
    PersonMerge,
    Prescription,
    WaitingRecord,
)
from reviews.people import current
from reviews.verbs import identity, sync

PEOPLE = 200
SYSTEM = "urn:x:mrn"
Answer, Cause = IdentityQuestion.Answer, IdentityQuestion.Cause
LETTERS = "bcdfghklmnprstvwz"


def _day(rng):
    return f"{rng.randrange(1930, 2015)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def _person(rng, number):
    """Somebody whose name no slip makes another's."""
    family, given = ("".join(rng.choices(LETTERS, k=9)) for _ in range(2))
    return {
        "family_name": family.capitalize(),
        "given_name": given.capitalize(),
        "birth_date": _day(rng),
        "sex": rng.choice(["male", "female"]),
    }


def _slipped(rng, said):
    """The same person as somebody else types them."""
    year, month, day = said["birth_date"].split("-")
    name = said["family_name"]
    place = rng.randrange(1, len(name))
    return said | rng.choice(
        [
            {},
            {"family_name": name[:place] + name[place + 1 :]},
            {"family_name": name.upper(), "given_name": said["given_name"][0]},
            {"family_name": said["given_name"], "given_name": name},
            {"family_name": "Married-" + name},
            {"family_name": "Wed" + "".join(rng.choices(LETTERS, k=8))},
            {"birth_date": f"{year}-{month}-{int(day) % 28 + 1:02}"},
            {"sex": "unknown"},
        ]
    )


def _numbers(*values):
    return [
        {"system": SYSTEM, "value": value, **({"use": "old"} if place else {})}
        for place, value in enumerate(values)
    ]


class Stream:
    """Records of people; `whose` says whose each is, `holder` whose number each number is."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.whose, self.holder, self.rows = {}, {}, []
        people = [_person(rng, number) for number in range(PEOPLE)]
        for number, said in enumerate(people):
            mine = [f"{letter}{number}" for letter in "ABC"[: rng.choice([1, 1, 1, 2, 2, 3])]]
            self.holder |= dict.fromkeys(mine, number)
            for value in mine:
                for _ in range(rng.randrange(1, 3)):
                    self._add(number, _slipped(rng, said), value)
            # A link: its source says that the record of one number is in place of another one.
            for first, second in pairwise(mine):
                self._add(number, said, second, first)
        for number in rng.sample(range(PEOPLE), 12):
            other = (number + 100) % PEOPLE
            self._add(other, people[other], f"A{number}")
        rng.shuffle(self.rows)

    def _add(self, number, said, *values):
        source_id = f"rx-{len(self.rows)}"
        self.whose[source_id] = number
        self.rows.append(
            {
                "source_id": source_id,
                "patient": {"identifiers": _numbers(*values), **said},
                "medicine": "Diazepam 5 mg tablets",
            }
        )

    def owner(self, patient):
        """Whose record somebody on file is: that of their medicines, of whom all must be one."""
        live = patient.prescriptions.live().values_list("source_id", flat=True)
        owners = {self.whose[source_id] for source_id in live}
        assert len(owners) <= 1, f"{patient} is mixed: {owners}"
        return owners.pop() if owners else None


def send(by, rows):
    return sync.prescriptions(rows=enumerate(rows), source_system="ehr", by=by)


def answer(stream, question, one, other):
    """Answer a question as somebody who knows."""
    waits = question.records.filter(ended_at__isnull=True).values_list("source_id", flat=True)
    (whose,) = {stream.whose[source_id] for source_id in waits}
    holders = list({current(holder) for holder in question.patients.all()})
    theirs = [holder for holder in holders if stream.owner(holder) == whose]
    settle = {"question": question, "how": "sender", "by": one}
    if question.cause == Cause.TWO_PEOPLE and len(theirs) > 1:
        for gone in theirs[1:]:
            identity.merge(kept=theirs[0], gone=gone, reason="One person.", by=one)
        return
    if question.cause == Cause.TWO_PEOPLE:
        identity.settle(answer=Answer.APART, **settle)
        return
    if theirs:
        if not identity.settle(answer=Answer.SAME, patient=theirs[0], **settle).settled_at:
            identity.settle(answer=Answer.SAME, patient=theirs[0], **settle | {"by": other})
        return
    known = next((one for one in on_file() if stream.owner(one) == whose), None)
    said = {number["value"] for number in question.said["identifiers"]}
    mine = {stream.holder[value] for value in said} == {whose}
    reply = Answer.NUMBER_WRONG if mine else Answer.APART
    identity.settle(answer=reply, patient=known, **settle)


def nothing_was_asked_twice():
    """Whether no answer that stands was asked for again."""
    answered = Counter(
        (current(question.patient).pk, str(question.said))
        for question in IdentityQuestion.objects.filter(answer=Answer.SAME)
    )
    return not answered or max(answered.values()) == 1


def suspect_again(stream, by):
    """Take back that two were kept apart who are one."""
    for apart in KeptApart.objects.filter(ended_at__isnull=True):
        if stream.owner(apart.first) == stream.owner(apart.second):
            identity.not_apart(apart=apart, reason="They are one.", by=by)


def join_whom_no_number_joins(stream, by):
    """Merge who was registered from records under a number of somebody else: no number joins them.

    All who have a number of their own are one already.
    """
    records = defaultdict(list)
    for patient in on_file():
        owner = stream.owner(patient)
        own = any(stream.holder[known.value] == owner for known in patient.identifiers.all())
        records[owner].append((not own, patient.pk))
    for several in records.values():
        (_, kept), *others = sorted(several)
        for strange, gone in others:
            assert strange
            people = Patient.objects.in_bulk([kept, gone])
            identity.merge(kept=people[kept], gone=people[gone], reason="One person.", by=by)


def on_file():
    return Patient.objects.filter(merged_into__isnull=True).order_by("pk")


def check_nothing_is_lost_or_mixed(stream, sent):
    waits = set(
        WaitingRecord.objects.filter(ended_at__isnull=True).values_list("source_id", flat=True)
    )
    live = list(Prescription.objects.live().values_list("source_id", "patient"))
    taken = {source_id for source_id, _ in live}
    assert taken | waits == sent
    assert not taken & waits
    owners = defaultdict(set)
    for source_id, patient in live:
        owners[patient].add(stream.whose[source_id])
    assert not {patient: whose for patient, whose in owners.items() if len(whose) > 1}
    assert not Patient.objects.filter(pk__in=owners, merged_into__isnull=False).exists()


def answer_all(stream, one, other):
    while open_ones := list(IdentityQuestion.objects.open().order_by("pk")):
        for question in open_ones:
            question.refresh_from_db()
            if question.settled_at is None:
                answer(stream, question, one, other)


@pytest.mark.parametrize("seed", [5])
def test_streams_in_any_order_come_to_the_same_people(harbour, ehr, ravi, samira, seed):
    stream = Stream(seed)
    rng = random.Random(seed)
    sent = set()
    for start in range(0, len(stream.rows), 60):
        batch = stream.rows[start : start + 60]
        send(ehr, batch)
        sent |= {row["source_id"] for row in batch}
        for question in IdentityQuestion.objects.open().order_by("pk"):
            if rng.random() < 0.3:
                question.refresh_from_db()
                if question.settled_at is None:
                    answer(stream, question, ravi, samira)
        for merge in PersonMerge.objects.filter(undone_at__isnull=True).order_by("pk"):
            if rng.random() < 0.1 and merge.kept.merged_into_id is None:
                identity.unmerge(merge=merge, reason="By mistake.", by=ravi)
        check_nothing_is_lost_or_mixed(stream, sent)
    answer_all(stream, ravi, samira)
    check_nothing_is_lost_or_mixed(stream, sent)
    suspect_again(stream, ravi)
    for _ in range(2):
        rng.shuffle(stream.rows)
        send(ehr, stream.rows)
        answer_all(stream, ravi, samira)
    join_whom_no_number_joins(stream, ravi)
    check_nothing_is_lost_or_mixed(stream, sent)
    owners = Counter(stream.owner(patient) for patient in on_file())
    assert owners == Counter(range(PEOPLE))
    for _ in range(2):
        send(ehr, stream.rows)
        answer_all(stream, ravi, samira)
    again = send(ehr, stream.rows)
    assert (again.unchanged, again.waiting, again.refused) == (len(sent), 0, 0)
    assert nothing_was_asked_twice()
