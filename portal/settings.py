"""The one settings file. What differs between installations is read from the environment."""

import logging
import math
import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from portal import environment, logs
from portal.postgresql.connection import Connection
from reviews import walls

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env(SECRET_KEY_FALLBACKS=(list, []), CSRF_TRUSTED_ORIGINS=(list, []))
environment.require(env)
# Where ./dev keeps data, and every installation its collected static files.
VAR = Path(env.str("PORTAL_VAR", default=str(BASE_DIR / "var")))

# -- The machine around it -----------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS")
environment.require_secret(SECRET_KEY, *SECRET_KEY_FALLBACKS)
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
environment.require_named_hosts(ALLOWED_HOSTS)
# Off only for ./dev on this machine, where there is no TLS: browsers drop Secure cookies there.
HTTPS = env.bool("HTTPS", default=True)
if not HTTPS:
    environment.require_loopback(ALLOWED_HOSTS)
# Whether servers that people name may be on this machine: only where somebody develops.
OUTGOING_TO_LOOPBACK = not HTTPS
# How many proxies of ours stand in front; their X-Forwarded-* headers are believed, no others.
PROXY_COUNT = env.int("PROXY_COUNT", default=0)

# The longest a page or an API call may spend on one statement; 0 is without limit, for workers and
# commands. A server that does not answer at all is given up much sooner (portal/postgresql).
DATABASE_STATEMENT_SECONDS = env.int("DATABASE_STATEMENT_SECONDS", default=0)
# Web and worker connect as the application, which owns no table. What makes and changes the tables
# (manage.py says which commands) connects as their owner, where one is named.
DATABASES = {"default": env.db_url("DATABASE_URL")}
# The role that the owner gives the rights of the application to. Tests and benchmarks connect as
# the owner and take this role on.
DATABASE_ROLE = env.str("DATABASE_ROLE", default=DATABASES["default"]["USER"])
AS_OWNER = env.bool("PORTAL_AS_OWNER", default=False)
if AS_OWNER and env.str("DATABASE_OWNER_URL", default=""):
    DATABASES["default"] = env.db_url("DATABASE_OWNER_URL")
DATABASES["default"]["ENGINE"] = "portal.postgresql"
DATABASES["default"]["OPTIONS"] = {
    "application_name": "portal",
    # A machine that vanished: what was sent to it is not waited for.
    "tcp_user_timeout": 5_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    **DATABASES["default"].get("OPTIONS", {}),
    "connect_timeout": 2,
}
if DATABASE_STATEMENT_SECONDS:
    DATABASES["default"]["OPTIONS"]["options"] = (
        f"-c statement_timeout={DATABASE_STATEMENT_SECONDS}s"
        f" -c lock_timeout={math.ceil(DATABASE_STATEMENT_SECONDS / 3)}s"
    )
if "DATABASE_ROLE" in os.environ and not AS_OWNER:
    DATABASES["default"]["OPTIONS"]["assume_role"] = DATABASE_ROLE
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Connections each web process keeps open (portal/gunicorn.py sets it to its threads). Never in a
# Celery worker: its pool processes are forked and would share sockets. They keep one each.
DATABASE_POOL = env.int("DATABASE_POOL", default=0)
if DATABASE_POOL:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "connection_class": Connection,
        "min_size": 1,
        "max_size": DATABASE_POOL,
        "timeout": 2,
        "reset": walls.forget,
        # Its patience with a server that is away would grow to minutes. Whoever needs a connection
        # has it try again.
        "reconnect_timeout": 2,
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "portal.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# Where the key that seals the trail is, and what is kept of the seals outside the database. Each
# process that seals or verifies needs it, and it should be backed up apart from the database.
SEAL_DIR = Path(env.str("SEAL_DIR", default=str(VAR / "seal")))

# Where the files of bulk exports and imports are, for the time that they are kept: on a disk that
# web and workers share. They hold records of patients.
BULK_DIR = Path(env.str("BULK_DIR", default=str(VAR / "bulk")))
BULK_HOURS = env.int("BULK_HOURS", default=24)
# From where files of an import are fetched, by the source system of the key: "ehr=https://host/a/".
IMPORT_SOURCES = environment.import_sources(env.str("IMPORT_SOURCES", default=""))

