"""The product's own settings on a throw-away world: fixed keys, no outside, nothing from `.env`."""

import os
import tempfile

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
TEST_REDIS_URL = os.environ.get("TEST_REDIS_URL", "")

os.environ.update(
    {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "tests-only-" + "k" * 50,
        "DEBUG": "0",
        "FIELD_ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
        "PUBLIC_URL": "http://testserver",
        "VAR_DIR": os.environ.get("TEST_VAR_DIR", f"{tempfile.gettempdir()}/tests-only"),
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", ""),
        # A database of its own per worker, as with SQL: one's FLUSHDB is not the other's.
        "REDIS_URL": f"{TEST_REDIS_URL.rsplit('/', 1)[0]}/{WORKER}" if TEST_REDIS_URL else "",
        "WECHAT_API_URL": "https://wechat.test",
        "WECHAT_MP_URL": "https://wechat.test",
        "WECHAT_OPEN_URL": "https://wechat.test",
    }
)
# A shell's own values of what the settings give a default to.
OPTIONAL = """
ALIVE_FILE
ALLOWED_HOSTS
BULKHEAD_PLACES
CALL_LOG_DAYS
COMPANY_LOGO
COMPANY_NAME
CSRF_TRUSTED_ORIGINS
DATABASE_POOL_SIZE
DATABASE_POOL_TIMEOUT
DEFAULT_FROM_EMAIL
EMAIL_URL
FORBIDDEN_PASSWORD_WORDS
FORWARD_INTERNAL_HOSTS
HSTS_PRELOAD
HSTS_SUBDOMAINS
LOG_LEVEL
NUM_PROXIES
PERMISSION_SETS
POSTGRES_PASSWORD
PROCESS_ROLE
PROOF_MINUTES
PROOF_MINUTES_WITH_TOTP
PUSH_RETENTION_DAYS
REDIS_PASSWORD
REFRESH_SWEEP_SECONDS
RELEASE_NEEDS_TWO
SECRET_KEY_FALLBACKS
SENTRY_DSN
SENTRY_ENVIRONMENT
SESSION_HOURS
SESSION_IDLE_MINUTES
STAFF_NEEDS_TOTP
STAFF_SESSION_HOURS
STAFF_SESSION_IDLE_MINUTES
STATIC_COLLECTED
STATIC_ROOT
SUPPORT_CONTACT
SUPPORT_HOURS
TIME_ZONE
WECHAT_AES_KEY
WECHAT_COMPONENT_APPID
WECHAT_COMPONENT_SECRET
WECHAT_TOKEN
"""
for name in os.environ.keys() & set(OPTIONAL.split()):
    del os.environ[name]

from config.settings import *  # noqa: E402, F403  (the one place where a star is right)
from config.settings import CACHES, REDIS_URL, STORAGES  # noqa: E402

# Only the hashing of the tests' own passwords is weak; nothing else of a login changes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Looked up when asked for: every test client would walk all static files otherwise.
REFUSALS_WRITTEN_EVERY = 0.0  # at once, in the test's own transaction
COUNTS_WRITTEN_EVERY = CALLS_WRITTEN_EVERY = 0.0  # when they are asked for
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
if not REDIS_URL:
    CACHES["markers"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    CELERY_BROKER_URL = "memory://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {}
