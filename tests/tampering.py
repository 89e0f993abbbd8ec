"""Ways in which somebody with every right in the database could change what was sealed.

Each one is done as a superuser with all triggers and foreign keys off, and gives what a
verification must name first: `(kind, id)` of a row, or a position in the log, or neither where
what was changed is no row of the log.
"""

import json
from typing import NamedTuple

from django.db import connection

from reviews import merkle, sealing
from reviews.models import TreeHead
from tests import database

TABLES = {
    "event": "reviews_auditevent",
    "decision": "reviews_decision",
    "book": "reviews_ruleversion",
}
EDITS = {
    "event": {
        "at": "at - interval '1 second'",
        "actor_id": "coalesce(actor_id, 0) + 1",
        "actor": "actor || ' '",
        "verb": "'case.claimed'",
        "practice_id": "coalesce(practice_id, 0) + 1",
        "patient_id": "coalesce(patient_id, 0) + 1",
        "subject": "subject || '1'",
        "detail": """detail || '{"also": 1}'""",
        "mark": "sha256(coalesce(mark, ''::bytea))",
        "xact": "coalesce(xact, 0) + 1",
    },
    "decision": {
        "decided_at": "decided_at + interval '1 day'",
        "case_id": "case_id + 1",
        "patient_id": "patient_id + 1",
        "practice_id": "practice_id + 1",
        "by_id": "by_id + 1",
        "note": "note || ' '",
        "xact": "coalesce(xact, 0) + 1",
    },
    "book": {
        "number": "number + 1000",
        "digest": "reverse(digest)",
        "note": "note || '.'",
        "book": """jsonb_set(book, '{number}', '77')""",
        "drafted_by_id": "coalesce(drafted_by_id, 0) + 1",
        "drafted_at": "drafted_at - interval '1 day'",
        "published_at": "published_at - interval '1 day'",
    },
}
ITEM_EDITS = {
    "outcome": "CASE outcome WHEN 'taper' THEN 'refer' ELSE 'taper' END",
    "reason": "CASE reason WHEN 'looked_at' THEN 'not_taken' ELSE 'looked_at' END",
    "until": "until + 1",
    "flag_id": "flag_id + 1000000",
}


class Expected(NamedTuple):
    kind: str = ""
    row_id: int | None = None
    position: int | None = None


