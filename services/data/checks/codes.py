"""The codes of findings about data, with the severity, the description and the next step of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from scriptorium.contracts import Finding, Severity

MIN_PASSAGES = 3  # that a finding needs to escalate; two of ten may be chance
SERIOUS, DEBATABLE, NOTE = Severity.SERIOUS, Severity.DEBATABLE, Severity.NOTE


@dataclass(frozen=True)
class DataGate:
    """A severity, a description and a next step; `escalated` is the severity above a `threshold` share of passages.

    What is debatable and not `tolerable` needs an answer even if it is in one passage only.
    """

    severity: Severity
    looks_for: str
    next_step: str
    threshold: float = 1.0
    escalated: Severity = SERIOUS
    tolerable: bool = True

    @property
    def label(self) -> str:
        """The severity in words."""
        if self.threshold == 1:
            return self.severity
        return f"{self.severity}; {self.escalated} above {self.threshold:.0%} of the passages"

    def grade(self, affected: int, passages: int) -> Severity:
        """Return the severity if `affected` of the passages have the finding."""
        escalates = affected >= MIN_PASSAGES and affected > self.threshold * passages
        return self.escalated if escalates else self.severity


GATES: dict[str, DataGate] = {
    # characters
    "replacement_character": DataGate(
        DEBATABLE,
        "Characters that an earlier conversion lost (U+FFFD).",
        "Convert the original again as UTF-8, or put the characters back by hand.",
        threshold=0.2,
    ),
    "mojibake": DataGate(
        DEBATABLE,
        "UTF-8 text that was read in another encoding and is too damaged to repair: `cafÃ©` with a letter lost.",
        "Export the text again as UTF-8.",
        threshold=0.2,
    ),
    "lost_letter": DataGate(
        DEBATABLE,
        "A question mark inside words, where an accent or apostrophe was lost: `don?t`.",
        "Export the text again as UTF-8.",
    ),
    "invisible_character": DataGate(
        DEBATABLE,
        "Invisible characters: control characters, zero-width spaces, soft hyphens, direction marks.",
        "Remove them; most editors can show them.",
    ),
    "private_character": DataGate(
        DEBATABLE,
        "Private-use characters, such as ligatures of a PDF's own font.",
        "Export the text from its source instead of the PDF.",
    ),
    "repeated_character": DataGate(
        NOTE, "One character eight times in a row or more.", "Check that the author wrote it; remove rules and leaders."
    ),
    # scanning
    "ocr_garbage": DataGate(
        DEBATABLE,
        "Words with digits or symbols in them, as in bad scans: `l1ke`, `th^e`.",
        "Scan again, or correct the passage.",
        threshold=0.5,
    ),
    "spaced_letters": DataGate(DEBATABLE, "Single letters in a row: `t h e`.", "Remove the spaces inside words."),
    "joined_words": DataGate(
        DEBATABLE, "Words that run together because spaces were lost.", "Export the text again from its source."
    ),
    "hyphen_left": DataGate(
        DEBATABLE,
        "Words still hyphenated from an old line break: `con- tinued`.",
        "Join the halves, or send the text with its line breaks so that cleaning can do it.",
    ),
    "strange_words": DataGate(
        DEBATABLE,
        "A passage with far more words than usual whose letters stand in an order that no other passage has.",
        "Read it: a bad scan, another language, or a list?",
    ),
    # language
    "other_language": DataGate(
        DEBATABLE,
        "A stretch of sixty words or more in another language or script than the rest.",
        "Leave it out, or send the book in one language.",
    ),
    "no_prose": DataGate(
        DEBATABLE,
        "A stretch of sixty words with hardly any of the small words that every sentence of its language needs.",
        "Leave out lists, indexes and tables.",
    ),
    # leftovers of a book's or a web page's frame
    "boilerplate": DataGate(
        DEBATABLE,
        "Phrases of licences, imprints, transcribers and websites.",
        "Leave that part out of the manuscript.",
        threshold=0.5,
    ),
    "page_furniture": DataGate(
        DEBATABLE,
        "Page numbers, running heads, links to other pages, leaders of a contents list.",
        "Remove these lines.",
        threshold=0.5,
    ),
    "link": DataGate(DEBATABLE, "A web address.", "Remove it; a model repeats what it has seen."),
    "draft_mark": DataGate(
        DEBATABLE,
        "Notes that a writer or editor left for later: `TODO`, `[insert name]`, lorem ipsum.",
        "Finish or remove that part.",
    ),
    # markup
    "html_left": DataGate(DEBATABLE, "HTML tags or entities.", "Export as plain text, .docx or .epub.", threshold=0.2),
    "markdown_left": DataGate(
        DEBATABLE, "Markdown: bold, links, code, headings, lists.", "Send it as .md, or remove the signs."
    ),
    "code_left": DataGate(
        DEBATABLE, "LaTeX, RTF or program text.", "Export as plain text, .docx or .epub.", threshold=0.2
    ),
    "special_token": DataGate(
        SERIOUS,
        "Tokens that control a chat model, such as `<|im_end|>`: in a text they would end or forge a turn.",
        "Remove them from the text.",
    ),
    "timestamp": DataGate(DEBATABLE, "Times of subtitles or chat logs.", "Remove them."),
    # people
    "email_address": DataGate(
        DEBATABLE, "An e-mail address.", "Remove or replace it: a model may repeat it to anyone.", tolerable=False
    ),
    "phone_number": DataGate(
        DEBATABLE, "A telephone number.", "Remove or replace it: a model may repeat it to anyone.", tolerable=False
    ),
    # shape
    "passage_left_out": DataGate(
        NOTE, "A stray line, shorter than a tenth of the recipe's minimum.", "Nothing to do: it does not train."
    ),
    "passage_too_short": DataGate(
        NOTE,
        "A passage shorter than the recipe's range.",
        "Merge it with a neighbour, or lower `chunking.minimum`.",
        threshold=0.5,
        escalated=DEBATABLE,
    ),
    "passage_too_long": DataGate(
        NOTE,
        "A passage longer than the recipe's range.",
        "Cut it, or raise `chunking.maximum`.",
        threshold=0.1,
        escalated=DEBATABLE,
    ),
    "row_too_long": DataGate(
        NOTE,
        "A ready row or curated passage with more tokens than `sequence_len`, which training would refuse.",
        "Shorten it, or raise `training.sequence_len`.",
        threshold=0.1,
        escalated=DEBATABLE,
    ),
    "cut_to_fit": DataGate(
        NOTE,
        "Passages shorter than the recipe asks for, as longer rows would not fit into `sequence_len`.",
        "Nothing to do; longer passages need a higher `training.sequence_len`.",
    ),
    "answer_empty": DataGate(
        SERIOUS, "A passage or row whose trained part has no words.", "Remove the row or fill it."
    ),
    "cut_end": DataGate(
        NOTE,
        "A passage that stops in the middle of a sentence.",
        "Let it end where the sentence does: the model learns to stop where its examples do.",
        threshold=0.1,
        escalated=DEBATABLE,
    ),
    "cut_start": DataGate(
        NOTE,
        "A passage that begins in the middle of a sentence.",
        "Let it begin where a sentence does.",
        threshold=0.1,
        escalated=DEBATABLE,
    ),
    "all_capitals": DataGate(
        DEBATABLE, "A paragraph of twenty words or more in capitals.", "Write it in ordinary letters."
    ),
    "no_capitals": DataGate(DEBATABLE, "A passage without capital letters.", "Put the capitals back."),
    "no_punctuation": DataGate(
        DEBATABLE, "A passage with hardly any full stops or commas.", "Put the punctuation back."
    ),
    "verse_layout": DataGate(
        DEBATABLE,
        "A passage of short lines: verse, or lines that were not joined.",
        "Join the lines, unless the author writes verse.",
        threshold=0.9,
        escalated=NOTE,
    ),
    "table_layout": DataGate(DEBATABLE, "Columns, as in tables and price lists.", "Leave tables out."),
    "many_numbers": DataGate(DEBATABLE, "A passage in which many words are numbers.", "Leave tables and lists out."),
    # repetition
    "passage_repeated": DataGate(
        NOTE, "A passage that is in the manuscript twice, word for word.", "Nothing to do: it trains once."
    ),
    "near_duplicate": DataGate(
        DEBATABLE,
        "Two passages that share a fifth of their runs of eight words.",
        "Keep the better one; a model memorises what occurs twice.",
        threshold=0.5,
    ),
    "paragraph_repeated": DataGate(
        DEBATABLE, "A paragraph of thirty words or more that occurs twice.", "Keep it once."
    ),
    "line_repeated": DataGate(
        DEBATABLE, "One line or sentence five times or more in a passage.", "Keep it once, unless it is a refrain."
    ),
    "book_repeated": DataGate(
        NOTE, "A book that is in the manuscript twice, word for word.", "Nothing to do: it trains once."
    ),
    "book_edition": DataGate(
        DEBATABLE,
        "Two editions of a book, or a collection beside a book in it.",
        "Send each book once; a model memorises what occurs twice.",
    ),
    "low_variety": DataGate(
        DEBATABLE, "A passage that repeats the same few words over and over.", "Remove the repetition."
    ),
    "tiny_vocabulary": DataGate(
        DEBATABLE,
        "A manuscript of ten thousand words or more with very few different words.",
        "Send the author's own prose: a style cannot be learned from so few words.",
    ),
    # machine-written
    "assistant_phrase": DataGate(
        DEBATABLE,
        "Phrases of chat assistants: `As an AI language model`, `I hope this helps`.",
        "Leave out what a machine wrote; the model would learn its voice.",
        threshold=0.2,
    ),
    "same_opening": DataGate(
        DEBATABLE,
        "Many passages that begin with the same words, as from a template.",
        "Leave the template's words out.",
    ),
    "same_sentences": DataGate(
        DEBATABLE,
        "A passage in which sentence after sentence begins with the same words.",
        "Read it: is it generated or a list?",
    ),
    "same_lengths": DataGate(
        DEBATABLE,
        "Passages of nearly equal length, as a generator or a blind cut produces.",
        "Cut at the ends of scenes or paragraphs; leave out what a machine wrote.",
    ),
    # training and testing
    "text_leaked": DataGate(
        SERIOUS,
        "Held-out text that trains, too: a tenth of a passage's runs of eight words.",
        "Remove overlaps and copies; a test on training text proves nothing.",
    ),
    "twin_left_out": DataGate(
        NOTE, "A passage that shares much of its wording with another split.", "Nothing to do: it does not train."
    ),
    "split_in_blocks": DataGate(NOTE, "Too few chapters to hold out whole ones.", "Mark chapters with headings."),
    "uneven_split": DataGate(
        NOTE, "A held-out split far from the share that the recipe asks for.", "Use shorter chapters or other shares."
    ),
    # several books
    "several_books": DataGate(
        NOTE,
        "Several books in one manuscript.",
        "Nothing to do; `data.split.by: book` tests on whole books instead of chapters of each.",
    ),
    "several_voices": DataGate(
        NOTE,
        "Folders with several books: series, or pen names with voices of their own.",
        "If their voices differ, send one of the folders alone: a job learns one voice.",
    ),
    # reading
    "guessed_encoding": DataGate(NOTE, "A file that is not UTF-8.", "Check accents and quotes; save it as UTF-8."),
    "invalid_byte": DataGate(
        NOTE, "A byte that is not UTF-8 in a file that is.", "Put the character back by hand; each is U+FFFD now."
    ),
    "mixed_forms": DataGate(NOTE, "Rows of several forms in one file.", "Check that all of them are intended."),
    "keys_unused": DataGate(NOTE, "Row keys that nothing uses.", "Nothing to do, unless a key is misspelt."),
    "doubtful_removal": DataGate(
        DEBATABLE,
        "Text that cleaning left out for its shape or place, and that could be story: more than 0.1% of the words.",
        "Keep it by the answer `keep`, or name its step in the recipe's `data.skip_cleaning`.",
        tolerable=False,
    ),
    "letters_missing": DataGate(
        DEBATABLE,
        "Letters that are in no chapter, though no step of cleaning left them out.",
        "That is a fault of ours: report it with the preview, and compare the chapters with the book.",
        tolerable=False,
    ),
    "markup_left_out": DataGate(
        NOTE, "Tables, pictures and the like in a file of a known format.", "Nothing to do: they do not train."
    ),
    "ordered_by_words": DataGate(
        NOTE,
        "Chapter files whose order was told by words in their names.",
        "If it is wrong, number the names: 01, 02 ...",
    ),
    "file_ignored": DataGate(NOTE, "A file that is not part of the manuscript.", "Nothing to do: it was left out."),
    "language_fallback": DataGate(
        NOTE,
        "A book in a language that Scriptorium has no sentences for, or in none that it knows.",
        "If another language was meant, name it in the recipe's `data.language`.",
    ),
    "brief_extracted": DataGate(
        NOTE,
        "A passage that the brief-writing model cannot describe without quoting it.",
        "Nothing to do: it keeps its extracted brief.",
    ),
    "brief_quotes": DataGate(
        NOTE, "A passage that every brief would quote.", "Nothing to do: it was left out because it is very short."
    ),
    "reference_left_out": DataGate(NOTE, "A reference book that is the manuscript.", "Nothing to do: it was left out."),
    "reference_unreadable": DataGate(NOTE, "A reference book that cannot be read.", "Send it as .txt in UTF-8."),
    "impostor_left_out": DataGate(
        NOTE,
        "A comparison author who is the manuscript's own author, or has too little text to show a style.",
        "Nothing to do, unless fewer than eight authors are left: then add some.",
    ),
    "impostor_unreadable": DataGate(
        NOTE, "A comparison author's text that cannot be read.", "Send it as .txt in UTF-8."
    ),
}


def make_finding(code: str, place: str, message: str) -> Finding:
    """Make a finding with the severity and next step of its gate."""
    gate = GATES[code]
    return Finding(code=code, place=place, message=message, severity=gate.severity, next_step=gate.next_step)


def grade_findings(findings: Iterable[Finding], passages: int) -> list[Finding]:
    """Return the findings with the severities and next steps of their gates; many passages make a finding worse."""
    findings = list(findings)
    affected = Counter(code for code, _ in {(finding.code, finding.place) for finding in findings})
    severities = {code: GATES[code].grade(affected[code], passages) for code in affected if code in GATES}
    return [
        finding.model_copy(
            update={
                "severity": severities[finding.code],
                "next_step": finding.next_step or GATES[finding.code].next_step,
            }
        )
        if finding.code in severities
        else finding
        for finding in findings
    ]
