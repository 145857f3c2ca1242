import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data.cleaning.mojibake import repair_proven_lines, repair_text

CONFIG = ftfy.TextFixerConfig(uncurl_quotes=False, unescape_html=True)
SIGNS = "ab é ’“”—…‘– \n\tÃ©â€™œ&amp;<ﬁＡ\x1b\x92\u0301ж"


@given(st.text(alphabet=st.sampled_from(SIGNS), max_size=80) | st.text(max_size=80))
def test_every_line_is_repaired_as_ftfy_does(text: str) -> None:
    plain = ftfy.fixes.fix_line_breaks(text)
    assert repair_text(plain, CONFIG) == "\n".join(ftfy.fix_text(line, CONFIG) for line in plain.split("\n"))


@pytest.mark.parametrize("codec", ["cp1252", "latin-1", "mac_roman", "cp1251", "cp437", "cp850"])
@pytest.mark.parametrize(
    "text", ["“It’s a café—really…”", "Où est-elle ?", "‘Да’ — нет", "naïve – “œuvre”", "plain — ’”"]
)
def test_mojibake_always_looks_suspect(text: str, codec: str) -> None:
    spoilt = text.encode().decode(codec, "replace")
    assert repair_text(spoilt, CONFIG) == ftfy.fix_text(spoilt, CONFIG)


@pytest.mark.parametrize("text", ["It’s “here” — now…\nand ‘there’.", "a < b > c", ""])
def test_quotes_and_dashes_stay(text: str) -> None:
    assert repair_text(text, CONFIG) == text == ftfy.fix_text(text, CONFIG)


@pytest.mark.parametrize("letter", "ÀÂÄÇÉÈÊËÎÏÔÖÙÛÜÑÁÍÓÚÃÕÅØÆŒ")
@pytest.mark.parametrize("sign", "»«“”’‘…—–")
def test_quotes_beside_capitals_with_accents_are_no_mojibake(letter: str, sign: str) -> None:
    lines = [f"Er rief: {sign}{letter}ber den Weg.", f"Sie rief: MANH{letter}{sign} und ging."]
    assert dict(repair_proven_lines(lines)) == {}


@pytest.mark.parametrize(
    "text", ["他说：“你好！”（真的？），走吧。", "彼は言った：「はい！」（本当？）ﾊﾝｶｸ", "ＡＢＣ１２３"]
)
def test_wide_signs_stay(text: str) -> None:
    assert dict(repair_proven_lines([text])) == {}


@pytest.mark.parametrize("codec", ["cp1252", "latin-1", "mac_roman"])
@pytest.mark.parametrize(
    "text",
    [
        "It’s a café—really…",
        "Où est-elle ?",
        "‘Да’ — нет",
        "à la maison, à Paris",
        "£5 — no more",
        "Er sagte: „Schön!“",
    ],
)
def test_mojibake_is_proved_and_repaired(text: str, codec: str) -> None:
    spoilt = text.encode().decode(codec, "replace")
    expected = text if codec != "mac_roman" or "ù" not in text else spoilt  # ftfy makes "O√π" of it, not "Où"
    assert dict(repair_proven_lines([spoilt])).get(0, spoilt) == expected


def test_codes_and_ligatures_need_no_proof() -> None:
    assert dict(repair_proven_lines(["»Über &amp; ﬁnden«"])) == {0: "»Über & finden«"}