class Tampering:
    """Draws a way with `random`, and does it. `did` says what it was."""

    def __init__(self, random):
        self.random = random
        self.did = ""

    def once(self):
        return self.do(self.random.choice(WAYS))

    def do(self, way):
        self.did = way.__name__
        with database.without_triggers():
            return way(self)

    def leaf(self, *kinds):
        """A random leaf of these kinds: `(position, kind, row id)`."""
        rows = ask(
            "SELECT position, kind, row_id FROM reviews_sealedleaf WHERE kind = ANY(%s)"
            " ORDER BY position",
            [list(kinds or TABLES)],
        )
        kind = self.random.choice(sorted({row[1] for row in rows}))
        return self.random.choice([row for row in rows if row[1] == kind])

    # -- Edits ---------------------------------------------------------------------------------

    def edits_a_column(self):
        _, kind, pk = self.leaf()
        self.edit(kind, pk)
        return Expected(kind, pk)

    def edit(self, kind, pk):
        column, value = self.random.choice(sorted(EDITS[kind].items()))
        self.did += f" {column} of {kind} {pk}"
        run("SET CONSTRAINTS ALL IMMEDIATE")
        run("ALTER TABLE reviews_ruleversion DROP CONSTRAINT published_by_a_second_person")
        run(f"UPDATE {TABLES[kind]} SET {column} = {value} WHERE id = %s", [pk])

    def edits_an_outcome(self):
        item, decision = self.random.choice(
            ask("SELECT id, decision_id FROM reviews_decisionitem ORDER BY id")
        )
        column, value = self.random.choice(sorted(ITEM_EDITS.items()))
        self.did += f" {column} of item {item}"
        run(f"UPDATE reviews_decisionitem SET {column} = {value} WHERE id = %s", [item])
        return Expected("decision", decision)

    def edits_and_covers_it_up(self):
        """Change a row, work its leaf out anew, and every kept subtree above it."""
        position, kind, pk = self.leaf()
        self.edit(kind, pk)
        cover_up(position)
        return Expected(kind, pk)

    def swaps_two_events(self):
        positions = sorted(
            self.random.sample(
                ask("SELECT position, row_id FROM reviews_sealedleaf WHERE kind = 'event'"), 2
            )
        )
        (_, one), (_, other) = positions
        run(
            "UPDATE reviews_auditevent e SET detail = o.detail, actor = o.actor || '.'"
            " FROM reviews_auditevent o WHERE (e.id, o.id) IN ((%s, %s), (%s, %s))",
            [one, other, other, one],
        )
        return Expected("event", one)

    # -- Deletions -----------------------------------------------------------------------------

    def deletes_a_row(self):
        _, kind, pk = self.leaf()
        delete(kind, [pk])
        return Expected(kind, pk)

    def deletes_an_outcome(self):
        item, decision = self.random.choice(
            ask("SELECT id, decision_id FROM reviews_decisionitem ORDER BY id")
        )
        run("DELETE FROM reviews_decisionitem WHERE id = %s", [item])
        return Expected("decision", decision)

    def deletes_a_row_and_its_leaf(self):
        position, kind, pk = self.leaf()
        delete(kind, [pk])
        run("DELETE FROM reviews_sealedleaf WHERE position = %s", [position])
        return Expected(position=position)

    def deletes_a_leaf_and_closes_the_gap(self):
        position, kind, pk = self.leaf()
        delete(kind, [pk])
        run("DELETE FROM reviews_sealedleaf WHERE position = %s", [position])
        run("UPDATE reviews_sealedleaf SET position = -position WHERE position > %s", [position])
        run("UPDATE reviews_sealedleaf SET position = -position - 1 WHERE position < 0")
        return Expected(position=position)

    # -- Insertions ----------------------------------------------------------------------------

    def inserts_an_event_at_the_end(self):
        pk = insert_event("nextval(pg_get_serial_sequence('reviews_auditevent', 'id'))")
        return Expected("event", pk)

    def inserts_a_copy_of_an_event(self):
        _, _, pk = self.leaf("event")
        [(copy,)] = ask(
            "INSERT INTO reviews_auditevent (actor_id, actor, verb, practice_id, patient_id,"
            " subject, detail, mark) SELECT actor_id, actor, verb, practice_id, patient_id,"
            " subject, detail, mark FROM reviews_auditevent WHERE id = %s RETURNING id",
            [pk],
        )
        return Expected("event", copy)

    def inserts_an_event_of_long_ago(self):
        pk = insert_event(str(-self.random.randrange(1, 1000)), xact="1")
        return Expected("event", pk)

    def inserts_an_event_of_before_marks(self):
        pk = insert_event(str(-self.random.randrange(1, 1000)), xact="NULL", mark="NULL")
        return Expected("event", pk)

    def inserts_a_decision(self):
        _, _, pk = self.leaf("decision")
        [(copy,)] = ask(
            "INSERT INTO reviews_decision (case_id, patient_id, practice_id, kind, by_id, note)"
            " SELECT case_id, patient_id, practice_id, 'decided', by_id, note"
            " FROM reviews_decision WHERE id = %s RETURNING id",
            [pk],
        )
        return Expected("decision", copy)

    def inserts_an_outcome(self):
        _, decision = self.random.choice(
            ask("SELECT id, decision_id FROM reviews_decisionitem ORDER BY id")
        )
        run(
            "INSERT INTO reviews_decisionitem"
            " (decision_id, flag_id, outcome, reason, until, exemption_kind, evidence)"
            " VALUES (%s, 4711000, 'refer', 'service_needed', '2030-01-01', '', '')",
            [decision],
        )
        return Expected("decision", decision)

    def inserts_an_outcome_of_no_decision(self):
        run(
            "INSERT INTO reviews_decisionitem"
            " (decision_id, flag_id, outcome, reason, until, exemption_kind, evidence)"
            " VALUES (4711000, 4711000, 'refer', 'service_needed', '2030-01-01', '', '')"
        )
        return Expected()

    def inserts_a_book(self):
        [(pk,)] = ask(
            "INSERT INTO reviews_ruleversion"
            " (number, state, book, digest, note, drafted_by_id, published_by_id, published_at)"
            " SELECT 4711, 'retired', book, digest, note, 1, 2, now() FROM reviews_ruleversion"
            " LIMIT 1 RETURNING id"
        )
        return Expected("book", pk)

    def inserts_a_row_and_its_leaf(self):
        pk = insert_event("nextval(pg_get_serial_sequence('reviews_auditevent', 'id'))")
        [(position,)] = ask("SELECT max(position) + 1 FROM reviews_sealedleaf")
        run(
            "INSERT INTO reviews_sealedleaf (position, kind, row_id, vouched, hash)"
            " VALUES (%s, 'event', %s, true, '')",
            [position, pk],
        )
        cover_up(position)
        return Expected("event", pk, position)

    # -- Truncations ---------------------------------------------------------------------------

    def truncates_a_table(self):
        """With what refers to it, as foreign keys demand of a TRUNCATE even when they are off."""
        table, wrong = self.random.choice(TRUNCATED)
        self.did += f" {table}"
        expected = Expected()
        if wrong:
            [(position, kind, pk)] = ask(
                f"SELECT position, kind, row_id FROM reviews_sealedleaf WHERE {wrong}"
                " ORDER BY position LIMIT 1"
            )
            lost = table == "reviews_sealedleaf"
            expected = Expected(position=position) if lost else Expected(kind, pk, position)
        run("SET CONSTRAINTS ALL IMMEDIATE")
        run(f"TRUNCATE {table} CASCADE")
        return expected

    # -- Cuts at the end -----------------------------------------------------------------------

    def cuts_off_the_last_rows(self):
        count = self.random.randrange(1, 30)
        gone = ask(
            "SELECT position, kind, row_id FROM reviews_sealedleaf ORDER BY position DESC LIMIT %s",
            [count],
        )
        for kind in TABLES:
            delete(kind, [pk for _, of, pk in gone if of == kind])
        position, kind, pk = min(gone)
        return Expected(kind, pk, position)

    def cuts_off_the_last_rows_and_leaves(self):
        expected = self.cuts_off_the_last_rows()
        self.did = "cuts_off_the_last_rows_and_leaves"
        run("DELETE FROM reviews_sealedleaf WHERE position >= %s", [expected.position])
        return Expected(position=expected.position)

    def cuts_off_all_since_a_head(self):
        """Go back to an earlier head in every table at once: inside, nothing contradicts."""
        numbers = [number for (number,) in ask("SELECT number FROM reviews_treehead ORDER BY 1")]
        back = self.random.choice(numbers[:-1])
        size = TreeHead.objects.get(number=back).size
        gone = ask(
            "SELECT kind, row_id FROM reviews_sealedleaf WHERE position >= %s ORDER BY position",
            [size],
        )
        for kind in TABLES:
            delete(kind, [pk for of, pk in gone if of == kind])
        run("DELETE FROM reviews_sealedleaf WHERE position >= %s", [size])
        run("DELETE FROM reviews_treehead WHERE number > %s", [back])
        drop_subtrees_beyond(size)
        return Expected(position=size)

    # -- The log itself ------------------------------------------------------------------------

    def changes_a_leaf(self):
        position, kind, pk = self.leaf()
        run(
            "UPDATE reviews_sealedleaf SET hash = sha256(hash) WHERE position = %s",
            [position],
        )
        return Expected(kind, pk, position)

    def says_the_portal_wrote_it(self):
        position, kind, pk = self.leaf()
        run(
            "UPDATE reviews_sealedleaf SET vouched = CASE WHEN vouched THEN NULL ELSE true END"
            " WHERE position = %s",
            [position],
        )
        return Expected(kind, pk, position)

    def deletes_a_head(self):
        [*numbers] = ask("SELECT number FROM reviews_treehead")
        run("DELETE FROM reviews_treehead WHERE number = %s", [*self.random.choice(numbers)])
        return Expected()

    def changes_a_head(self):
        [*numbers] = ask("SELECT number FROM reviews_treehead")
        number = self.random.choice(numbers)[0]
        column, value = self.random.choice(
            [
                ("size", "size + 1"),
                ("signed_at", "signed_at - interval '1 hour'"),
                ("body", "replace(body, '\"number\"', ' \"number\"')"),
                ("signature", "reverse(signature)"),
            ]
        )
        self.did += f" {column} of {number}"
        run(f"UPDATE reviews_treehead SET {column} = {value} WHERE number = %s", [number])
        return Expected()

    def signs_a_head_of_its_own(self):
        """A head on top that hides a forged event as sealed, signed with another key."""
        expected = self.inserts_a_row_and_its_leaf()
        self.did = "signs_a_head_of_its_own"
        last = sealing.newest()
        body = json.loads(last.body)
        body |= {"number": last.number + 1, "size": expected.position + 1, "root": "00" * 32}
        run(
            "INSERT INTO reviews_treehead (number, size, signed_at, body, signature)"
            " VALUES (%s, %s, now(), %s, %s)",
            [body["number"], body["size"], json.dumps(body), last.signature],
        )
        return Expected()

    def changes_a_kept_subtree(self):
        if not ask("SELECT 1 FROM reviews_sealedsubtree LIMIT 1"):
            return self.changes_a_leaf()
        run("UPDATE reviews_sealedsubtree SET hash = sha256(hash)")
        return Expected()


