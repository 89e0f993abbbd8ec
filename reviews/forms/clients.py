"""The forms of a system that signs: register one, and give it new keys."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from reviews.models import Practice

KEYS_HINT = "A public key or a key set (JWK), as JSON. Never the private half."


class ClientForm(forms.Form):
    """Which system, what it may, where its keys are, and which practices it reaches."""

    name = forms.CharField(max_length=100, help_text="Which system it is.")
    source_system = forms.SlugField(
        max_length=60,  # pyright: ignore[reportCallIssue] - it is a CharField
        label="Source system",
        help_text=(
            "Letters, digits and hyphens. Where the same system already sends records with a key,"
            " the word of that key: so an order that comes both ways is one order."
        ),
    )
    practices = forms.ModelMultipleChoiceField(
        queryset=Practice.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="It reaches only what belongs to these.",
    )
    allowed = forms.CharField(
        required=False,
        max_length=4000,
        label="What its tokens allow",
        help_text="SMART scopes, such as system/MedicationRequest.rs. Empty: it gets no token.",
    )
    hook_issuer = forms.CharField(
        required=False,
        max_length=255,
        label="Issuer in CDS Hooks",
        help_text="The iss of its signed calls. Empty: it calls no hook.",
    )
    fhir_server = forms.CharField(
        required=False,
        max_length=500,
        label="FHIR server",
        help_text="The only one that hooks ask for what a call leaves out. Empty: none is asked.",
    )
    jwks_url = forms.CharField(
        required=False,
        max_length=500,
        label="Address of its keys",
        help_text="Where its key set is (JWKS). It is fetched when it is needed.",
    )
    keys = forms.CharField(
        required=False,
        max_length=20_000,
        label="Public keys",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=KEYS_HINT,
    )

    def __init__(self, practices: QuerySet[Practice], *given: Any) -> None:
        """`practices`: those at which it can be registered."""
        super().__init__(*given)
        self.fields["practices"].queryset = practices


class KeysForm(forms.Form):
    """New public keys, beside those in force."""

    keys = forms.CharField(
        max_length=20_000,
        label="Public keys",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=KEYS_HINT,
    )
