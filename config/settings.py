"""
All settings, in one file. What differs between machines comes from the environment or `.env`
(see `.env.example`); a secret has no default, so a process without one does not start. Long because
it is a table.
"""

import sys
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import structlog
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from config.admission import FILES, threads_of
from config.environment import Environment, private_folder
from config.process_role import PATIENCE, connection_options, role_of
from config.secret_files import with_password
from platform_auth import logs
from platform_auth.deadlines import Connection

# Lets Django's generic classes be written with their model: ModelAdmin[Push].
django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parent.parent

env = Environment()
env.read_env(env.str("ENV_FILE", default=str(ROOT / ".env")))

# What this process does: one of config/process_role.py
PROCESS_ROLE = env.str("PROCESS_ROLE", default="") or role_of(sys.argv)
# Of a web process; of which some must always be free. 0, as with another server: not limited.
WEB_THREADS = env.int("GRANIAN_BLOCKING_THREADS", default=threads_of(sys.argv))

# Django

# Beat signs nothing and decrypts nothing: it need not be given what it could leak.
_IS_KEYLESS = PROCESS_ROLE == "beat"

SECRET_KEY = env.str("SECRET_KEY", default=token_urlsafe(50) if _IS_KEYLESS else env.NOTSET)
# The former ones: what they have signed, sessions and links, stays good until they go.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
IS_SECURE = PUBLIC_URL.startswith("https://")
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[*filter(None, [urlsplit(PUBLIC_URL).hostname]), *LOOPBACK]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"

VAR_DIR = private_folder(Path(env.str("VAR_DIR", default="") or ROOT / "var"))

# Touched by a worker and by beat as they work; deploy/processes.py names it.
ALIVE_FILE = env.str("ALIVE_FILE", default="")

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "django_otp",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "platform_auth",
    "miniprograms",
    "messaging",
    "audits",
    "notices",
    "webhooks",
    "portal",
    "api",
    "config",
]

MIDDLEWARE = [
    # First: a push or a health check passes none of the others.
    "config.middleware.bypass",
    # Around all others, so that their errors have the headers too.
    "config.headers.PolicyMiddleware",
    "config.headers.page_headers",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.RequestMiddleware",
    "config.middleware.whole_text",
    "config.middleware.name_origin",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.no_such_file",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "config.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.name_asker",
    "config.middleware.lead_back",
    "config.middleware.limit_session",
    "config.middleware.demand_second_factor",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.BulkheadMiddleware",
    # Last: it answers what views raise, as pages in the person's language.
    "config.errors.LoginRefusals",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.company.company",
            ],
        },
    },
]

# Database


def database(url: str) -> dict[str, Any]:
    """Django's settings for the database at URL, with what makes it safe under many writers."""
    config: dict[str, Any] = Environment.db_url_config(url)
    if config["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE is the part that counts: without it WAL answers "database is locked".
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        }
    elif config["ENGINE"].endswith("postgresql"):
        patience = PATIENCE[PROCESS_ROLE]
        pool = {
            "min_size": 0,
            "max_size": env.int("DATABASE_POOL_SIZE", default=16),
            "timeout": env.float("DATABASE_POOL_TIMEOUT", default=patience.connection),
            "connection_class": Connection,
            "reconnect_timeout": 1,  # or it pauses longer and longer while the server is away
        }
        ours, given = connection_options(patience), config.get("OPTIONS", {})
        # Of each new connection, whose zone Django would set by a statement of its own.
        session = f"{ours['options']} {given.get('options', '')} -c TimeZone=UTC"
        config["OPTIONS"] = {**ours, **given, "options": session, "pool": pool}
        config["ENGINE"] = "config.postgresql"
    config["CONN_MAX_AGE"] = 0
    return config


DATABASE_ANSWER_SECONDS = PATIENCE[PROCESS_ROLE].answer
DATABASES = {
    "default": database(
        with_password(env.str("DATABASE_URL", default=""), env.str("POSTGRES_PASSWORD", default=""))
        or f"sqlite:///{VAR_DIR / 'db.sqlite3'}"
    )
}

