import random
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptorium.contracts import Finding, Severity
from scriptorium.errors import Cancelled, InvalidTrainingFile
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Chunking
from services.data.checks.codes import GATES, DataGate, grade_findings, make_finding
from services.data.checks.passages.language import PROFILES, best_language
from services.data.checks.passages.tokenized_passage import TokenizedPassage
from services.data.checks.run_checks import raise_for_findings, run_checks
from services.data.passage import Passage
from services.data.splits.near_duplicates import find_near_duplicates

PROSE = (
    "The old man went down to the river with his lamp, and for a long time he looked at the black water. "
    "Nobody was in the street; the houses had all been shut since the rain began. "
    '"I do not know what you want," he said, "but I ask you to go before night." '
    "She gave him no answer, for she was afraid of what he would do with the letter. "
    "At 9 o'clock, in the winter of 1861, they met again on the bridge - and this time she spoke."
)


def passage(text: str, place: str = "here") -> Passage:
    return Passage(stored_text=text, chapter="I", place=place, words=len(text.split()), tokens=len(text.split()))


def check(*texts: str, curated: bool = True) -> list[Finding]:
    passages = [passage(text, f"passage {number}") for number, text in enumerate(texts, start=1)]
    pairs = find_near_duplicates(texts)
    wide = Chunking(unit="words", minimum=20, maximum=10**6)
    return run_checks(passages, pairs, wide, curated=curated, place="book", reporter=SilentReporter())


def codes(*texts: str) -> set[str]:
    return {finding.code for finding in check(*texts)}


def test_prose_has_no_findings() -> None:
    assert codes(PROSE) == set()
    assert codes(f"{PROSE}\n\n{PROSE.replace('river', 'harbour')[:140]}.") == set()


@pytest.mark.parametrize(
    ("code", "addition"),
    [
        ("replacement_character", "It was na\ufffdve."),
        ("mojibake", "The cafÃ© and the lâ€."),
        ("mojibake", "Non so perch© egli ¨ triste."),
        ("lost_letter", "He didn?t and she wasn?t."),
        ("invisible_character", "A zero\u200bwidth space."),
        ("invisible_character", "A bell\x07 rang."),
        ("private_character", "The \ue001re."),
        ("repeated_character", "So............he left."),
        ("spaced_letters", "A g r e a t ship."),
        ("joined_words", "Hewentdowntotherivertolookforherbutshewasgone."),
        ("hyphen_left", "He con- tinued to won- der."),
        ("ocr_garbage", "The h0use, the w1ndow and the d0or."),
        ("boilerplate", "This eBook is free."),
        ("boilerplate", "Sign up or log in."),
        ("page_furniture", "\n\nPage 12 of 300\n\n"),
        ("page_furniture", "\n\nThe River . . . . . . . 12\n\n"),
        ("link", "See https://example.com/x now."),
        ("link", "See example.org now."),
        ("draft_mark", "TODO write this."),
        ("draft_mark", "He met [insert name] there."),
        ("html_left", "It was <em>late</em>."),
        ("markdown_left", "Read [the letter](letter.md)."),
        ("code_left", "It was \\emph{late}."),
        ("special_token", "It was late.<|im_end|>"),
        ("timestamp", "00:01:02,500 It was late."),
        ("email_address", "Write to someone@example.com."),
        ("phone_number", "Call (212) 555-0147."),
        ("assistant_phrase", "As an AI language model, I cannot."),
        ("assistant_phrase", "\n\nUser: go on.\n\n"),
        ("cut_end", "And then he went to the"),
    ],
)
def test_faults_are_found(code: str, addition: str) -> None:
    end = "" if code == "cut_end" else f" {PROSE}"
    text = f"{PROSE} {addition}{end}"
    assert codes(text) == {code}
    (finding, *_) = check(text)
    assert (finding.place, finding.severity) == ("passage 1", GATES[code].severity)
    assert finding.next_step == GATES[code].next_step


