"""The sandbox's own encryption against published vectors and live captures."""

from typing import Any

import pytest

from sandbox.wire import crypto

# A live ticket push (2015), the official demo, and the official Java demo's own key.
TICKET_PUSH: dict[str, Any] = {
    "token": "senparc",
    "aes_key": "0123456789012345678901234567890123456789012",
    "appid": "wxbbd3f07e2945cf2a",
    "timestamp": "1436881222",
    "nonce": "296318614",
    "msg_signature": "066523677e42a15c64a725ba0058cd7651174624",
    "signature": "60d1ddec039f51cc8c7ee4ea9ae9a479dd7c7d01",
    "random16": b"975d750afe6d0afe",
    "encrypt": (
        "/RWeOUN4J839ynYH960Duj2k0WwvSfwq2dBFQ1NG78v9CZKbiCk5F8Fq/RGV0oFALoy+2L7KDe+1EbitZK7T4KtH"
        "MxntcEeQDxhWGdbeyTYJStcl7pudKA/ltfPP2nDbMrvmdl6JAX/XY4El0XEaYMrxegU3B1aUMZJ1GDjz9pIFv5+D"
        "PWj2mf7mhwIKcJSfeMctifS5UyJHKmIM+gnPQjtcKsVdnjaLckEScUsKKTygeG9IOtWFfE720W6g5UfOg3yxPFCU"
        "rqjWKRTue7g0yT0vQyb0L5cODKh1bCjIRcgikJsRVo3tAX1QO/CrHzKEEDqaD3Rx1hRkvRl/2KQlFd/DkhOzWp1L"
        "mpsCZQiNj0Fdc41aVleaFrwUQ8svg9Wt2iJLDhdqlz1Us2Pb6Ayx3dJLhXtb4ynJGsPFq0N8RrCuLgU391BpAiga"
        "5JBcjzS50pfvBBEEPQDyAE7znPphrA=="
    ),
    "message": (
        "<xml><AppId><![CDATA[wxbbd3f07e2945cf2a]]></AppId>\n<CreateTime>1436881222</CreateTime>\n"
        "<InfoType><![CDATA[component_verify_ticket]]></InfoType>\n<ComponentVerifyTicket><![CDATA["
        "ticket@@@hXh2446N-P9OOZqW4EeuPO9zFXEnAz5Vzc0JaWczBkIqcw2javRF0C_VVdwVYrEwyw1xHOiui7gB0Wq"
        "KaYPMUQ]]></ComponentVerifyTicket>\n</xml>"
    ),
}
DEMO: dict[str, Any] = {
    "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "appid": "wxb11529c136998cb6",
    "random16": b"aaaabbbbccccdddd",
    "encrypt": (
        "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    ),
    "message": "我是中文abcd123",
}


@pytest.mark.parametrize("vector", [TICKET_PUSH, DEMO], ids=["ticket push", "demo"])
def test_seal_and_open_agree_with_the_vectors(vector: dict[str, Any]) -> None:
    keys = {"aes_key": vector["aes_key"], "appid": vector["appid"]}
    message = vector["message"].encode()
    assert crypto.seal(message, random16=vector["random16"], **keys) == vector["encrypt"]
    assert crypto.open_sealed(vector["encrypt"], **keys) == message


def test_signatures_agree_with_a_live_capture() -> None:
    parts = [TICKET_PUSH[name] for name in ("token", "timestamp", "nonce")]
    assert crypto.signature(*parts) == TICKET_PUSH["signature"]
    assert crypto.signature(*parts, TICKET_PUSH["encrypt"]) == TICKET_PUSH["msg_signature"]


@pytest.mark.parametrize("length", range(0, 70, 7))
def test_any_length_comes_back(length: int) -> None:
    keys = {"aes_key": DEMO["aes_key"], "appid": "wx0"}
    sealed = crypto.seal(b"x" * length, random16=b"0" * 16, **keys)
    assert crypto.open_sealed(sealed, **keys) == b"x" * length


def test_another_key_or_appid_does_not_open() -> None:
    for wrong in ({"aes_key": TICKET_PUSH["aes_key"]}, {"appid": "wx0"}):
        keys = {"aes_key": DEMO["aes_key"], "appid": DEMO["appid"]} | wrong
        with pytest.raises(crypto.CannotOpen):
            crypto.open_sealed(DEMO["encrypt"], **keys)
