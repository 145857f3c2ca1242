"""Write plain requests: two long ones and a short one in turn, each kind as often as the others of its length.

Two thirds are long, and the lengths asked reach up to that of the author's passages: replayed answers that are all
short teach a model to stop early (measured: 98 % of the passages long enough without replay, 81 % with short answers).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from scriptorium.instructions.instruction import Check
from scriptorium.replay.bank import LanguageBank, read_bank
from scriptorium.replay.kinds import REPLAY_KINDS

LONG_TEMPERATURE = 0.6  # at lower ones a small model loops
SHORT_TEMPERATURE = 0.3
LENGTH_SHARES = (1.0, 0.4, 1.0, 0.7, 0.2)  # of a passage's words; its own length twice, since small models fall short
MIN_WORDS = 40  # asked of a long answer
MAX_LENGTH_FACTOR = 1.6  # of the words asked; a longer answer is refused, and writing stops there
NUMBERS = (3, 4, 5)  # of bullets, steps, lines, paragraphs, questions
NUMBER_PAIRS = 40


@dataclass(frozen=True)
class ReplayRequest:
    """A request to the base; `language` is that of the answer, `words` the length asked (None: a short answer).

    `check` gets the answer without the white space around it. Equal requests with another `sample` are asked again.
    """

    kind: str
    request: str
    max_tokens: int
    temperature: float
    language: str
    words: int | None = None
    check: Check | None = None
    sample: int = 0


def write_requests(language: str, number: int, words: int, seed: int) -> list[ReplayRequest]:
    """Write `number` requests in a language of the bank, all different; fewer if the bank has no more.

    `words` is the length of the author's passages.
    """
    bank = read_bank(language)
    writers = {kind: _write_kind(kind, bank, language, words, seed) for kind in bank.kinds}
    long = _take_turns([writer for kind, writer in writers.items() if REPLAY_KINDS[kind].most_words is None])
    short = _take_turns([writer for kind, writer in writers.items() if REPLAY_KINDS[kind].most_words is not None])
    return list(islice(_take_turns([long, long, short]), number))


def _take_turns(writers: list[Iterator[ReplayRequest]]) -> Iterator[ReplayRequest]:
    """Yield from each writer in turn, until all of them are exhausted."""
    while writers:
        exhausted = set()
        for place, writer in enumerate(writers):
            request = next(writer, None)
            if request is None:
                exhausted.add(place)
            else:
                yield request
        writers = [writer for place, writer in enumerate(writers) if place not in exhausted]


def _write_kind(kind: str, bank: LanguageBank, language: str, words: int, seed: int) -> Iterator[ReplayRequest]:
    """Write all requests of a kind: each value once before any comes again, then with another pattern.

    Numbers and lengths change with each request, and begin at another place for each kind.
    """
    # Not a secret: the draw must be the same again.
    generator = random.Random(f"{seed} {language} {kind}")  # noqa: S311
    fillings = _list_fillings(bank, kind, generator)
    generator.shuffle(fillings)
    patterns = bank.kinds[kind].patterns
    turns = count(list(REPLAY_KINDS).index(kind))
    for round_number in range(len(patterns)):
        for place, filling in enumerate(fillings):
            turn = next(turns)
            fields = {"number": str(NUMBERS[turn % len(NUMBERS)]), **filling}
            request = patterns[(place + round_number) % len(patterns)].format_map(fields)
            asked_words = _round_words(LENGTH_SHARES[turn % len(LENGTH_SHARES)] * words)
            length = bank.lengths[turn % len(bank.lengths)].format(words=asked_words)
            if REPLAY_KINDS[kind].most_words is None:
                yield _make_request(kind, f"{request} {length}", fields, language, asked_words)
            else:
                yield _make_request(kind, request, fields, language, None)


def _make_request(
    kind: str, request: str, fields: dict[str, str], language: str, asked_words: int | None
) -> ReplayRequest:
    """Make a request: its limit in tokens, its temperature and its check follow from its kind and length."""
    properties = REPLAY_KINDS[kind]
    target = fields.get("target", language)
    most_words = properties.most_words or MAX_LENGTH_FACTOR * (asked_words or 0)
    return ReplayRequest(
        kind=kind,
        request=request,
        max_tokens=round(most_words * read_bank(target).tokens_per_word),
        temperature=SHORT_TEMPERATURE if asked_words is None else LONG_TEMPERATURE,
        language=target,
        words=asked_words,
        check=properties.check(fields) if properties.check else None,
    )


def _list_fillings(bank: LanguageBank, kind: str, generator: random.Random) -> list[dict[str, str]]:
    """List what fills the patterns of a kind; numbers are drawn, and a translation goes into each target."""
    name = bank.kinds[kind].values
    if name == "numbers":
        pairs = {(generator.randint(12, 60), generator.randint(2, 11)) for _ in range(NUMBER_PAIRS)}
        return [{"a": str(larger), "b": str(smaller)} for larger, smaller in sorted(pairs)]
    if kind == "translation":
        return [
            {"topic": str(value), "target": code, "language": target}
            for value in bank.values[name]
            for code, target in bank.targets.items()
        ]
    return [
        {"topic": value} if isinstance(value, str) else {"a": value[0], "b": value[1]} for value in bank.values[name]
    ]


def _round_words(words: float) -> int:
    """Round a length to tens, as a person asks for it."""
    return max(MIN_WORDS, round(words / 10) * 10)
