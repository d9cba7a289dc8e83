"""A secret of 170 bytes decrypted on access, with no old key in the ring and with five."""

import secrets
from base64 import urlsafe_b64encode

from django.test import override_settings

from benchmarks import measuring
from benchmarks.stage import Stage
from miniprograms.models import Authorizer


def run(here: Stage, *, full: bool) -> None:
    keys = [urlsafe_b64encode(secrets.token_bytes(32)).decode() for _ in range(6)]
    secret = secrets.token_urlsafe(170)[:170]
    row = Authorizer(appid="wxbenchmark0000001", refresh_token=secret)
    with override_settings(FIELD_ENCRYPTION_KEYS=keys[-1:]):
        Authorizer._meta.get_field("refresh_token").pre_save(row, add=True)
    print("a secret of 170 bytes, decrypted on access")
    for what, ring in (("with no old key", keys[-1:]), ("with five old keys", keys)):
        with override_settings(FIELD_ENCRYPTION_KEYS=ring):
            assert row.refresh_token == secret
            best = measuring.quickest(
                lambda: row.refresh_token, rounds=200 if full else 40, times=2000
            )
        measuring.at_most(what, best * 1e6, 3, "µs")
