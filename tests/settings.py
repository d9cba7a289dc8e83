"""The product's own settings on a throw-away world: fixed keys, no outside, nothing from `.env`."""

import os
import tempfile

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")

os.environ.update(
    {
        # Not a file: a developer's own settings must not reach the tests.
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "tests-only-" + "k" * 50,
        "DEBUG": "0",
        "FIELD_ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
        "PUBLIC_URL": "http://testserver",
        "VAR_DIR": os.environ.get("TEST_VAR_DIR", tempfile.gettempdir()),
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", ""),
        "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
        "PUSH_RETENTION_DAYS": "30",
        "REFRESH_SWEEP_SECONDS": "60",
        "WECHAT_API_URL": "http://wechat.test",
        "WECHAT_MP_URL": "http://wechat.test",
        "WECHAT_OPEN_URL": "http://wechat.test",
    }
)
for name in ("COMPONENT_APPID", "COMPONENT_SECRET", "TOKEN", "AES_KEY"):
    os.environ.pop(f"WECHAT_{name}", None)

from config.settings import *  # noqa: E402, F403  (the one place where a star is right)