# Cache, broker and Celery

REDIS_URL = with_password(env.str("REDIS_URL", default=""), env.str("REDIS_PASSWORD", default=""))

if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        }
    }
    # Beside the messages that they stand for: see platform_auth/wakeup.py.
    CACHES["markers"] = CACHES["default"]
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "visibility_timeout": 180,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 3,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "max_retries": 0,  # of whoever publishes: wakeup counts a miss and takes the next
    }
else:
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "markers": {"BACKEND": "config.broker.Markers", "LOCATION": str(VAR_DIR / "markers")},
    }
    QUEUE, CONTROL = private_folder(VAR_DIR / "queue"), private_folder(VAR_DIR / "control")
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE),
        "data_folder_out": str(QUEUE),
        "control_folder": str(CONTROL),
        "store_processed": False,
        "polling_interval": 0.1,
    }

# Who runs the platform: shown to merchants.
COMPANY_NAME = env.str("COMPANY_NAME", default="")
COMPANY_LOGO = env.str("COMPANY_LOGO", default="")  # the path of a file
SUPPORT_CONTACT = env.str("SUPPORT_CONTACT", default="")
SUPPORT_HOURS = env.str("SUPPORT_HOURS", default="")

PUSH_RETENTION_DAYS = env.int("PUSH_RETENTION_DAYS", default=30)
REFRESH_SWEEP_SECONDS = env.int("REFRESH_SWEEP_SECONDS", default=60)
# Seconds between two writes of what the push URLs refused, in one process.
REFUSALS_WRITTEN_EVERY = 1.0
# And of what is counted for the operators; 0: only when it is asked for.
COUNTS_WRITTEN_EVERY = 5.0
# And of calls to WeChat, which are kept for so many days.
CALLS_WRITTEN_EVERY = 2.0
CALL_LOG_DAYS = env.int("CALL_LOG_DAYS", default=7)

# What events wake, and what beat sends: config/worker.py keeps the one from delaying the other.
EVENT_QUEUE, PERIODIC_QUEUE = "celery", "periodic"
CELERY_TASK_DEFAULT_QUEUE = EVENT_QUEUE
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in (EVENT_QUEUE, PERIODIC_QUEUE)]
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # there are none, and nothing to clean up
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 90
CELERY_TASK_SOFT_TIME_LIMIT = 75
CELERY_WORKER_CONCURRENCY = 4  # not by processors: work waits for WeChat most of the time
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Nobody sends workers commands; and redis-py reads a subscription without a time-out, so that on a
# connection that had been silent a worker waited for ever.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 15
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.schedule:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5


def every(seconds: float, task: str) -> dict[str, Any]:
    """
    A periodic job: intervals only. It never expires, since the clock of another host would say
    when; and one that waits is not sent again. Its heartbeat is named as its function.
    """
    return {"task": task, "schedule": seconds, "options": {"queue": PERIODIC_QUEUE}}