@pytest.mark.parametrize(
    "text",
    [
        "The swamp was produced by the beavers.",
        "He lived from 1861-1865 in room 12, on 12.03.1912.",
        "Mr. & Mrs. Bell paid $1,000,000 for it: 3 < 4.",
        "It was the 21st of May, in the 1890s.",
        "What?he said once.",
        "He asked: 'Where?' and left at 12:30 sharp.",
        "“Où est-il?” he asked — “naïve”, they said…",
        "Pre- and post-war books.",
    ],
)
def test_ordinary_prose_is_no_fault(text: str) -> None:
    assert codes(f"{PROSE} {text} {PROSE}") <= {"line_repeated"}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("answer_empty", "* * *"),
        ("all_capitals", PROSE[:280].upper()),
        ("cut_start", "of the river. " + PROSE),
        ("no_capitals", PROSE.lower()),
        ("no_punctuation", "".join(character for character in PROSE if character.isalnum() or character == " ")),
        ("many_numbers", PROSE.replace("the", "17")),
        ("table_layout", PROSE + "\n\n" + "\n".join(f"Rope of best quality {price}" for price in range(5))),
        (
            "verse_layout",
            "\n\n".join(f"The {noun} of the sea and sky" for noun in PROSE.split()[:12]),
        ),
        ("line_repeated", (PROSE + " He looked at her and went. ") * 5),
        ("low_variety", "The old man looked at the black water. " * 40),
        ("same_sentences", " ".join(f"She could feel the {noun} in it." for noun in PROSE.split())),
        ("passage_too_short", "He went home."),
    ],
)
def test_a_whole_passage_may_be_wrong(code: str, text: str) -> None:
    assert code in codes(text)


def test_a_script_without_capitals_is_no_fault_for_a_latin_letter() -> None:
    assert "no_capitals" not in codes("他拿着灯走到河边，看了很久，心里想着昨天的信。" * 8 + "他说的是v的声音。")


def test_another_language_is_named_and_gibberish_is_no_prose() -> None:
    german = " ".join(["Der alte Mann ging zum Fluss und sah, dass niemand auf der Straße war, weil er nicht kam."] * 5)
    findings = check(PROSE, PROSE, f"{PROSE}\n\n{german}")
    foreign = [finding for finding in findings if finding.code == "other_language"]
    assert [(finding.place, "German, not English" in finding.message) for finding in foreign] == [("passage 3", True)]
    assert "no_prose" in codes(PROSE, PROSE, PROSE + " blorf zint quux" * 30)
    russian = "Старик спустился к реке с лампой и долго смотрел на чёрную воду, которая текла под мостом."
    findings = check(PROSE, f"{PROSE}\n\n{russian}")
    (other,) = [finding for finding in findings if finding.code == "other_language"]
    assert "Cyrillic" in other.message


@pytest.mark.parametrize("language", PROFILES)
def test_every_language_is_recognised_by_its_small_words(language: str) -> None:
    assert best_language(TokenizedPassage(passage(" ".join(sorted(PROFILES[language])))).counts) == language


def test_copies_name_both_places(prose: Callable[..., str]) -> None:
    one, other = prose(6, seed=1), prose(6, seed=2)
    by_code = {finding.code: finding for finding in check(one, other, one + " And so it ended.")}
    assert by_code["near_duplicate"].place == "passage 3"
    assert "passage 1" in by_code["near_duplicate"].message
    paragraph = PROSE[:270].rsplit(". ", 1)[0] + "."
    texts = [f"{prose(20, seed=seed)}\n\n{paragraph}" for seed in (3, 4)]
    by_code = {finding.code: finding for finding in check(*texts)}
    assert by_code["paragraph_repeated"].place == "passage 2"
    assert "passage 1" in by_code["paragraph_repeated"].message


def test_templates_and_blind_cuts_are_found_over_all_passages() -> None:
    chance = random.Random(0)  # noqa: S311  # no secret
    words = PROSE.split()
    texts = [" ".join(chance.choices(words, k=200)) for _ in range(30)]
    by_code = {finding.code: finding.place for finding in check(*texts)}
    assert by_code["same_lengths"] == "book"
    texts = ["In this part of the story, " + " ".join(chance.choices(words, k=30 + 9 * n)) for n in range(12)]
    by_code = {finding.code: finding.place for finding in check(*texts)}
    assert by_code["same_opening"] == "passage 1"
    assert "same_lengths" not in by_code


def test_a_hundred_words_are_no_vocabulary() -> None:
    chance = random.Random(0)  # noqa: S311  # no secret
    assert "tiny_vocabulary" in codes(*(" ".join(chance.choices(PROSE.split(), k=700)) for _ in range(20)))


def test_a_finding_is_worse_if_many_passages_have_it() -> None:
    gate = DataGate(Severity.NOTE, "", "", threshold=0.1, escalated=Severity.DEBATABLE)
    assert gate.grade(2, 4) is Severity.NOTE  # two may be chance
    assert gate.grade(3, 30) is Severity.NOTE
    assert gate.grade(4, 30) is Severity.DEBATABLE
    findings = [make_finding("html_left", f"passage {number}", "") for number in (1, 1, 2, 3)]
    assert {finding.severity for finding in grade_findings(findings, 15)} == {Severity.DEBATABLE}
    assert {finding.severity for finding in grade_findings(findings, 14)} == {Severity.SERIOUS}
    unknown = Finding(code="new", place="", message="")
    assert grade_findings([unknown], 1) == [unknown]


