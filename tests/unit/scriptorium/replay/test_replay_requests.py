"""Plain requests: many kinds and lengths, none of the gate's, and checks that know a right answer."""

import json

import pytest

from scriptorium.instructions.catalogue import KINDS, MAX_INSTRUCTIONS, write_dev_instructions, write_instructions
from scriptorium.instructions.dev_topics import DEV_TOPICS
from scriptorium.instructions.topics import TOPICS
from scriptorium.replay import bank
from scriptorium.replay.bank import REQUESTS_VERSION, list_languages, read_bank
from scriptorium.replay.catalogue import LONG_TEMPERATURE, SHORT_TEMPERATURE, write_requests
from scriptorium.replay.kinds import REPLAY_KINDS, replayed_gate_kinds

EVERYTHING = 10_000
GATE = [one.request for one in (*write_instructions(MAX_INSTRUCTIONS), *write_dev_instructions(MAX_INSTRUCTIONS))]
ENGLISH = write_requests("en", EVERYTHING, 300, 1)
ANSWERS = {
    "paragraphs": lambda n: "\n\n".join(["Here is one."] * n),
    "bullet list": lambda n: "\n".join(["- one"] * n),
    "steps": lambda n: "\n".join(f"{place}. Do it." for place in range(1, n + 1)),
    "poem": lambda n: "\n".join(["A line of verse"] * n),
    "questions and answers": lambda n: "\n".join(["Who is it? It is Tom."] * n),
}


def the_first(kind, has=""):
    return next(request for request in ENGLISH if request.kind == kind and has in request.request)


@pytest.mark.parametrize("language", list_languages())
def test_no_request_is_one_of_the_gate_or_of_dev(language):
    requests = [one.request for one in write_requests(language, EVERYTHING, 300, 1)]
    assert [(one, gate) for one in requests for gate in GATE if one in gate or gate in one] == []
    assert len(set(requests)) == len(requests) >= 300


def test_no_value_is_a_topic_of_the_gate():
    values = [
        part
        for listed in read_bank("en").values.values()
        for value in listed
        for part in ([value] if isinstance(value, str) else value)
    ]
    assert [topic.thing for topic in (*TOPICS, *DEV_TOPICS) if topic.thing in values] == []


def test_at_most_half_of_the_gates_kinds_are_resembled():
    resembled = replayed_gate_kinds(REPLAY_KINDS)
    assert resembled <= set(KINDS)
    assert 0 < len(resembled) <= len(KINDS) / 2
    assert replayed_gate_kinds(["poem", "own rows"]) == {"lines"}


@pytest.mark.parametrize("language", list_languages())
def test_the_bank_knows_only_kinds_with_properties(language):
    kinds = read_bank(language).kinds
    assert set(kinds) <= set(REPLAY_KINDS)
    assert language != "en" or set(kinds) == set(REPLAY_KINDS)
    assert len(kinds) >= 15


@pytest.mark.parametrize("language", list_languages())
def test_requests_are_the_same_for_a_seed_and_spread_over_kinds_and_lengths(language):
    requests = write_requests(language, 90, 300, 1)

    def spell(requests):
        return [one.request for one in requests]

    assert spell(requests) == spell(write_requests(language, 90, 300, 1))[:90]
    assert spell(requests) == spell(write_requests(language, EVERYTHING, 300, 1))[:90]
    assert spell(requests) != spell(write_requests(language, 90, 300, 2))
    long = [one for one in requests if one.words]
    assert len(long) == 60
    assert {one.words for one in long} == {60, 120, 210, 300}
    assert {one.temperature for one in long} == {LONG_TEMPERATURE}
    assert {one.temperature for one in requests if not one.words} == {SHORT_TEMPERATURE}
    for group in (long, [one for one in requests if not one.words]):
        kinds = [one.kind for one in group]
        assert max(kinds.count(kind) for kind in kinds) - min(kinds.count(kind) for kind in kinds) <= 1
    assert all(str(one.words) in one.request and one.max_tokens > one.words for one in long)


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_check_counts(kind):
    request = the_first(kind)
    number = next(int(word) for word in request.request.replace(",", " ").split() if word in ("3", "4", "5"))
    write = ANSWERS[kind]
    assert request.check(write(number))
    assert not request.check(write(number + 1))
    assert not request.check(write(number - 1))


def test_checks_know_a_right_answer_from_a_wrong_one():
    pairs = [
        ("JSON record", "an elephant", json.dumps({"animal": "e", "food": "hay", "weight": 5000}), '{"animal": "e"}'),
        ("praise or complaint", "never eaten better noodles", "Positive.", "It is positive, I think."),
        ("fact", "capital of France", "The capital of France is Paris.", "It is Lyon."),
        ("opposite", "“hot”", "Cold.", "Warm."),
        ("politer", "Close the window.", "Could you please close the window?", "Close the window!"),
        ("translation", "German: She has", "Sie hat den Schlüssel zu ihrem Haus verloren.", "She has lost the key."),
        ("closing words", "a friend who is ill", "Rest well. Get well soon!", "Get well soon! Yours, Tom"),
        ("headline", "free museums", "Museums open their doors", "One line\nand another"),
        ("definition", "an echo", "An echo is a sound that comes back.", "A. B. C. It is a sound."),
    ]
    for kind, has, right, wrong in pairs:
        request = the_first(kind, has)
        assert request.check(right), request.request
        assert not request.check(wrong), request.request


@pytest.mark.parametrize(
    ("kind", "has", "work"),
    [
        ("addition", "plus", lambda a, b: a + b),
        ("subtraction", "minus", lambda a, b: a - b),
        ("multiplication", "times", lambda a, b: a * b),
    ],
)
def test_sums_are_checked(kind, has, work):
    request = the_first(kind, has)
    a, b = (int(word) for word in request.request.rstrip("?").split() if word.isdigit())
    assert request.check(f"{a} and {b}: that is {work(a, b)}.")
    assert not request.check(f"That is {work(a, b) + 1}.")
    assert not request.check("I do not know.")


def test_the_version_follows_the_files(tmp_path, monkeypatch):
    assert len(REQUESTS_VERSION) == 16
    for path in bank.FOLDER.glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(bank, "FOLDER", tmp_path)
    bank.requests_version.cache_clear()
    assert bank.requests_version() == REQUESTS_VERSION
    with (tmp_path / "de.yaml").open("a") as file:
        file.write("# another word\n")
    bank.requests_version.cache_clear()
    assert bank.requests_version() != REQUESTS_VERSION
    bank.requests_version.cache_clear()