# -- Parts ---------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "portal",
    "reviews",
    "drugs",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "django_structlog",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.sessions.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.sight.SightMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "portal.errors.RefusalMiddleware",
    "portal.last_stroke.LastStrokeMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.sessions.SessionMiddleware",
    "reviews.views.reading.ReadingMiddleware",
    "portal.one_press.OnePressMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["portal.templatetags.one_press"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "reviews.views.chrome.chrome",
                "portal.unsent.context",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.append("django.forms")
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# -- Words, days and files -----------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
DEMO_SIGN_INS = VAR / "demo-signins.json"  # there only where invented people were seeded
STATICFILES_DIRS = [BASE_DIR / "portal" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# A sync of 10,000 prescriptions is about 8 MB; the API checks its own limit again.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

# -- Sign-in -------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

# What somebody is shown or refused, and what is counted: portal/sign_in.py, portal/attempts.py.
SIGN_IN_FAILURE_LIMIT = env.int("SIGN_IN_FAILURE_LIMIT", default=5)
ACCOUNT_ADAPTER = "portal.sign_in.AccountAdapter"
ACCOUNT_FORMS = {"change_password": "portal.sign_in_forms.NewPasswordForm"}  # nosec B105
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A mail to whom nobody knows would be a mail that anybody can have sent.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Urgent decisions, keys, roles and publishing ask who it is where the last proof is older.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * env.int("CONFIRM_MINUTES", default=15)
# Tries are counted in the database (portal/attempts.py): these counts are in the cache, which may
# be down, and one of all sign-ins of an address would shut a whole site out at nine o'clock.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}

MFA_ADAPTER = "portal.sign_in.FactorAdapter"
MFA_FORMS = {
    "authenticate": "portal.sign_in_forms.CodeForm",
    "reauthenticate": "portal.sign_in_forms.ConfirmByCodeForm",
    "activate_totp": "portal.sign_in_forms.FirstCodeForm",
    "add_webauthn": "portal.sign_in_forms.NewPasskeyForm",
    "authenticate_webauthn": "portal.sign_in_forms.PasskeyForm",
    "login_webauthn": "portal.sign_in_forms.PasskeySignInForm",
    "reauthenticate_webauthn": "portal.sign_in_forms.ConfirmByPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A passkey cannot be guessed, and a site that signs in at nine has one address.
MFA_RATE_LIMITS = {"webauthn_login": None}
MFA_TOTP_ISSUER = "Prescription Safety Portal"
MFA_TOTP_TOLERANCE = 1  # a telephone's clock may be half a minute off
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
# Administrators enter the addresses; nobody is asked to prove one before securing an account.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# Sign-in by the organisation, where OIDC_SERVER_URL names its provider.
SOCIALACCOUNT_ADAPTER = "portal.sign_in.OrganisationAdapter"
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_STORE_TOKENS = False
# A link: a form that leads through several sites would be stopped by the content policy.
SOCIALACCOUNT_LOGIN_ON_GET = True
OIDC_NAME = env.str("OIDC_NAME", default="your organisation")
# Whether the organisation asks for a second factor, and whether it owns every address it names.
OIDC_SECOND_FACTOR = env.bool("OIDC_SECOND_FACTOR", default=False)
OIDC_OWNS_MAIL = env.bool("OIDC_OWNS_MAIL", default=False)
SOCIALACCOUNT_PROVIDERS = environment.organisation(env, https=HTTPS)

# -- What a browser may do -----------------------------------------------------------------------

# A session ends after so long, and after a time in which nobody used it.
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_IDLE_SECONDS = 60 * env.int("SESSION_IDLE_MINUTES", default=30)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
DEVICE_COOKIE_NAME = "__Host-browser" if HTTPS else "browser"
CSRF_FAILURE_VIEW = "portal.unsent.form_without_proof"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_COUNT else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# -- The API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["portal.closed.Closed"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "reviews.api.schema.Schema",
    "EXCEPTION_HANDLER": "portal.errors.api_exception",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": PROXY_COUNT,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Prescription Safety Portal",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "DESCRIPTION": "Sync prescriptions in; read back what was checked, found and decided.",
    "POSTPROCESSING_HOOKS": ["reviews.api.schema.add_shapes"],
}

# So long a change stays in the feed of changes: who was away for longer copies everything again.
FEED_DAYS = env.int("FEED_DAYS", default=30)
# The database keeps the rows of a what-if that name patients for 30 days at least.
WHAT_IF_ROWS_DAYS = max(30, env.int("WHAT_IF_ROWS_DAYS", default=180))

# -- Background work -----------------------------------------------------------------------------

# The longest task, in seconds; a task is cut off there. A task of a dead worker is handed out again
# after twice this, checked every `unacked_restore_interval` seconds.
TASK_LIMIT_SECONDS = 60
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "portal.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 2 * TASK_LIMIT_SECONDS,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "global_keyprefix": "celery:",
    # A write that rings the doorbell must not wait for a broker that is away, nor ask it again:
    # kombu's own patience is six seconds a save. Workers reconnect by a policy of their own.
    "socket_connect_timeout": 1,
    "max_retries": 0,
    # Of a worker, which reads. Whoever writes waits for a second only (portal/celery.py).
    "socket_timeout": 5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = TASK_LIMIT_SECONDS
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE_FILENAME = env.str("BEAT_SCHEDULE_FILE", default=str(VAR / "beat-schedule"))

# -- Logs ----------------------------------------------------------------------------------------

logs.configure()
LOGGING = logs.logging_config(
    level=env.str("LOG_LEVEL", default="INFO"), as_json=env.bool("LOG_JSON", default=True)
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

# -- Mail, for forgotten passwords and digests ---------------------------------------------------

# Without a mail server, each mail is a file.
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR / "mail"
EMAIL_TIMEOUT = 10
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="portal@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# What links in mails begin with.
PORTAL_URL = env.str(
    "PORTAL_URL", default=f"{'https' if HTTPS else 'http'}://{(ALLOWED_HOSTS or ['localhost'])[0]}"
).rstrip("/")
