"""Text in another language or script than the rest, recognised by the small words that every sentence needs.

A library for a hundred languages needs 0.4 s and 100 MB to load (measured); small words need neither. A language that
is not listed is "no known language", which still differs from the language of the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from scriptorium.contracts import Finding
from services.data.checks.tokenized_passage import TokenizedPassage, quote
from services.data.passage import Passage

SMALL_WORDS = {
    "English": "the and of to a in he was that his it with i had as at for on her is but him you not be they she from"
    " all were have by this which said there when one what so or them who would my me been no their if out up then into"
    " we an are will your more down upon has do its like some now could did very than other",
    "French": "de la et le à les il l un d que qui elle en une des était pas dans se qu ne s ce au sur pour plus avait"
    " lui du son je avec on mais sa comme vous par n c est me m nous tout ses y si j leur bien cette ou être deux où",
    "German": "und die der sie er das in zu den ich nicht war es ein mit sich auf so dem eine von als ist an hatte wie"
    " aber ihm ihr noch des im aus auch nur für wir man da dann nach sein wenn bei oder seine über was vor mir einen"
    " dass daß mich einem durch wieder schon doch habe haben wird sind zum zur um",
    "Spanish": "de la que el y en a los se no un las por con una su para es al lo como más o pero sus le ha me si sin"
    " sobre este ya entre cuando todo esta ser son dos también había era muy años hasta desde está mi porque qué sólo"
    " yo fue ella él del usted nos ni",
    "Italian": "di e che la il un a per non in una mi ma si lo ha con le i da è era come se più al o nel dei gli ho"
    " della anche del sono io alla quando c l tutto suo sua lui lei ci questo aveva poi così essere perché dal dalla",
    "Portuguese": "de a que o e do da em um para não com uma os no se na por mais as dos como mas ao ele das à seu sua"
    " ou quando muito nos já eu também só pelo pela até isso ela entre era depois sem mesmo aos seus quem nas me esse"
    " eles você tinha foi essa num nem suas meu às minha numa",
    "Dutch": "de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om hem dan zou of"
    " wat mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben deze u want"
    " nog zal me zij nu ge geen omdat iets",
    "Swedish": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan"
    " när hon hade där nu skulle mig ut upp över honom henne hans hennes då sin mycket eller vad man",
    "Danish or Norwegian": "og i at det som en på er af av for med til den har de ikke om et han men var jeg sig seg"
    " fra vi så kan når hun havde hadde der nu nå skulle mig meg ud ut op opp over ham hende henne hans hendes da"
    " sin eller hvad hva man",
    "Polish": "i w na się z do to nie że jest o jak po ale co tak za od go już był jego tym jej może tylko jeszcze"
    " przez było ma ich być była przed mnie gdy pan ja dla czy bo pod ze",
    "Latin": "et in est non ad ut cum quod qui sed si quae ex de ab esse hoc nec quam ac atque per etiam enim sunt aut"
    " quid me te se mihi tibi ne iam autem tamen vel pro eius erat quo haec nunc",
    "Finnish": "ja on ei se hän oli että minä kun niin mutta ole sen hänen mitä kuin nyt sitten jo tuo tämä olen vain"
    " sinä olisi joka vielä siitä kuin mukaan sitä me he ne hänelle häntä",
    "Russian": "и в не на я что он с как это а по но его к она из то все у за так было же от бы только ты мы о ее мне"
    " еще вы меня был когда уже для вот ему до нет если или быть была чтобы их",
    "Greek": "και το να του η της με που την από για τον είναι στο στην ο οι τα των δεν θα σε τη ήταν αλλά στον μου αν"
    " ως ένα μια τους ότι σαν μας σου",
}
PROFILES = {language: frozenset(words.split()) for language, words in SMALL_WORDS.items()}

SAMPLED_PASSAGES = 100  # spread over the text, to detect its language
MIN_STRETCH = 60  # words, or characters of another alphabet; a shorter stretch may be a quotation
MIN_HOME_SHARE = 0.25  # of small words; prose in its own language has twice as many
MIN_OTHER_SHARE = 0.2  # of small words of another language
MIN_OTHER_LEAD = 0.1  # of the other language's share over the main language's
MIN_DISTINCT_WORDS = 8  # of the other language; dialect has "de" and "en" for "the" and "and", but few others
MIN_PROSE_SHARE = 0.1  # of small words; with fewer it is not prose in the language
ALPHABETS = {
    "Latin": (0x41, 0x24F),
    "Greek": (0x370, 0x3FF),
    "Cyrillic": (0x400, 0x52F),
    "Hebrew": (0x590, 0x5FF),
    "Arabic": (0x600, 0x6FF),
    "Devanagari": (0x900, 0x97F),
    "Chinese or Japanese": (0x3040, 0x9FFF),
    "Hangul": (0xAC00, 0xD7AF),
}


@dataclass(frozen=True)
class MainLanguage:
    """The alphabet and the language of most of a text; None if the language is not a known one."""

    alphabet: str
    language: str | None


def detect_main_language(passages: Sequence[Passage]) -> MainLanguage:
    """Detect the alphabet and language of most passages, by a sample that is spread over the text."""
    sample = [TokenizedPassage(passage) for passage in passages[:: len(passages) // SAMPLED_PASSAGES + 1]]
    alphabets = Counter(main_alphabet(passage.text) for passage in sample).most_common(1)
    languages = Counter(best_language(passage.counts) for passage in sample).most_common(1)
    return MainLanguage(alphabets[0][0] if sample else "Latin", languages[0][0] if sample else None)


def find_other_language(passage: TokenizedPassage, main: MainLanguage) -> Iterator[Finding]:
    """Yield a finding if a stretch is not in the main language or alphabet."""
    other = "" if passage.text.isascii() else find_other_alphabet(passage, main.alphabet)
    if other:
        yield passage.make_finding("other_language", f"a stretch is in {other} letters, the rest in {main.alphabet}")
    elif main.language:
        yield from find_foreign_stretch(passage, main.language)


def best_language(counts: Counter[str]) -> str | None:
    """Return the language with the most small words in a text, None if they are few in each."""
    small_words = {language: sum(counts[word] for word in words) for language, words in PROFILES.items()}
    best = max(small_words, key=lambda language: small_words[language])
    return best if small_words[best] >= MIN_HOME_SHARE * max(1, counts.total()) else None


def find_foreign_stretch(passage: TokenizedPassage, language: str) -> Iterator[Finding]:
    """Yield a finding if the stretch with the fewest small words of a language is in another language or in none."""
    is_small = PROFILES[language].__contains__
    totals = np.append(0, np.cumsum(np.fromiter(map(is_small, passage.words), np.int64, len(passage.words))))
    if len(totals) <= MIN_STRETCH:
        return
    counts = totals[MIN_STRETCH:] - totals[:-MIN_STRETCH]
    start = int(counts.argmin())
    home_share = int(counts[start]) / MIN_STRETCH
    if home_share >= MIN_HOME_SHARE:
        return
    words = passage.words[start : start + MIN_STRETCH]
    quotation = quote(" ".join(words))
    best = max(PROFILES.keys() - {language}, key=lambda other: (small_word_share(words, other), other))
    is_best = small_word_share(words, best) >= max(MIN_OTHER_SHARE, home_share + MIN_OTHER_LEAD)
    if is_best and len(PROFILES[best].intersection(words)) >= MIN_DISTINCT_WORDS:
        message = f"{MIN_STRETCH} words or more are {best}, not {language}: {quotation}"
        yield passage.make_finding("other_language", message)
    elif home_share < MIN_PROSE_SHARE:
        message = f"only {home_share:.0%} of {MIN_STRETCH} words are small words of {language}: {quotation}"
        yield passage.make_finding("no_prose", message)


def small_word_share(words: Sequence[str], language: str) -> float:
    """Return the share of words that are small words of a language."""
    return sum(word in PROFILES[language] for word in words) / len(words)


@cache
def alphabet_of(character: str) -> str:
    """Return the alphabet of a letter, "" if it is not a known one."""
    code = ord(character)
    return next((name for name, (low, high) in ALPHABETS.items() if low <= code <= high), "")


def main_alphabet(text: str) -> str:
    """Return the alphabet of most of a text's first letters."""
    letters = islice(filter(str.isalpha, text), 400)
    alphabets = Counter(map(alphabet_of, letters)).most_common(1)
    return alphabets[0][0] if alphabets else "Latin"


def find_other_alphabet(passage: TokenizedPassage, main: str) -> str | None:
    """Return the alphabet of the first long paragraph that is not in the main alphabet, if there is one."""
    for line in passage.lines:
        if not line.isascii() and len(line) > MIN_STRETCH and main_alphabet(line) not in (main, ""):
            return main_alphabet(line)
    return None
