"""Each kind of instruction with an answer that follows it and answers that do not, and properties of all of them."""

import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.instructions import casing, forming, framing, language, lengths, wording
from scriptorium.instructions.catalogue import KINDS, MAX_INSTRUCTIONS, write_dev_instructions, write_instructions
from scriptorium.instructions.dev_topics import DEV_TOPICS
from scriptorium.instructions.instruction import Instruction
from scriptorium.instructions.topics import TOPICS
from services.evaluator.retention.perplexity import read_neutral_paragraphs
from services.evaluator.retention.power import share_followed_by_chance

LIGHTHOUSE = TOPICS[0]
PROSE = "The lighthouse stands on a rock and its lamp is seen by ships at night"
EXAMPLES = {
    "words at most": ("A tower with a lamp.", ["Tower.", "word " * 16]),
    "words between": ("word " * 25, ["word " * 19, "word " * 31]),
    "sentences": ("It shines. Ships see it", ["It shines.", "It shines. Ships see it. They turn."]),
    "paragraphs": ("It shines.\n\nShips see it.", ["It shines.\nShips see it.", "One.\n\nTwo.\n \nThree."]),
    "lines": ("a light\nso bright\nat night\nin sight", ["a light so bright", "a\nb\nc\nd\ne"]),
    "bullets": ("Here:\n- a lamp\n* a tower\n• a stair", ["- a lamp\n- a tower", "a\nb\nc", "-\n-\n-"]),
    "numbered list": ("1. lamp\n2. tower\n3) stair", ["Here:\n1. lamp\n2. tower\n3. stair", "1. lamp\n2. tower"]),
    "include words": ("A Lamp on the coast in a storm.", ["A lamp on the coast.", "lamps, coasts and storms"]),
    "avoid a word": (
        "A tower on the coast that has stood there for more than a hundred years.",
        ["The coast.", f"{PROSE} on the coast", "Something else, of twelve words or more, is said in here and now."],
    ),
    "repeat a word": ("The lamp is a lamp.", ["The lamp.", "lamp lamp lamp", "lamps and lamps"]),
    "no comma": (PROSE, [f"{PROSE}, far away", "The lighthouse", PROSE.replace("lighthouse", "tower")]),
    "no such letter": (PROSE, [f"{PROSE} for a Zealous crew", "The lighthouse", PROSE.replace("lighthouse", "tower")]),
    "questions": ("Who lit it? “Is it tall?”", ["Who lit it?", "Who lit it? It is tall.", "Who? What? When?"]),
    "numbers": (f"{PROSE} from 12 or 1,500 miles", [PROSE, f"{PROSE} from 12 miles", "12 and 14", f"{PROSE} 1 2 3"]),
    "lower case": ("a tower with a lamp.", ["A tower with a lamp.", "a tower"]),
    "capitals": ("A TOWER WITH A LAMP.", ["A TOWER WITH A LAMp.", "A TOWER", "1 2 3 4 5 6"]),
    "a word in capitals": ("I see a LAMP in a tower.", ["I see a lamp.", "I SEE A LAMP.", "A TOWER."]),
    "begin with": ("Few people know that it is old.", ["It is.", "Few people know that", "few people know that x"]),
    "end with": ("It shines. That is all there is to it.", ["It shines.", "That is all there is to it."]),
    "title": ("<<The Lamp>>\nIt shines.", ["Lamp\nIt shines.", "<<title>>\nIt shines.", "<<The Lamp>>", "<A> It."]),
    "postscript": ("It shines.\n\nP.S. At night.", ["It shines.", "P.S. At night.", "It shines.\nP.S."]),
    "quotation marks": ("“It shines.”", ["It shines.", '"It shines', '"', '"Word"']),
    "repeat the request": (
        "Describe a lighthouse. It is a tower.",
        ["It is a tower.", "Describe a lighthouse.", "Describe the lighthouse. It is a tower."],
    ),
    "JSON": (
        '```json\n{"name": "x", "use": "y", "place": "z"}\n```',
        [
            '{"name": "x", "use": "y"}',
            '{"name": "x", "use": "y", "place": 3}',
            '["name", "use", "place"]',
            'Here: {"name": "x", "use": "y", "place": "z"}',
            "[" * 100_000,
        ],
    ),
    "choice": ("Not in this world.", ["Yes", "yes, easily, not in this world", "I think yes, easily"]),
    "placeholders": ("Dear [name], come on [date].", ["Dear [name], come.", "Dear [], come on [ ]."]),
    "two answers": ("A tower.\n***\nA lamp.", ["A tower. A lamp.", "A.***B.***C.", "A.***A.", "A tower.***"]),
    "asterisks": ("A *tower* with a *bright lamp*.", ["A *tower*.", "A **tower**, a **lamp**.", "*like* this *one*"]),
    "parts": ("PART 1\nA tower.\n**PART 2**\nA lamp.", ["Part 1: A tower.", "PART 2\nA.\nPART 1\nB."]),
    "alphabetical order": (
        "coast, lamp, lighthouse, storm",
        ["lighthouse, coast, storm, lamp", "coast, lamp, lighthouse", "Here: coast, lamp, lighthouse, storm"],
    ),
    "copy": (
        "“Behind a lighthouse there was a bakery, and nobody knew why.”",
        ["Behind a lighthouse there was a bakery.", "behind a lighthouse there was a bakery, and nobody knew why."],
    ),
    "language": (
        "Le phare est une tour qui guide les navires dans la nuit.",
        ["The lighthouse is a tower that guides the ships.", "El faro es una torre que guía a los barcos", "Le phare"],
    ),
}  # fmt: skip
ALL_INSTRUCTIONS = write_instructions(MAX_INSTRUCTIONS)
GATE_HASH = "5fa5273caf5d0432ff5576bec180e6287b74edfd07de7eed3fd4174541550602"


