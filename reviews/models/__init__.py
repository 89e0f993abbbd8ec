"""Shape, and truth that the database enforces."""

from .audit import SHOWN, AuditEvent
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
from .clock import Clock
from .facts import Exemption, Reading
from .identity import IdentityQuestion, KeptApart, PersonMerge, WaitingRecord
from .jobs import Job
from .medicines import MedicineMeaning, NoSedative
from .notes import DEATH, ImportNote, PatientNote
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
    SecondFactor,
    Sex,
    compact,
    folded,
    named,
)
from .personal import Preference, SavedView
from .prescriptions import WITHDRAWN, Condition, Medicine, Prescription, Status
from .presses import Press
from .screening import Flag, PatientScreening, ScreeningRequest, ScreeningRun
from .sealing import SealedLeaf, SealedSubtree, TreeHead
from .signing_in import Tries
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
    "SHOWN",
    "WITHDRAWN",
    "ApiKey",
    "AuditEvent",
    "Case",
    "CaseMove",
    "CaseState",
    "Clock",
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
    "PatientNote",
    "PatientScreening",
    "PatientVersion",
    "PersonMerge",
    "Practice",
    "Preference",
    "Prescription",
    "Press",
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
    "SealedLeaf",
    "SealedSubtree",
    "SecondFactor",
    "Sex",
    "Status",
    "Taper",
    "TaperMove",
    "TaperStatus",
    "TaperVersion",
    "TreeHead",
    "Tries",
    "Versioned",
    "WaitingRecord",
    "compact",
    "folded",
    "named",
]