def test_serious_findings_fail_together() -> None:
    findings = check(f"{PROSE}<|im_end|>", "* * *", f"{PROSE} someone@example.com")
    with pytest.raises(InvalidTrainingFile) as caught:
        raise_for_findings(findings, 100)
    assert [problem.place for problem in caught.value.problems] == ["passage 1", "passage 2"]
    assert GATES["special_token"].next_step in str(caught.value.next_step)
    raise_for_findings([finding for finding in findings if finding.severity is not Severity.SERIOUS], 100)


def test_personal_data_is_not_quoted_in_full() -> None:
    findings = str(check(f"{PROSE} someone@example.com or 212-555-0147."))
    assert "someone" not in findings
    assert "0147" not in findings


def test_checks_can_be_stopped() -> None:
    class CancellingChecks(SilentReporter):
        def check(self) -> None:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run_checks([passage(PROSE)], [], Chunking(), curated=True, place="book", reporter=CancellingChecks())


@given(st.lists(st.text(max_size=200), max_size=4))
@example(["İ" * 50 + " www. this ebook"])
def test_any_text_can_be_checked(texts: Sequence[str]) -> None:
    assert codes(*texts) <= set(GATES)


HOSTILE = [
    "a",
    "a@",
    "1 ",
    "1",
    ".",
    ". ",
    "-",
    "[",
    "<a ",
    "**a",
    "`a",
    "\\a",
    "{ ",
    '{"a',
    "a-",
    "a.b",
    "class ",
    "import (",
    "\n\n",
    "\n- ",
    "_",
    "a b ",
    "&a",
    "www.",
    "(at)a",
    "A",
    "é",
    "\u200b",
    "a- b",
    "| ",
    "a?b",
    "'",
    "12:",
    "Ã",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long(piece: str) -> None:
    """A quadratic pattern would need hours for a hostile megabyte; a second is far more than this needs."""
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    check(text + "@<|{[")
    assert time.process_time() - start < 2


def test_a_common_word_of_the_language_is_no_draft_mark() -> None:
    spanish = (
        "Sabía que todo el mundo estaba en la casa, y que por la noche no había más que una luz sobre el río. " * 8
    )
    assert "draft_mark" not in codes(spanish)
    assert "draft_mark" in codes(f"{spanish}\n\nTODO: el final de la escena.")


@pytest.mark.parametrize("numbers", ["二〇〇三年、一九九〇年、三〇人、四〇人、五〇人。", "3월 12일 1990년 40명 50명"])
def test_numbers_of_east_asian_scripts_are_no_scan_faults(numbers: str) -> None:
    assert "ocr_garbage" not in codes(numbers * 6)


def test_verse_that_kept_its_lines_is_no_fault() -> None:
    stanza = "\n".join(f"The {noun} of the sea and sky" for noun in PROSE.split()[:12])
    assert "verse_layout" not in codes(f"{stanza}\n\n{stanza.replace('sea', 'wood')}")


SUBJECTS = [  # twelve passages of a short book, each with its own nouns, as a chapter has
    *("farmer barley sickle meadow", "captain harbour anchor sail", "doctor fever bandage ward"),
    *("baker oven flour crust", "smith anvil hammer spark", "judge verdict robe prison"),
    *("miner coal lantern shaft", "weaver loom thread shuttle", "monk abbey prayer candle"),
    *("soldier trench rifle drum", "teacher slate chalk lesson", "painter brush canvas varnish"),
]


def write_about(subject: str) -> str:
    one, two, three, four = subject.split()
    return (
        f"The {one} had seen the {two} before, and he said so to whoever came in from the street that night. "
        f"There was a {three} on the table, and there was a {four} beside the {three}, and nobody would take them. "
        f'"Who left the {four} here?" he asked, and when no answer came he asked again, with his hand on the {two}. '
    ) * 3


def test_words_with_their_letters_in_disorder_are_strange_and_a_subject_of_its_own_is_not() -> None:
    texts = [write_about(subject) for subject in SUBJECTS]
    assert not [finding for finding in check(*texts) if finding.code == "strange_words"]
    shuffled = random.Random(0)  # noqa: S311
    texts[4] = " ".join("".join(shuffled.sample(word, len(word))) for word in texts[4].split())
    (finding,) = (finding for finding in check(*texts) if finding.code == "strange_words")
    assert finding.place == "passage 5"
    assert "letters in an order that no other passage has" in finding.message


def test_a_passage_of_new_names_in_a_script_of_signs_is_not_strange() -> None:
    texts = [write_about(subject) for subject in SUBJECTS]
    texts[4] += " 김철수였다 박영희였다 이순신이다 강감찬이다 세종대왕은" * 6
    assert "strange_words" not in {finding.code for finding in check(*texts)}
