import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data.cleaning.mojibake import repair_text

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