def of_kind(kind: str) -> Instruction:
    request, check = KINDS[kind](LIGHTHOUSE, 0)
    return Instruction(kind, request, check)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checker_knows_an_answer_that_follows_from_those_that_do_not(kind):
    right, wrong = EXAMPLES[kind]
    instruction = of_kind(kind)
    assert instruction.followed(f"\n {right} \n"), instruction.request
    assert [answer for answer in wrong if instruction.followed(answer)] == []


def test_there_are_enough_and_all_differ():
    assert len(ALL_INSTRUCTIONS) >= 370
    assert len({instruction.request for instruction in ALL_INSTRUCTIONS}) == len(ALL_INSTRUCTIONS)
    assert {instruction.kind for instruction in ALL_INSTRUCTIONS} == set(KINDS)


def test_the_first_ones_hold_all_kinds_alike():
    few = [instruction.kind for instruction in write_instructions(192)]
    assert {few.count(kind) for kind in KINDS} == {6}
    assert [one.request for one in write_instructions(192)] == [one.request for one in ALL_INSTRUCTIONS[:192]]


def test_no_instruction_asks_for_the_impossible():
    """A required word contains no forbidden word or letter; the words to sort are not in order already."""
    for topic in (*TOPICS, *DEV_TOPICS):
        assert topic.noun in topic.thing
        assert not any(one in other for one in topic.related for other in topic.related if one != other)
        assert topic.noun not in topic.related
    for turn in range(12):
        request, check = forming.alphabetical_order(LIGHTHOUSE, turn)
        assert not check(request.rpartition(": ")[2].rstrip("."))
    for topic in (*TOPICS, *DEV_TOPICS):
        for turn in range(12):
            assert wording.no_letter(topic, turn)[0].split("letter “")[1][0] not in topic.noun


@given(st.text())
def test_no_answer_breaks_a_checker(text):
    for instruction in ALL_INSTRUCTIONS[: len(KINDS)]:
        instruction.followed(text)


@pytest.mark.parametrize("silence", ["", " \n\t", "."])
def test_saying_nothing_follows_nothing(silence):
    assert [one.kind for one in ALL_INSTRUCTIONS if one.followed(silence)] == []


@given(st.text())
def test_a_model_that_echoes_follows_nothing(text):
    """Every fifth request follows itself: it names the words and shows the brackets that it asks for."""
    assert sum(one.check(one.request) for one in ALL_INSTRUCTIONS) > len(ALL_INSTRUCTIONS) / 6
    assert [one.kind for one in ALL_INSTRUCTIONS if one.followed(f"{one.request} {text}")] == []


def test_plain_prose_follows_next_to_nothing_by_accident():
    prose = read_neutral_paragraphs()
    answers = [" ".join(prose[place % len(prose)].split()[:60]) for place in range(len(ALL_INSTRUCTIONS))]
    assert share_followed_by_chance(ALL_INSTRUCTIONS, answers) < 0.03


words = st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), min_size=1, max_size=60)