CELERY_BEAT_SCHEDULE = {
    "keep the component token": every(
        REFRESH_SWEEP_SECONDS, "platform_auth.tasks.keep_component_tokens"
    ),
    "seal the operation log": every(300, "platform_auth.tasks.seal_operations"),
    "notice silence": every(30, "webhooks.tasks.listen"),
    "work out pushes": every(10, "webhooks.tasks.process_pushes"),
    "try failed pushes again": every(60, "webhooks.tasks.retry_failed_pushes"),
    "forget old pushes": every(3600, "webhooks.tasks.forget_old_pushes"),
    "send replies": every(10, "messaging.tasks.send_replies"),
    "forward messages": every(10, "messaging.tasks.forward"),
    "give up deliveries": every(60, "messaging.tasks.give_up_deliveries"),
    "answer release tests": every(10, "messaging.tasks.answer_release_tests"),
    "forget old conversations": every(3600, "messaging.tasks.forget_old_conversations"),
    "refresh authorizer tokens": every(REFRESH_SWEEP_SECONDS, "miniprograms.tasks.refresh_tokens"),
    "finish bindings": every(min(REFRESH_SWEEP_SECONDS, 10), "miniprograms.tasks.advance_bindings"),
    "fetch profiles": every(min(REFRESH_SWEEP_SECONDS, 30), "miniprograms.tasks.fetch_profiles"),
    "settings of record": every(min(REFRESH_SWEEP_SECONDS, 15), "miniprograms.tasks.run_settings"),
    "settle code": every(15, "audits.tasks.reconcile_acts"),
    "run campaigns": every(10, "audits.tasks.run_campaigns"),
    "speed up reviews": every(300, "audits.tasks.speed_up_reviews"),
    "log quotas": every(3600, "audits.tasks.log_quotas"),
    "mirror templates": every(3600, "audits.tasks.sync_templates"),
    "forget old calls": every(600, "platform_auth.tasks.forget_old_calls"),
    "send notices": every(10, "notices.tasks.send_notices"),
    "watch for notices": every(60, "notices.tasks.watch_for_notices"),
    "forget old notices": every(3600, "notices.tasks.forget_notices"),
    "send password links": every(60, "platform_auth.tasks.send_password_links"),
    "forget old logins": every(3600, "platform_auth.tasks.forget_old_logins"),
    "forget old keys": every(3600, "api.tasks.forget_old_keys"),
    "forget web logins": every(3600, "miniprograms.tasks.forget_web_logins"),
    "reconcile with WeChat": every(600, "miniprograms.tasks.reconcile"),
}
DJANGO_CELERY_BEAT_TZ_AWARE = True

# WeChat

WECHAT_API_URL = env.str("WECHAT_API_URL", default="https://api.weixin.qq.com").rstrip("/")
WECHAT_MP_URL = env.str("WECHAT_MP_URL", default="https://mp.weixin.qq.com").rstrip("/")
WECHAT_OPEN_URL = env.str("WECHAT_OPEN_URL", default="https://open.weixin.qq.com").rstrip("/")

# Requests of one web process that may wait for WeChat's answer at once; half as many more wait for
# a place. Together fewer than its threads (--blocking-threads).
BULKHEAD_PLACES = env.int("BULKHEAD_PLACES", default=4)

# Hosts within our own network that messages may be forwarded to: host, host:port, IP or CIDR.
FORWARD_INTERNAL_HOSTS = env.list("FORWARD_INTERNAL_HOSTS", default=[])

# The mail server, for notices and new passwords; without one those to e-mail addresses fail, and
# say so.
_MAIL = Environment.email_url_config(env.str("EMAIL_URL", default="") or "dummymail://")
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _MAIL.get("EMAIL_HOST") or "localhost", _MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _MAIL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_TLS", False), _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _MAIL.get("EMAIL_FILE_PATH") or str(VAR_DIR / "mail")
EMAIL_TIMEOUT = 5  # seconds, of each step of handing a mail over
EMAIL_USE_LOCALTIME = True
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default=f"noreply@{urlsplit(PUBLIC_URL).hostname}"
)

# A release then takes two people: one approves, another releases.
RELEASE_NEEDS_TWO = env.bool("RELEASE_NEEDS_TWO", default=False)

# Ids of the permission sets (权限集) that the platform has in WeChat's console: merchants are asked
# for no others. Empty: all that our functions need.
PERMISSION_SETS = env.list("PERMISSION_SETS", cast=int, default=[])

WECHAT_COMPONENT_APPID = env.str("WECHAT_COMPONENT_APPID", default="")
WECHAT_COMPONENT_SECRET = env.str("WECHAT_COMPONENT_SECRET", default="")
WECHAT_TOKEN = env.str("WECHAT_TOKEN", default="")
WECHAT_AES_KEY = env.str("WECHAT_AES_KEY", default="")

# Secrets at rest

FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[] if _IS_KEYLESS else env.NOTSET)

