"""
Whatever stands in prose, and whatever row a list holds, the rest of WeChat's answer is read as if
it were not there: over every function of our client.
"""

import copy
import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_auth.odd_rows import count_odd_rows
from tests.answers import Sample, client_functions, record_samples
from wechat import http
from wechat.errors import AuditOpen, BadAnswer

FUNCTIONS = sorted(client_functions())

# What people write, and what nothing is decided by.
PROSE = {
    *("errmsg", "reason", "user_desc", "exp_desc", "release_desc", "developer"),
    *("user_version", "exp_version", "release_version", "now_version", "source_miniprogram"),
    *("source_miniprogram_appid", "first_class", "second_class", "third_class"),
    *("nick_name", "nickname", "alias", "principal_name", "signature", "head_img", "qrcode_url"),
    *("head_image_url", "privacy_text", "privacy_label", "privacy_desc", "notice_method"),
    *("contact_email", "api_ch_name", "api_desc", "api_link", "group_name", "ext_json"),
    *("province", "city", "country", "language", "package_loss"),
    *("request_url", "request_body", "response_body", "first_name", "second_name", "audit_reason"),
}
# They give objects of WeChat's as they are; who reads what is in them is tested for himself.
RAW = {"wechat.component.get_authorizer_info"}
TEXTS_RAW = {
    *("wechat.component.get_quota", "wechat.component.get_rid"),
    *("wechat.privacy.list_privacy_interfaces", "wechat.privacy.get_privacy_setting"),
}

ODD_ROWS: list[Any] = [None, 7, True, "", [], {}, [{}], {"x": 1}]

quickly = settings(max_examples=12, deadline=None, derandomize=True, database=None)

MARK = "QZXJK"
pieces = st.one_of(
    st.binary(min_size=1, max_size=3).filter(lambda raw: not set(raw) & set(b'"\\QZXJK')),
    st.integers(0, 31).map(lambda number: bytes([number])),
    st.sampled_from(["\ufffe", "\u2028", "😀", "汉", "\x7f"]).map(str.encode),
    st.sampled_from(["汉", "😀"]).map(lambda text: text.encode()[:-1]),
    st.sampled_from([rb"\ud83d", rb"\uDE00", rb"\u0000", rb"\b", rb"\f", rb"\n", rb"\"", rb"\\"]),
    st.sampled_from([rb"\x41", rb"\u12", rb"\'", rb"\u", b"\xed\xa0\x80", b"\xc0\x80"]),
)
dirt = st.tuples(st.integers(0, len(MARK)), st.lists(pieces, min_size=1, max_size=3))

Path = tuple[str | int, ...]


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return record_samples()


@pytest.fixture(autouse=True)
def _asked_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """And nothing is counted: here is no database."""
    monkeypatch.setattr(http, "TRIES", 1)
    http.configure(on_odd_rows=lambda path, number: None)
    yield
    http.configure(on_odd_rows=count_odd_rows)


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, member in members:
        yield from walk(member, (*path, name))


def replaced(answer: Any, path: Path, value: Any) -> Any:
    changed = copy.deepcopy(answer)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return changed


