"""Shape, and truth that the database enforces."""

from .audit import AuditEvent
from .cases import (
    CHANGED_PLAN,
    OPEN_STATES,
    RANKED,
    Case,
    CaseMove,
    CaseState,
    DataCheck,
    Decision,
    DecisionItem,
    Move,
    Outcome,
    Reason,
)
from .clients import ApiKey
from .facts import Exemption, Reading
from .identity import IdentityQuestion, KeptApart, PersonMerge, WaitingRecord
from .jobs import Job
from .medicines import MedicineMeaning, NoSedative
from .notes import DEATH, ImportNote
from .people import (
    COUNTRIES,
    LOCALES,
    MACHINES,
    PARTICULARS,
    Identifier,
    Membership,
    Patient,
    PatientVersion,
    Practice,
    Profile,
    Role,
    Sex,
    compact,
    folded,
    named,
)
from .personal import Preference, SavedView
from .prescriptions import WITHDRAWN, Condition, Medicine, Prescription, Status
from .screening import Flag, PatientScreening, ScreeningRequest, ScreeningRun
from .staff import FactorReset, Invitation, Leaving, RegisterEntry
from .tapers import Taper, TaperMove, TaperStatus, TaperVersion
from .versioned import Reported, Versioned
from .versions import Engine, RuleVersion

__all__ = [
    "CHANGED_PLAN",
    "COUNTRIES",
    "DEATH",
    "LOCALES",
    "MACHINES",
    "OPEN_STATES",
    "PARTICULARS",
    "RANKED",
    "WITHDRAWN",
    "ApiKey",
    "AuditEvent",
    "Case",
    "CaseMove",
    "CaseState",
    "Condition",
    "DataCheck",
    "Decision",
    "DecisionItem",
    "Engine",
    "Exemption",
    "FactorReset",
    "Flag",
    "Identifier",
    "IdentityQuestion",
    "ImportNote",
    "Invitation",
    "Job",
    "KeptApart",
    "Leaving",
    "Medicine",
    "MedicineMeaning",
    "Membership",
    "Move",
    "NoSedative",
    "Outcome",
    "Patient",
    "PatientScreening",
    "PatientVersion",
    "PersonMerge",
    "Practice",
    "Preference",
    "Prescription",
    "Profile",
    "Reading",
    "Reason",
    "RegisterEntry",
    "Reported",
    "Role",
    "RuleVersion",
    "SavedView",
    "ScreeningRequest",
    "ScreeningRun",
    "Sex",
    "Status",
    "Taper",
    "TaperMove",
    "TaperStatus",
    "TaperVersion",
    "Versioned",
    "WaitingRecord",
    "compact",
    "folded",
    "named",
]