@given(words)
def test_lengths_are_counted(answer):
    text = " ".join(answer)
    assert of_kind("words at most").followed(text) == (5 <= len(answer) <= 15)
    assert of_kind("words between").followed(text) == (20 <= len(answer) <= 30)
    assert of_kind("lower case").followed(text) == (len(answer) >= 5)
    assert of_kind("capitals").followed(text.upper()) == (len(answer) >= 5)


@given(st.integers(1, 6), words)
def test_parts_are_counted(number, answer):
    text = " ".join(answer)
    assert of_kind("sentences").followed(" ".join([f"{text}."] * number)) == (number == 2)
    assert of_kind("paragraphs").followed("\n\n".join([text] * number)) == (number == 2)
    assert of_kind("lines").followed("\n".join([text] * number)) == (number == 4)
    assert of_kind("bullets").followed("\n".join([f"- {text}"] * number)) == (number == 3)
    assert of_kind("numbered list").followed("\n".join(f"{n}. {text}" for n in range(number))) == (number == 3)
    assert of_kind("questions").followed(" ".join([f"{text}?"] * number)) == (number == 2)


@given(st.dictionaries(st.sampled_from(["name", "use", "place", "other"]), st.text(), max_size=4))
def test_json_has_just_the_keys(value):
    follows = set(value) == {"name", "use", "place"}
    assert of_kind("JSON").followed(json.dumps(value)) == follows
    assert of_kind("JSON").followed(f"```json\n{json.dumps(value, indent=2)}\n```") == follows


@given(words, st.integers(0, 11), st.sampled_from(TOPICS))
def test_a_mutated_answer_no_longer_follows(answer, turn, topic):
    text = " ".join(answer)
    for writer, right, wrong in (
        (framing.begin_with, framing.BEGINNINGS[turn % 4] + " " + text, text),
        (framing.end_with, text + " " + framing.ENDINGS[turn % 4], text),
        (framing.title, f"<<{text}>>\n{text}", f"<{text}>\n{text}"),
        (framing.postscript, f"{text}\nP.S. {text}", f"{text}\nPS {text}"),
        (casing.lower_case, f"{text} and so on and on", f"{text} and so on and On"),
        (wording.repeat_word, f"{topic.related[turn % 3]} " * (2, 3)[turn % 2], topic.related[turn % 3]),
        (wording.include_words, f"{text} {' '.join(topic.related)}", " ".join(topic.related[1:])),
        (forming.two_answers, f"a{forming.SIGNS[turn % 4]}b {text}", f"a b {text}"),
        (forming.placeholders, "[a] [b] [c]" + text, "[a] (b) (c)" + text),
        (lengths.words_at_most, "a b c d e", "a b c d"),
    ):
        check = writer(topic, turn)[1]
        assert check(right.strip()), writer.__name__
        assert not check(wrong.strip()), writer.__name__


@pytest.mark.parametrize(
    ("text", "detected"),
    [
        ("Der Leuchtturm ist ein Turm, der den Schiffen in der Nacht den Weg zeigt.", "German"),
        ("El faro es una torre que guía a los barcos por la noche.", "Spanish"),
        ("Le phare est une tour qui guide les navires dans la nuit.", "French"),
        ("The lighthouse is a tower that shows the way to ships.", "English"),
        ("ping pong ping pong ping pong ping", None),
        ("Oui", None),
    ],
)
def test_languages_are_told_apart(text, detected):
    assert language.detect_language(text) == detected


def test_the_gates_requests_are_what_they_were():
    """A benchmark means the same over time only if its requests do: this hash may change with a new gate alone."""
    written = "\n".join(f"{one.kind}\t{one.request}" for one in ALL_INSTRUCTIONS)
    assert hashlib.sha256(written.encode()).hexdigest() == GATE_HASH


def test_the_dev_instructions_are_of_the_same_kinds_and_none_is_the_gates():
    dev = write_dev_instructions(MAX_INSTRUCTIONS)
    assert [one.kind for one in dev] == [one.kind for one in ALL_INSTRUCTIONS]
    requests = {one.request for one in dev}
    assert len(requests) == MAX_INSTRUCTIONS
    assert requests & {one.request for one in ALL_INSTRUCTIONS} == set()
    assert {topic.thing for topic in DEV_TOPICS} & {topic.thing for topic in TOPICS} == set()
    assert math.gcd(len(DEV_TOPICS), len(KINDS)) == 1
    assert [one.kind for one in dev if one.followed(one.request)] == []
