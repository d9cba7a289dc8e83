"""Whatever WeChat refuses is explained, in both languages."""

from pathlib import Path

import polib
import pytest

from wechat.errors import _REFUSALS
from wechat.explanations import EXPLANATIONS, find_explanation

# The errcodes of "代码管理", "模板库管理", "域名管理", "成员管理", "隐私设置" and "公共错误码" that
# these calls can answer.
CODES = [
    *(-1, -60005, 40001, 40005, 40006, 40007, 40013, 40014, 40097, 40164, 41001, 41002, 41005),
    *(42001, 42006, 42007, 43001, 43002, 43003, 44002, 45002, 45009, 45011, 45035, 47001),
    *(48001, 48004, 50001, 50002, 61003, 61004, 61005, 61006, 61007, 61008, 61011, 61014),
    *(61015, 61016, 61017, 61023, 61028, 61029, 61039, 61040, 80066, 80067, 80082),
    *range(61031, 61038),
    *range(61041, 61045),
    *range(85001, 85025),
    *(85043, 85044, 85045, 85046, 85047, 85048, 85051, 85052, 85064, 85065, 85077),
    *(85079, 85080, 85081, 85082, 85085, 85086, 85087, 85092, 85093, 85094),
    *(85301, 85302, 85310, 85311, 85312, 86000, 86001, 86002, 86007, 86008, 86009, 86010),
    *(86069, 86070, 86071, 86072, 86073, 86074, 86075, 87006, 87011, 87012, 87013),
    *(89014, 89019, 89020, 89021, 89029, 89231, 89401, 89402, 89403, 89404, 89405, 86103),
    *(9400001, 9402202, 9402203, 9420000, 9420001, 9420002),
    # Tokens, bindings and options
    *(40125, 41004, 41018, 43007, 61009, 61012, 61013, 61025),
    # "发送客服消息", "客服输入状态" and "新增临时素材"
    *(40002, 40003, 40004, 40008, 40009, 40010, 40011, 40012, 40200, 43101, 45008, 45015),
    *(10003, 10005, 10015, 10016, 40029, 40030, 40163, 41008, 41009, 41021, 42002, 42003, 87009),
    *(41006, 44001, 44004, 45047, 45064, 45072, 45080, 45081, 48002, 65401),
    # Content checks, codes and links, subscribe messages
    *(40037, 40129, 40165, 40169, 41030, 43104, 45029, 47003, 61010, 200012, 200014),
]
CATALOGUE = Path(__file__).parents[1] / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(CATALOGUE))}


@pytest.mark.parametrize("errcode", CODES)
def test_every_errcode_is_explained_in_both_languages(
    errcode: int, chinese: dict[str, str]
) -> None:
    explanation = EXPLANATIONS[errcode]
    assert explanation.responsible in ("us", "merchant", "wechat")
    for text in (explanation.cause, explanation.remedy):
        assert text.endswith(".")
        said = chinese.get(text, "")
        assert said.endswith("。"), f"{errcode}: no Chinese for {text!r}"


def test_nothing_is_explained_that_no_call_answers() -> None:
    assert set(EXPLANATIONS) == set(CODES)


def test_what_a_call_decides_by_is_explained_too() -> None:
    assert set(_REFUSALS) <= set(EXPLANATIONS)


def test_an_unknown_errcode_gets_an_honest_answer(chinese: dict[str, str]) -> None:
    explanation = find_explanation(123456)
    assert explanation.responsible == "us"
    assert chinese[explanation.cause]
    assert chinese[explanation.remedy]