# Users and sessions

AUTHENTICATION_BACKENDS = ["platform_auth.logins.backend.CountingBackend"]
PASSWORD_HASHERS = ["platform_auth.logins.hashing.BoundedPBKDF2PasswordHasher"]
# How many reverse proxies of ours append to X-Forwarded-For. Logins are counted by address.
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
_DJANGOS = "django.contrib.auth.password_validation"
# Long rather than of many kinds of letters: no rule says which.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_DJANGOS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_DJANGOS}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_DJANGOS}.CommonPasswordValidator"},
    {"NAME": "platform_auth.logins.password_words.PasswordWords"},
]
# How long the link is good that whoever has forgotten their password is mailed.
PASSWORD_RESET_TIMEOUT = 3600
# Such as the company's name; besides those of platform_auth/logins/password_words.py.
FORBIDDEN_PASSWORD_WORDS = env.list("FORBIDDEN_PASSWORD_WORDS", default=[])
LOGIN_URL = reverse_lazy("portal:login")
LOGIN_REDIRECT_URL = reverse_lazy("portal:home")
LOGOUT_REDIRECT_URL = reverse_lazy("portal:login")

# How long a session lasts in all, and without being used; of staff, and of merchants.
STAFF_SESSION_HOURS = env.float("STAFF_SESSION_HOURS", default=8)
STAFF_SESSION_IDLE_MINUTES = env.float("STAFF_SESSION_IDLE_MINUTES", default=30)
SESSION_HOURS = env.float("SESSION_HOURS", default=12)
SESSION_IDLE_MINUTES = env.float("SESSION_IDLE_MINUTES", default=120)
# Staff then must set up a second factor before anything else; otherwise they may.
STAFF_NEEDS_TOTP = env.bool("STAFF_NEEDS_TOTP", default=False)
# How long ago staff may have proven who they are when they release, or change keys and rights.
PROOF_MINUTES = env.float("PROOF_MINUTES", default=15)
PROOF_MINUTES_WITH_TOTP = env.float("PROOF_MINUTES_WITH_TOTP", default=5)
SESSION_ENGINE = "platform_auth.logins.session_store"
SESSION_COOKIE_AGE = int(max(SESSION_HOURS, STAFF_SESSION_HOURS) * 3600)
SESSION_COOKIE_HTTPONLY = True
# Lax, not Strict: WeChat sends the browser back across sites, and the session must come along.
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = IS_SECURE
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = True, "Lax"
DEVICE_COOKIE_NAME = "device"
if IS_SECURE:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    DEVICE_COOKIE_NAME, LANGUAGE_COOKIE_NAME = "__Host-device", "__Host-language"

# Security

SECURE_SSL_REDIRECT = IS_SECURE
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_SUBDOMAINS", default=IS_SECURE)
# Whoever says it may be put into browsers' own lists, by anybody and for years.
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
# That those two are off is a choice.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if not IS_SECURE:
    # All follow from PUBLIC_URL, and platform_auth.W001 says it of that.
    SILENCED_SYSTEM_CHECKS += [f"security.W0{number}" for number in ("04", "08", "12", "16")]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # nginx overwrites it
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