WAYS = [way for name, way in vars(Tampering).items() if name.split("_")[0].endswith("s")]
TRUNCATED = [
    ("reviews_auditevent", "kind = 'event'"),
    ("reviews_decision", "kind = 'decision'"),
    ("reviews_ruleversion", "kind IN ('book', 'decision')"),
    (
        "reviews_decisionitem",
        "kind = 'decision' AND row_id IN (SELECT decision_id FROM reviews_decisionitem)",
    ),
    ("reviews_sealedleaf", "true"),
    ("reviews_treehead", ""),
]
"""Tables, and which leaves no longer fit when one is emptied."""


def run(sql, values=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def ask(sql, values=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def delete(kind, pks):
    if kind == "decision":
        run("DELETE FROM reviews_decisionitem WHERE decision_id = ANY(%s)", [pks])
    run(f"DELETE FROM {TABLES[kind]} WHERE id = ANY(%s)", [pks])


def insert_event(pk, *, xact="pg_current_xact_id()::text::bigint", mark="sha256('x')"):
    [(made,)] = ask(
        "INSERT INTO reviews_auditevent"
        " (id, actor_id, actor, verb, practice_id, patient_id, subject, detail, mark, xact)"
        f" SELECT {pk}, actor_id, actor, verb, practice_id, patient_id, subject, detail, {mark},"
        f" {xact} FROM reviews_auditevent WHERE actor_id IS NOT NULL ORDER BY id LIMIT 1"
        " RETURNING id"
    )
    return made


def cover_up(position):
    """Work out anew the leaf at a position, and every subtree that is kept."""
    run(
        f"UPDATE reviews_sealedleaf l SET hash = {sealing.HASH} WHERE position = %s",
        [position],
    )
    frontier = merkle.Frontier()
    for (leaf,) in ask("SELECT hash FROM reviews_sealedleaf ORDER BY position"):
        for level, index, root in frontier.append(bytes(leaf)):
            run(
                "UPDATE reviews_sealedsubtree SET hash = %s WHERE level = %s AND index = %s",
                [root, level, index],
            )


def drop_subtrees_beyond(size):
    run("DELETE FROM reviews_sealedsubtree WHERE (index + 1) << (level * 8)::int > %s", [size])
