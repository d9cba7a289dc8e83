"""What a Python user would pick instead: Flask, wechatpy and psycopg's pool, on gunicorn."""

import os
from datetime import UTC, datetime
from hashlib import sha256

from flask import Flask, request
from psycopg_pool import ConnectionPool
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto

# The columns of our own inbox, in a table of the peer's own.
INSERT = """
INSERT INTO peer_push (digest, business_key, component_id, appid, kind, body, state, attempts,
                       error, created, received_at, retry_at)
VALUES (%s, %s, 1, %s, %s, %s, 'ignored', 0, '', %s, %s, NULL)
ON CONFLICT DO NOTHING RETURNING id
"""

app = Flask(__name__)
crypto = WeChatCrypto(
    os.environ["WECHAT_TOKEN"], os.environ["WECHAT_AES_KEY"], os.environ["WECHAT_COMPONENT_APPID"]
)
# One statement a push needs no transaction around it: the quickest way psycopg has.
pool = ConnectionPool(
    os.environ["DATABASE_URL"], min_size=4, max_size=16, open=True, kwargs={"autocommit": True}
)


def read() -> str:
    """The message inside the envelope."""
    asked = request.args
    text: str = crypto.decrypt_message(
        request.get_data(), asked["msg_signature"], asked["timestamp"], asked["nonce"]
    )
    return text


@app.post("/wechat/<appid>/push/")
def store(appid: str) -> str:
    """Opened, read, stored in one INSERT."""
    text = read()
    message = parse_message(text)
    digest = sha256(request.get_data()).hexdigest()
    key = sha256(f"{message.id} {message.source} {message.target}".encode()).hexdigest()
    times = (message.create_time, datetime.now(UTC))
    with pool.connection() as connection:
        connection.execute(INSERT, (digest, key, appid, message.type, text, *times))
    return "success"


@app.post("/forget/<appid>/push/")
def forget(appid: str) -> str:
    """Opened and read; nothing is stored."""
    parse_message(read())
    return "success"
