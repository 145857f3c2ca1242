"""Every code that a finding about data may have: how bad it is, what is looked for, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from scriptorium.contracts import Finding, Severity

FEWEST = 3  # passages; two of ten may be chance
SERIOUS, DEBATABLE, NOTE = Severity.SERIOUS, Severity.DEBATABLE, Severity.NOTE


@dataclass(frozen=True)
class Gate:
    """What is looked for and the next step; worse than `severity` where more than a share of passages has it."""

    severity: Severity
    looks_for: str
    next_step: str
    often: float = 1.0
    then: Severity = SERIOUS

    @property
    def told(self) -> str:
        """The severity in words."""
        if self.often == 1:
            return self.severity
        return f"{self.severity}; {self.then} above {self.often:.0%} of the passages"

    def judge(self, found: int, passages: int) -> Severity:
        """The severity where so many of the passages have it."""
        return self.then if found >= FEWEST and found > self.often * passages else self.severity


GATES: dict[str, Gate] = {
    # characters
    "replacement_character": Gate(
        DEBATABLE,
        "Characters that an earlier conversion lost (U+FFFD).",
        "Convert the original again as UTF-8, or put the characters back by hand.",
        often=0.2,
    ),
    "mojibake": Gate(
        DEBATABLE,
        "UTF-8 read in another encoding, too damaged to be repaired, as in `cafÃ©` with a letter lost.",
        "Export the text again as UTF-8.",
        often=0.2,
    ),
    "lost_letter": Gate(
        DEBATABLE,
        "A question mark inside words, where an accent or apostrophe was lost: `don?t`.",
        "Export the text again as UTF-8.",
    ),
    "invisible_character": Gate(
        DEBATABLE,
        "Characters that nobody sees: control characters, zero-width spaces, soft hyphens, direction marks.",
        "Remove them; most editors can show them.",
    ),
    "private_character": Gate(
        DEBATABLE,
        "Characters without a public meaning, as ligatures of a PDF's own font.",
        "Export the text from its source instead of the PDF.",
    ),
    "repeated_character": Gate(
        NOTE, "One sign eight times in a row or more.", "Make sure that it is the author's; remove rules and leaders."
    ),
    # scanning
    "ocr_garbage": Gate(
        DEBATABLE,
        "Words with digits or signs inside them, as bad scans have: `l1ke`, `th^e`.",
        "Scan again, or correct the passage.",
        often=0.5,
    ),
    "spaced_letters": Gate(
        DEBATABLE, "Letters that stand alone, one after another: `t h e`.", "Take the spaces out of the words."
    ),
    "joined_words": Gate(
        DEBATABLE, "Words that run together because spaces were lost.", "Export the text again from its source."
    ),
    "hyphen_left": Gate(
        DEBATABLE,
        "Words that are still cut at the end of what was a line: `con- tinued`.",
        "Join the halves; send the text with its line breaks, so that they are seen.",
    ),
    "strange_words": Gate(
        DEBATABLE,
        "A passage with far more words than others that no other passage knows.",
        "Read it: a bad scan, another language, or a list?",
    ),
    # language
    "other_language": Gate(
        DEBATABLE,
        "A stretch of sixty words or more in another language or script than the rest.",
        "Leave it out, or send the book in one language.",
    ),
    "no_prose": Gate(
        DEBATABLE,
        "A stretch of sixty words without the small words that sentences of its language have.",
        "Leave out lists, indexes and tables.",
    ),
    # what is left of a book's or a page's frame
    "boilerplate": Gate(
        DEBATABLE,
        "Phrases of licences, imprints, transcribers and websites.",
        "Leave that part out of the manuscript.",
        often=0.5,
    ),
    "page_furniture": Gate(
        DEBATABLE,
        "Page numbers, running heads, links to other pages, leaders of a contents list.",
        "Remove these lines.",
        often=0.5,
    ),
    "link": Gate(DEBATABLE, "An address of the web.", "Remove it; a model repeats what it saw."),
    "draft_mark": Gate(
        DEBATABLE,
        "Notes that a writer or editor left for later: `TODO`, `[insert name]`, lorem ipsum.",
        "Finish or remove that part.",
    ),
    # markup
    "html_left": Gate(DEBATABLE, "HTML tags or entities.", "Export as plain text, .docx or .epub.", often=0.2),
    "markdown_left": Gate(
        DEBATABLE, "Markdown: bold, links, code, headings, lists.", "Send it as .md, or remove the signs."
    ),
    "code_left": Gate(DEBATABLE, "LaTeX, RTF or program text.", "Export as plain text, .docx or .epub.", often=0.2),
    "special_token": Gate(
        SERIOUS,
        "Tokens that steer a chat model, as `<|im_end|>`: in a text they would end or forge a turn.",
        "Remove them from the text.",
    ),
    "timestamp": Gate(DEBATABLE, "Times of subtitles or chat logs.", "Remove them."),
    # people
    "email_address": Gate(DEBATABLE, "An e-mail address.", "Remove or replace it: a model may repeat it to anyone."),
    "phone_number": Gate(DEBATABLE, "A telephone number.", "Remove or replace it: a model may repeat it to anyone."),
    # shape
    "passage_left_out": Gate(
        NOTE, "A stray line, under a tenth of the shortest length.", "Nothing to do: it does not train."
    ),
    "passage_too_short": Gate(
        NOTE,
        "A passage below the recipe's range.",
        "Merge it with a neighbour, or lower `chunking.minimum`.",
        often=0.5,
        then=DEBATABLE,
    ),
    "passage_too_long": Gate(
        NOTE, "A passage above the recipe's range.", "Cut it, or raise `chunking.maximum`.", often=0.1, then=DEBATABLE
    ),
    "row_too_long": Gate(
        NOTE,
        "A ready row of more tokens than the recipe's `sequence_len`, which training would leave out.",
        "Shorten it, or raise `training.sequence_len`.",
        often=0.1,
        then=DEBATABLE,
    ),
    "answer_empty": Gate(SERIOUS, "A passage or row whose trained part has no words.", "Remove the row or fill it."),
    "cut_end": Gate(
        NOTE,
        "A passage that stops in the middle of a sentence.",
        "Let it end where the sentence does: the model learns to stop where its examples do.",
        often=0.1,
        then=DEBATABLE,
    ),
    "cut_start": Gate(
        NOTE,
        "A passage that begins in the middle of a sentence.",
        "Let it begin where a sentence does.",
        often=0.1,
        then=DEBATABLE,
    ),
    "all_capitals": Gate(
        DEBATABLE, "A paragraph of twenty words or more in capitals.", "Write it in ordinary letters."
    ),
    "no_capitals": Gate(DEBATABLE, "A passage without capital letters.", "Put the capitals back."),
    "no_punctuation": Gate(DEBATABLE, "A passage with hardly any full stop or comma.", "Put the punctuation back."),
    "verse_layout": Gate(
        DEBATABLE,
        "A passage of short lines, as verse or lines that were not joined.",
        "Join the lines, unless the author writes verse.",
        often=0.9,
        then=NOTE,
    ),
    "table_layout": Gate(DEBATABLE, "Columns, as in tables and price lists.", "Leave tables out."),
    "many_numbers": Gate(DEBATABLE, "A passage in which many words are numbers.", "Leave tables and lists out."),
    # repetition
    "passage_repeated": Gate(
        NOTE, "A passage that is in the manuscript twice, word for word.", "Nothing to do: it trains once."
    ),
    "near_duplicate": Gate(
        DEBATABLE,
        "Two passages that share a fifth of their runs of eight words.",
        "Keep the better one; what is there twice is learned by heart.",
        often=0.5,
    ),
    "paragraph_repeated": Gate(DEBATABLE, "A paragraph of thirty words or more that is there twice.", "Keep it once."),
    "line_repeated": Gate(
        DEBATABLE, "One line or sentence five times or more in a passage.", "Keep it once, unless it is a refrain."
    ),
    "low_variety": Gate(DEBATABLE, "A passage that says the same few words over and over.", "Remove the repetition."),
    "tiny_vocabulary": Gate(
        DEBATABLE,
        "A manuscript of ten thousand words or more with very few different ones.",
        "Send the author's own prose: a style cannot be learned from so few words.",
    ),
    # machine-written
    "assistant_phrase": Gate(
        DEBATABLE,
        "Phrases of chat assistants: `As an AI language model`, `I hope this helps`.",
        "Leave out what a machine wrote; the model would learn its voice.",
        often=0.2,
    ),
    "same_opening": Gate(
        DEBATABLE,
        "Many passages that begin with the same words, as from a template.",
        "Leave the template's words out.",
    ),
    "same_sentences": Gate(
        DEBATABLE,
        "A passage in which sentence after sentence begins with the same words.",
        "Read it: is it generated or a list?",
    ),
    "same_lengths": Gate(
        DEBATABLE,
        "Passages of one length to a few words, as a generator or a blind cut makes them.",
        "Cut at the ends of scenes or paragraphs; leave out what a machine wrote.",
    ),
    # training and testing
    "text_leaked": Gate(
        SERIOUS,
        "Held-out text that trains, too: a tenth of a passage's runs of eight words.",
        "Remove overlaps and copies; a test on what was trained proves nothing.",
    ),
    "twin_left_out": Gate(
        NOTE, "A passage of which much is in another split, too.", "Nothing to do: it does not train."
    ),
    "split_in_blocks": Gate(NOTE, "Too few chapters to hold whole ones out.", "Mark chapters with headings."),
    "uneven_split": Gate(
        NOTE, "A held-out part far from the share that the recipe asks for.", "Use shorter chapters or other shares."
    ),
    # reading
    "guessed_encoding": Gate(NOTE, "A file that is not UTF-8.", "Look at accents and quotes; save it as UTF-8."),
    "mixed_forms": Gate(NOTE, "Rows of several forms in one file.", "Make sure that all of them are meant."),
    "keys_unused": Gate(NOTE, "Keys of rows that nothing uses.", "Nothing to do, unless a key is misspelt."),
    "markup_left_out": Gate(
        NOTE, "Tables, pictures and the like in a file of a known format.", "Nothing to do: they do not train."
    ),
    "file_ignored": Gate(NOTE, "A file that is not part of the manuscript.", "Nothing to do: it was left out."),
    "brief_extracted": Gate(
        NOTE, "A passage that the writer of briefs cannot describe without quoting.", "Nothing to do: its own stays."
    ),
    "brief_quotes": Gate(
        NOTE, "A passage whose every brief would quote it.", "Nothing to do: it was left out; it is very short."
    ),
    "reference_left_out": Gate(NOTE, "A reference book that is the manuscript.", "Nothing to do: it was left out."),
    "reference_unreadable": Gate(NOTE, "A reference book that cannot be read.", "Send it as .txt in UTF-8."),
    "impostor_left_out": Gate(
        NOTE,
        "Another author’s text that is the manuscript’s own author, or too little to show a style.",
        "Nothing to do, unless fewer than eight others are left: then add some.",
    ),
    "impostor_unreadable": Gate(NOTE, "Another author’s text that cannot be read.", "Send it as .txt in UTF-8."),
}


def finding(code: str, place: str, message: str) -> Finding:
    """A finding with the severity and next step of its gate."""
    gate = GATES[code]
    return Finding(code=code, place=place, message=message, severity=gate.severity, next_step=gate.next_step)


def judge(findings: Iterable[Finding], passages: int) -> list[Finding]:
    """The same findings, worse where many of the passages have them, and with the next steps of their gates."""
    findings = list(findings)
    found = Counter(code for code, _ in {(each.code, each.place) for each in findings})
    severities = {code: GATES[code].judge(found[code], passages) for code in found if code in GATES}
    return [
        each.model_copy(
            update={"severity": severities[each.code], "next_step": each.next_step or GATES[each.code].next_step}
        )
        if each.code in severities
        else each
        for each in findings
    ]
