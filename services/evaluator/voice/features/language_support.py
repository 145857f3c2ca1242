"""What the measurement of a voice can do in a language, and what it has to leave out: said in the report."""

from __future__ import annotations

from scriptorium.contracts.report.voice import VoiceLanguage
from scriptorium.text.languages.language import ENGLISH, UNKNOWN, Language
from services.evaluator.voice.features.habits import list_habits

SUPPORTED = "T was checked in {} on mixtures of novels of known shares (docs/voice.md)."
PLAIN = (
    "T works in {} by what every language has (frequent words, characters, signs), but was never checked there on "
    "texts whose share is known: read its bars with more care than its digits."
)
UNMEASURABLE = "The words of {} are not separated by spaces, and every score counts words: T cannot be measured."
LEFT_OUT = {
    "titles": "titles count like any other word",
    "personal_pronouns": "personal pronouns count like any other word, so the narrator's person may score",
    "endings": "words outside the frequent ones have no classes of endings in the grammar score",
}


def describe_language(language: Language) -> VoiceLanguage:
    """Say how far the measurement goes in a language, with the data and the habits that it lacks."""
    if not language.separates_words:
        return _describe(language, "unmeasurable", UNMEASURABLE, [])
    missing = [reason for field, reason in LEFT_OUT.items() if not getattr(language, field)]
    absent = [name for name in list_habits(ENGLISH) if name not in list_habits(language)]
    # Another ending of adverbs is the same habit.
    habits = [name for name in absent if not (language.adverb_ending and name.startswith("adverbs"))]
    left_out = [*missing, *(f"no habit of its own: {name}" for name in habits)]
    return _describe(language, *(("supported", SUPPORTED) if language.calibrated else ("plain", PLAIN)), left_out)


def _describe(language: Language, support: str, note: str, left_out: list[str]) -> VoiceLanguage:
    name = "its language, which was not recognised," if language == UNKNOWN else language.name
    return VoiceLanguage.model_validate(
        {
            "code": language.code,
            "name": language.name,
            "support": support,
            "note": note.format(name),
            "left_out": left_out,
        }
    )