def plain(result: Any) -> Any:
    """RESULT with the mark wherever it is, whatever stands within it."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {item.name: plain(getattr(result, item.name)) for item in dataclasses.fields(result)}
    if isinstance(result, dict):
        return {name: plain(value) for name, value in result.items()}
    if isinstance(result, list | tuple):
        return [plain(item) for item in result]
    if isinstance(result, str):
        result.encode()
        assert "\0" not in result
        return MARK if re.sub(f"[^{MARK}]", "", result) == MARK else result
    return result


def prose_of(answer: Any) -> list[Path]:
    """Where ANSWER holds prose."""
    return [
        path
        for path, value in walk(answer)
        if path and path[-1] in PROSE and isinstance(value, str)
    ]


def ids_of(answer: Any) -> list[Path]:
    """Where ANSWER holds other texts: ids, tokens, domains."""
    return [
        path
        for path, value in walk(answer)
        if path and isinstance(value, str) and value and not set(path) & PROSE
    ]


def write(answer: Any, position: int, insertion: bytes) -> bytes:
    body = json.dumps(answer, ensure_ascii=False).encode()
    mark = MARK.encode()
    return body.replace(mark, mark[:position] + insertion + mark[position:])


def test_every_function_has_a_sample(samples: dict[str, Sample]) -> None:
    assert sorted(samples) == FUNCTIONS
    assert len(FUNCTIONS) > 50


@pytest.mark.parametrize("name", FUNCTIONS)
def test_prose_changes_nothing_but_itself(samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    answer = sample.answer or {}
    places = prose_of(answer)
    marked: dict[Path, Any] = {}

    @quickly
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(places))
        position, insertion = data.draw(dirt)
        changed = replaced(answer, path, MARK)
        if path not in marked:
            marked[path] = plain(sample.replay(write(changed, 0, b"")))
        assert plain(sample.replay(write(changed, position, b"".join(insertion)))) == marked[path]

    if places:
        holds()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_refusal_is_the_refusal_whatever_its_prose(samples: dict[str, Sample], name: str) -> None:
    @settings(quickly, max_examples=4)
    @given(dirt=dirt, media_type=st.sampled_from(["application/json", "image/jpeg", "text/plain"]))
    def holds(dirt: tuple[int, list[bytes]], media_type: str) -> None:
        position, insertion = dirt
        body = write({"errcode": 85009, "errmsg": MARK}, position, b"".join(insertion))
        with pytest.raises(AuditOpen) as caught:
            samples[name].replay(body, media_type)
        assert plain(caught.value.errmsg) == MARK

    holds()


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - RAW))
def test_an_odd_row_costs_itself_alone(samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    answer = sample.answer or {}
    lists = [(path, value) for path, value in walk(answer) if isinstance(value, list)]
    lists = [(path, rows) for path, rows in lists if path and not str(path[-1]).startswith("_")]

    @quickly
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        path, rows = data.draw(st.sampled_from(lists))
        position = data.draw(st.integers(0, len(rows)))
        odd = data.draw(st.sampled_from(ODD_ROWS))
        changed = replaced(answer, path, [*rows[:position], odd, *rows[position:]])
        assert sample.replay(json.dumps(changed).encode()) == whole

    if lists:
        whole = sample.replay(sample.body)
        holds()


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - RAW))
def test_what_is_acted_on_is_never_mended(samples: dict[str, Sample], name: str) -> None:
    """Its id, token or number garbled, an answer is bad or is read without it."""
    sample = samples[name]
    answer = sample.answer or {}
    for path in ids_of(answer):
        value = dict(walk(answer))[path]
        half = len(value) // 2
        changed = replaced(answer, path, f"{value[:half]}\ufffd{value[half:]}")
        try:
            result = sample.replay(json.dumps(changed).encode())
        except BadAnswer:
            continue
        assert "\ufffd" not in _texts_of(result), path


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - RAW - TEXTS_RAW))
def test_of_a_name_twice_prose_is_the_first_and_nothing_else_is_taken(
    samples: dict[str, Sample], name: str
) -> None:
    sample = samples[name]
    answer = sample.answer or {}
    for path in prose_of(answer):
        changed = replaced(answer, path, MARK)
        twice = f'"{MARK}", "{path[-1]}": "twin"'.encode()
        body = write(changed, 0, b"")
        assert plain(sample.replay(body.replace(f'"{MARK}"'.encode(), twice))) == plain(
            sample.replay(body)
        )
    for path in [path for path in ids_of(answer) if isinstance(path[-1], str)]:
        body = write(replaced(answer, path, MARK), 0, b"")
        twice = f'"{MARK}", "{path[-1]}": "twin"'.encode()
        try:
            result = sample.replay(body.replace(f'"{MARK}"'.encode(), twice))
        except BadAnswer:
            continue
        assert "twin" not in _texts_of(result), path


def _texts_of(result: Any) -> str:
    return json.dumps(plain(result), ensure_ascii=False, default=str)
