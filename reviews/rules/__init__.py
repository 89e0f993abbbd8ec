"""The pure core: a dossier and a rule book go in, findings come out.

    screening = screen(dossier, book)

Standard library only; no clock, no Django, and no input or output but for its own sources, which
are read once to name the engine. Whoever knows these four ideas can read every rule.

1. Dossier and book. A `Dossier` is one person as the record knows them, judged `as_of` a day: age,
   prescriptions (a `Line` is one supply of one medicine), conditions, readings, exemptions,
   tapers. A `RuleBook` is what the portal holds true under a number: which medicine holds which
   drug, the facts about each drug, and the thresholds of each rule under each profile (UK, US,
   EU). Both are values: nothing in them changes, and the same two give the same answer on any day,
   on any machine. What is unknown is None and stays unknown: no rule makes up a number. What a
   book lacks no rule makes up either; a rule whose thresholds the book does not hold is not asked
   (`asking`), and what others would have learnt from it they leave unsaid.

2. Exposure. The record holds supplies; a clinician asks how long somebody has been taking
   something. `exposure` turns one into the other. A supply is days in hand, from a day to a day.
   If a refill comes early, what was left is carried forward; supplies with small gaps between them
   make one episode, whatever the drug, because the body counts benzodiazepines and Z-drugs
   together. A supply of unknown length is a type of its own: it is in hand for certain on its
   first day, perhaps much longer, and the type checker reminds whoever forgets. Days are whole
   numbers (`date.toordinal`), both ends included.

3. The view, and what a check returns. A rule is a function that stands below its declaration
   (`@rule`: id, title, sources, thresholds). It gets a `View` of the dossier and its limits, and
   yields candidates for findings, or says what the record does not allow it to judge (a gap). The
   view answers questions: what is in use now (`view.now`), since when (`view.current`), what the
   record says of the person (`view.person`), what was in hand together (`view.in_hand`), how much
   it comes to in diazepam (`view.daily`). No rule can change it, and none hears what another said,
   so the order in which rules are asked matters to nobody. Asking whether a day has come
   (`view.reached`) also notes the day: the earliest of them is how long the answer holds
   (`valid_until`), and then the person is screened again although nothing happened.

4. What yields to what. Several rules often see one fact: a course of five months is past the limit
   for anxiety and past day 120. A reviewer is told once. After all rules have spoken, exemptions
   silence or lower what they were granted for (`exemptions`); then one table (`precedence`) says
   which finding is shown in place of which and under what conditions, and what makes one graver,
   such as an opioid begun last week. What gave way is still named (`Screening.shadowed`): nothing
   is lost, it is only not said twice.

What is left are the findings of the screening, the gravest first, and the gaps beside them. A rule
that found nothing has said: checked, and clear.
"""

from reviews.rules.engine import ENGINE
from reviews.rules.registry import RULES, Rule
from reviews.rules.screen import screen

__all__ = ["ENGINE", "RULES", "Rule", "screen"]
