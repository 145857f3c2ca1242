import pytest

from scriptorium.text.odd_characters import count_odd_characters


@pytest.mark.parametrize("text", [
    "“It’s a café—really…” said Zoë. L’été, À la maison, DÉJÀ VU, Élan.",
    "»Über alles«, sagte er. „Äpfel“ für 50 € und 20 °C, § 5, Straße.",
    "—¿Qué? ¡Mañana! España, 1º, «MANHÃ», às três",
    "Widget™ and Thing®, © 1912, note† and note‡, word¹",
    "Это хорошо. 他说：“你好！” はい。",
])  # fmt: skip
def test_what_writers_write_is_not_odd(text: str) -> None:
    assert count_odd_characters(text) == 0


@pytest.mark.parametrize("text", [
    "cafÃ©", "OÃ¹", "Ã  la", "didnÕt", "ÒWhat", "said.Ó", "cafŽ", "ìHello", "Stra§e", "lost\ufffd", "‚Äî", "√†", "Â£5",
    "├á", "50Â€", "\x92", "AMANHû",
])  # fmt: skip
def test_what_a_wrong_encoding_leaves_is_odd(text: str) -> None:
    assert count_odd_characters(text) > 0