_PICTURES = [SELF, "data:", "https:"] if IS_SECURE else [SELF, "data:", "https:", "http:"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": _PICTURES,
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.clients.PersonAuthentication",
        "api.clients.ClientAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.BoundedJSONParser"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS: the schema tells more
    "DEFAULT_SCHEMA_CLASS": "api.schema.Operations",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": [
        "api.throttles.UserRate",
        "api.throttles.ClientRate",
        "api.throttles.ScopedRate",
    ],
    "DEFAULT_THROTTLE_RATES": {"user": "1200/min", "client": "600/min", "acts": "300/min"},
    "EXCEPTION_HANDLER": "api.errors.exception_response",
    "NUM_PROXIES": NUM_PROXIES,
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Token"}
SPECTACULAR_SETTINGS = {
    "TITLE": "WeChat third-party platform",
    "DESCRIPTION": _(
        "What another system of the company's needs to use the platform: the accounts that "
        "authorise it and their state, WeChat's own API with our tokens, code, settings, messages. "
        "Every error answer holds a `code`; what each means and what to do is said where it comes."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.schema.complete",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "AuditStatus": "api.audits.AUDIT_WORDS",
        "VersionStatus": "audits.models.CodeVersion.State",
        "ReleaseStatus": "audits.models.Release.State",
        "BindingStatus": "miniprograms.models.BindLink.Status",
        "AccountState": "miniprograms.models.Authorizer.State",
        "CampaignState": "audits.models.Campaign.State",
        "CampaignItemState": "audits.models.CampaignItem.State",
        "PromotionStatus": "audits.models.Promotion.State",
        "SettingKind": "api.settings.KIND_NAMES",
        "TokenState": "api.fields.TOKEN_STATES",
        "SettingOutcome": "miniprograms.models.Setting.State",
    },
}

# Languages and files

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [ROOT / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Shanghai")
USE_TZ = True

STATIC_URL = FILES
STATIC_ROOT = env.str("STATIC_ROOT", default=str(ROOT / "staticfiles"))
STATICFILES_DIRS = [ROOT / "static"]
# The image sets it, having collected them: hashed names, compressed. Otherwise they are found.
STATIC_COLLECTED = env.bool("STATIC_COLLECTED", default=False)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not STATIC_COLLECTED

# Staff pages

UNFOLD = {
    "SITE_TITLE": _("WeChat third-party platform"),
    "SITE_HEADER": _("WeChat third-party platform"),
    "SITE_SUBHEADER": _("Staff"),
    "SITE_URL": reverse_lazy("portal:home"),
    "SITE_ICON": lambda _: static("icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("icon.svg")}
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,  # the operation log tells more
    "ENVIRONMENT": "config.navigation.environment",
    "ACCOUNT": {"navigation": "config.navigation.account"},
    "DASHBOARD_CALLBACK": "config.home.dashboard",
    "STYLES": [lambda _: static("staff.css")],
    "SCRIPTS": [
        lambda _: static("staff.js"),
        lambda _: static("search.js"),
        lambda _: static("live.js"),
        lambda request: f"{static('written.js')}#{request.user.pk or ''}",
    ],
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {
        "show_search": True,
        "navigation": "config.navigation.sidebar",
    },
    # WeChat's green, dark enough to be read on white.
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .02 157)",
            "100": "oklch(94% .05 157)",
            "200": "oklch(89% .09 157)",
            "300": "oklch(82% .13 156)",
            "400": "oklch(72% .16 155)",
            "500": "oklch(63% .16 155)",
            "600": "oklch(52% .135 155)",
            "700": "oklch(45% .115 155)",
            "800": "oklch(38% .095 155)",
            "900": "oklch(33% .075 155)",
            "950": "oklch(23% .055 155)",
        },
    },
}

# Logs: one JSON line each (text under DEBUG), without anything shaped like a credential

structlog.configure(
    processors=[*logs.SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": logs.formatter, "is_text": DEBUG}},
    "filters": {
        "short": {"()": "django.utils.log.CallbackFilter", "callback": logs.without_traceback},
        "once": {
            "()": "django.utils.log.CallbackFilter",
            "callback": logs.is_not_of_a_push,
        },
    },
    "handlers": {
        "stderr": {"class": "platform_auth.logs.Lines", "formatter": "line", "filters": ["short"]}
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would print below DEBUG what ours prints already.
        "django": {"handlers": [], "propagate": True},
        # A line for each 4xx would let a flood of forged pushes fill the disk.
        "django.request": {"level": "ERROR", "filters": ["once"]},
        # Three lines for each connection that is taken and given back.
        "psycopg.pool": {"level": "WARNING"},
    },
}
# Errors go there as well, scrubbed like the log; needs requirements/sentry.txt.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="production")
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
