"""Replace the book's own names in a share of the training rows, so that they are not learned with the voice.

Each of these rows has its own mapping, somebody to somebody else and a place to another place, and the same mapping in
its passage, its brief and the passage before it. Held-out passages keep their names. The author's text stays in the
row beside the one that trains: the evaluation learns the voice from it, and looks for copies of both.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scriptorium.contracts import PrepareRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.scenes.bank import read_bank
from scriptorium.scenes.choose import choose_language
from scriptorium.scenes.own_names import CAPITALISED, count_places, is_place, list_capitalised, select_names
from scriptorium.text.languages.language import Language
from services.data.passage import Passage, detect_passage_language, make_messages
from services.data.text_file import StoreText


@dataclass(frozen=True)
class NameBook:
    """The own names of a book in lower case, and the names that may stand for them, which the book does not have."""

    people: frozenset[str]
    places: frozenset[str]
    other_people: Sequence[str]
    other_places: Sequence[str]


def rename_passages(
    passages: Sequence[Passage],
    request: PrepareRequest,
    tokenizer: ChatTokenizer,
    store: StoreText,
    reporter: Reporter,
    *,
    language: Language | None = None,
) -> list[Passage]:
    """Return training passages, a share of them with other names; the same for the same seed.

    Ready rows and rows without names of the book keep their text, and so does a row that would become too long.
    """
    if not request.rename:
        return list(passages)
    book = list_names([passage for passage in passages if not passage.ready], language)
    names_by_place = {index: _names_in(passage, book) for index, passage in enumerate(passages) if not passage.ready}
    order = [index for index, names in names_by_place.items() if names]
    random.Random(request.seed).shuffle(order)  # noqa: S311  # a repeatable choice, not a secret
    renamed: dict[int, Passage] = {}
    for index in order[: round(request.rename * len(passages))]:
        generator = random.Random(f"{request.seed} {index}")  # noqa: S311  # the same
        if mapping := draw_mapping(names_by_place[index], book, generator):
            passage = _rename_passage(passages[index], mapping, tokenizer, store)
            if tokenizer.count([tokenizer.render(make_messages(passage))])[0] <= request.sequence_len:
                renamed[index] = passage
    reporter.message(
        f"[DATA] {len(renamed)} of {len(passages)} training rows have other names "
        f"({len(book.people)} people and {len(book.places)} places of the book)",
        renamed=len(renamed),
    )
    return [renamed.get(index, passage) for index, passage in enumerate(passages)]


def list_names(passages: Sequence[Passage], language: Language | None = None) -> NameBook:
    """List the own names of a book, and those that may replace them."""
    bank = read_bank(choose_language(language or detect_passage_language(passages)))
    places = count_places((passage.text for passage in passages), bank)
    names = select_names(places, bank)
    sites = frozenset(name for name in names if is_place(name, places))
    free = [
        [name for name in listing.split() if name.lower() not in places.capitalised]
        for listing in (bank.people, bank.places)
    ]
    return NameBook(names - sites, sites, *free)


def draw_mapping(names: Collection[str], book: NameBook, generator: random.Random) -> dict[str, str]:
    """Draw another name of the same kind for each name, no two alike; empty if there are not enough."""
    mapping: dict[str, str] = {}
    for kind, others in ((book.people, book.other_people), (book.places, book.other_places)):
        wanted = sorted(kind.intersection(names))
        if len(wanted) > len(others):
            return {}
        mapping |= dict(zip(wanted, generator.sample(list(others), len(wanted)), strict=True))
    return mapping


def rename(text: str, mapping: Mapping[str, str]) -> str:
    """Replace names, given in lower case, wherever they have a capital; what stands around them stays.

    A name in capital letters is replaced by one in capital letters. A possessive ending stays.
    """
    return CAPITALISED.sub(lambda match: _replace_name(match.group(), mapping), text)


def _replace_name(word: str, mapping: Mapping[str, str]) -> str:
    other = mapping.get(word.lower(), word)
    return other.upper() if word.isupper() else other


def _names_in(passage: Passage, book: NameBook) -> frozenset[str]:
    """Return the own names of the book in a row, in lower case."""
    texts = (passage.text, passage.prompt, passage.before)
    return frozenset(name for text in texts for name in list_capitalised(text)) & (book.people | book.places)


def _rename_passage(
    passage: Passage, mapping: Mapping[str, str], tokenizer: ChatTokenizer, store: StoreText
) -> Passage:
    text = rename(passage.text, mapping)
    brief = replace(passage, kind="brief").prompt
    return replace(
        passage,
        stored_text=store(text),
        tokens=tokenizer.count([text])[0],
        stored_prompt=store(rename(brief, mapping)),
        stored_before=store(rename(passage.before, mapping)) if passage.before else "",
        stored_genuine=passage.stored_text,
    )
