"""Shape, and truth that the database enforces."""

from .audit import SHOWN, AuditEvent
from .break_glass import LASTS, BreakGlass, SensitiveMark
from .bulk_data import BulkFile, BulkId, BulkRequest
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
from .clients import AccessToken, ApiKey, Client, ClientKey, FetchedKeys, UsedAssertion
from .clock import Clock
from .edit_answers import EditAnswer
from .examples import BrokenExample, Expected, RuleExample
from .facts import Exemption, Reading
from .feed import Change, Feed
from .fhir import SentResource
from .groups import GroupMember, PracticeGroup
from .guarding import GuardedBook, GuardedNotice, GuardedPoint, GuardedPractice
from .hooks import HookCard, HookFeedback
from .identity import IdentityQuestion, KeptApart, PersonMerge, WaitingRecord
from .jobs import Job
from .letters import Audience, Letter, LetterTemplate, LetterText
from .medicines import MedicineMeaning, NoSedative
from .messages import Message
from .notes import DEATH, ImportNote, PatientNote
from .opinions import FindingOpinion
from .people import (
    BOOKS_LOCK,
    COUNTRIES,
    LOCALES,
    MACHINES,
    PARTICULARS,
    Identifier,
    Membership,
    PastProfile,
    Patient,
    PatientVersion,
    Practice,
    Role,
    SecondFactor,
    Sex,
    compact,
    folded,
    is_country,
    is_locale,
    is_time_zone,
    named,
)
from .personal import Preference, SavedView
from .prescriptions import WITHDRAWN, Condition, Medicine, Prescription, Status
from .presses import Press
from .recall import (
    Asked,
    OptOut,
    RecallAnswer,
    RecallList,
    RecallLook,
    RecallPerson,
    RecallRound,
)
from .refused import Refused
from .replies import Reply
from .reviewing import StructuredReview
from .screening import Flag, PatientScreening, ScreeningRequest, ScreeningRun
from .sealing import SealedLeaf, SealedSubtree, TreeHead
from .shadows import Shadow, ShadowFlag
from .signing_in import Tries
from .staff import FactorReset, Invitation, Leaving, RegisterEntry
from .statuses import LocalStatus
from .tapers import Taper, TaperMove, TaperStatus, TaperVersion
from .upkeep import UpkeepDuty
from .uploads import UploadFault, UploadPart
from .versioned import Reported, Versioned
from .versions import Engine, RuleChange, RuleDraft, RuleVersion
from .webhooks import Webhook, WebhookMessage, WebhookTry
from .what_ifs import (
    AgeBand,
    Became,
    Effect,
    WhatIf,
    WhatIfCase,
    WhatIfCount,
    WhatIfEdit,
    WhatIfEffect,
    WhatIfPractice,
)
from .work import WorkSession, WorkVisit

__all__ = [
    "BOOKS_LOCK",
    "CHANGED_PLAN",
    "COUNTRIES",
    "DEATH",
    "LASTS",
    "LOCALES",
    "MACHINES",
    "OPEN_STATES",
    "PARTICULARS",
    "RANKED",
    "SHOWN",
    "WITHDRAWN",
    "AccessToken",
    "AgeBand",
    "ApiKey",
    "Asked",
    "Audience",
    "AuditEvent",
    "Became",
    "BreakGlass",
    "BrokenExample",
    "BulkFile",
    "BulkId",
    "BulkRequest",
    "Case",
    "CaseMove",
    "CaseState",
    "Change",
    "Client",
    "ClientKey",
    "Clock",
    "Condition",
    "DataCheck",
    "Decision",
    "DecisionItem",
    "EditAnswer",
    "Effect",
    "Engine",
    "Exemption",
    "Expected",
    "FactorReset",
    "Feed",
    "FetchedKeys",
    "FindingOpinion",
    "Flag",
    "GroupMember",
    "GuardedBook",
    "GuardedNotice",
    "GuardedPoint",
    "GuardedPractice",
    "HookCard",
    "HookFeedback",
    "Identifier",
    "IdentityQuestion",
    "ImportNote",
    "Invitation",
    "Job",
    "KeptApart",
    "Leaving",
    "Letter",
    "LetterTemplate",
    "LetterText",
    "LocalStatus",
    "Medicine",
    "MedicineMeaning",
    "Membership",
    "Message",
    "Move",
    "NoSedative",
    "OptOut",
    "Outcome",
    "PastProfile",
    "Patient",
    "PatientNote",
    "PatientScreening",
    "PatientVersion",
    "PersonMerge",
    "Practice",
    "PracticeGroup",
    "Preference",
    "Prescription",
    "Press",
    "Reading",
    "Reason",
    "RecallAnswer",
    "RecallList",
    "RecallLook",
    "RecallPerson",
    "RecallRound",
    "Refused",
    "RegisterEntry",
    "Reply",
    "Reported",
    "Role",
    "RuleChange",
    "RuleDraft",
    "RuleExample",
    "RuleVersion",
    "SavedView",
    "ScreeningRequest",
    "ScreeningRun",
    "SealedLeaf",
    "SealedSubtree",
    "SecondFactor",
    "SensitiveMark",
    "SentResource",
    "Sex",
    "Shadow",
    "ShadowFlag",
    "Status",
    "StructuredReview",
    "Taper",
    "TaperMove",
    "TaperStatus",
    "TaperVersion",
    "TreeHead",
    "Tries",
    "UpkeepDuty",
    "UploadFault",
    "UploadPart",
    "UsedAssertion",
    "Versioned",
    "WaitingRecord",
    "Webhook",
    "WebhookMessage",
    "WebhookTry",
    "WhatIf",
    "WhatIfCase",
    "WhatIfCount",
    "WhatIfEdit",
    "WhatIfEffect",
    "WhatIfPractice",
    "WorkSession",
    "WorkVisit",
    "compact",
    "folded",
    "is_country",
    "is_locale",
    "is_time_zone",
    "named",
]
