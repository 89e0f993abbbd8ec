"""What a second person answers to each edit of a frozen draft."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .versions import RuleChange, RuleVersion


class EditAnswer(models.Model):
    """One answer of somebody who edited nothing of a frozen draft to one of its edits; append-only.

    `words` say why: always where the edit is sent back, and where agreeing to it needs words.
    """

    class Answer(models.TextChoices):
        AGREE = "agree", "Read it and agree"
        SEND_BACK = "send_back", "Send it back"

    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="answers")
    change = models.ForeignKey(RuleChange, on_delete=models.PROTECT, related_name="answers")
    answer = models.CharField(max_length=9, choices=Answer)
    words = models.CharField(max_length=1000, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="by_a_second_person",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (
                        SELECT FROM reviews_ruleversion v
                        WHERE v.id = NEW.version_id AND v.state = 'draft'
                            AND NEW.change_id = ANY (v.change_ids)
                            AND v.drafted_by_id IS DISTINCT FROM NEW.by_id
                            AND NOT NEW.by_id = ANY (v.editor_ids)
                    ) THEN
                        RAISE EXCEPTION 'edits of a draft are answered by somebody who made none';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="editanswer_sent_back_with_words",
                condition=Q(answer="agree") | ~Q(words=""),
            ),
            models.UniqueConstraint(
                fields=["version", "change", "by", "answer"], name="editanswer_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.answer}: edit {self.change_id}"
