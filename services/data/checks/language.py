"""Text in another language or script than the rest, told by the small words that every sentence needs.

Measured: a library for a hundred languages needs 0.4 s and 100 MB to load; small words need neither. A language that is
not listed is "no known language", which is still not the language of the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from scriptorium.contracts import Finding
from services.data.checks.tokenized_passage import Reading, quote
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

ASKED = 100  # passages, spread over the text, that tell its language
STRETCH = 60  # words; a shorter one may be a quotation
AT_HOME = 0.25  # share of small words; prose in its own language has twice as many
OTHER, AHEAD = 0.2, 0.1  # share of small words of another language, and by how much it is the larger one
DISTINCT = 8  # of them in a stretch; dialect has "de" and "en" for "the" and "and", but few others
ANY = 0.1  # below this it is no sentence in the language
FOREIGN = 0.5  # share of letters in another alphabet
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
class Usual:
    """The alphabet and the language of most of a text; None where the language is not a known one."""

    alphabet: str
    language: str | None


def read_usual(passages: Sequence[Passage]) -> Usual:
    """What most of some passages are in, which are spread over the text."""
    some = [Reading(passage) for passage in passages[:: len(passages) // ASKED + 1]]
    alphabets = Counter(main_alphabet(reading.text) for reading in some).most_common(1)
    languages = Counter(best_language(reading.counts) for reading in some).most_common(1)
    return Usual(alphabets[0][0] if some else "Latin", languages[0][0] if some else None)


def find_language(reading: Reading, usual: Usual) -> Iterator[Finding]:
    """A finding where a stretch is not in the usual language or alphabet."""
    other = "" if reading.text.isascii() else find_alphabet(reading, usual.alphabet)
    if other:
        yield reading.finding("other_language", f"a stretch is in {other} letters, the rest in {usual.alphabet}")
    elif usual.language:
        yield from find_foreign(reading, usual.language)


def best_language(counts: Counter[str]) -> str | None:
    """The language whose small words are most of a text, None where they are few in each."""
    small = {language: sum(counts[word] for word in words) for language, words in PROFILES.items()}
    best = max(small, key=lambda language: small[language])
    return best if small[best] >= AT_HOME * max(1, counts.total()) else None


def find_foreign(reading: Reading, language: str) -> Iterator[Finding]:
    """The stretch of a passage that is least in a language, where it is in another one or in none."""
    small = PROFILES[language].__contains__
    totals = np.append(0, np.cumsum(np.fromiter(map(small, reading.words), np.int64, len(reading.words))))
    if len(totals) <= STRETCH:
        return
    held = totals[STRETCH:] - totals[:-STRETCH]
    start = int(held.argmin())
    own = int(held[start]) / STRETCH
    if own >= AT_HOME:
        return
    words = reading.words[start : start + STRETCH]
    seen = quote(" ".join(words))
    best = max(PROFILES.keys() - {language}, key=lambda other: (share(words, other), other))
    if share(words, best) >= max(OTHER, own + AHEAD) and len(PROFILES[best].intersection(words)) >= DISTINCT:
        yield reading.finding("other_language", f"{STRETCH} words or more are {best}, not {language}: {seen}")
    elif own < ANY:
        yield reading.finding("no_prose", f"only {own:.0%} of {STRETCH} words are small ones of {language}: {seen}")


def share(words: Sequence[str], language: str) -> float:
    """The share of words that are small words of a language."""
    return sum(word in PROFILES[language] for word in words) / len(words)


@cache
def alphabet_of(character: str) -> str:
    """The alphabet of a letter, "" where it is none that we know."""
    code = ord(character)
    return next((name for name, (low, high) in ALPHABETS.items() if low <= code <= high), "")


def main_alphabet(text: str) -> str:
    """The alphabet of most of a text's first letters."""
    letters = islice(filter(str.isalpha, text), 400)
    found = Counter(map(alphabet_of, letters)).most_common(1)
    return found[0][0] if found else "Latin"


def find_alphabet(reading: Reading, usual: str) -> str | None:
    """The other alphabet of a paragraph of a passage, if there is one."""
    for line in reading.lines:
        if not line.isascii() and len(line) > STRETCH and main_alphabet(line) not in (usual, ""):
            return main_alphabet(line)
    return None
