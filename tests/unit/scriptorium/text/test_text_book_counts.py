"""Names in a book whose language capitalises every noun."""

from __future__ import annotations

from scriptorium.text.book_counts import count_book
from scriptorium.text.languages.language import ENGLISH, read_language

GERMAN = (
    "Nach zehn Jahren kam Effi zurück. Vor vielen Jahren war Briest hier, und vor langen Jahren auch Effi. "
    "Es war ein Turm da, und die langen Tage mit Briest. In wenigen Tagen kam sie, in guten und langen Tagen. "
    "Ich danke Ihnen, sagte Briest, und wie Ihnen so bin ich Ihnen. Mit Bewegung sah Effi in Bewegung. "
    "Dort sah man etwas Neues, nichts Neues, viel und etwas Neues. Die guten Leute sahen den guten Mann."
)


def test_nouns_behind_numbers_and_adjectives_are_no_names() -> None:
    """Seen: `Jahren` as a person."""
    assert count_book([GERMAN] * 3, read_language("de")).names == {"Effi", "Briest"}


def test_a_name_may_have_an_adjective_at_times() -> None:
    text = "Dort ging Effi, und dann kam Effi, ja Effi, und die alte Effi sah, wie dort Effi war. Effi kam."
    assert count_book([text] * 3, read_language("de")).names == {"Effi"}


def test_nothing_of_this_is_counted_in_english() -> None:
    counts = count_book(["There was the old Tower, and then Clara came, and the old Clara."], ENGLISH)
    assert counts.names == {"Tower", "Clara"}
    assert not counts.followed
