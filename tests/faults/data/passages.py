"""Faults within a passage: the name of each, the code of its finding, and the corruption that makes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.faults.data.corruptions import (
    Spoil,
    capitalise,
    change_paragraphs,
    change_words,
    cut_first,
    cut_last,
    disorder_letters,
    double_encode,
    hyphenate,
    insert_index,
    insert_paragraph,
    insert_sentence,
    insert_table,
    join_words,
    lengthen,
    repeat_line,
    replace_by_numbers,
    split_lines,
    swap_signs,
    write_loop,
    write_template,
)
from tests.faults.data.languages import FRENCH, GERMAN, LATIN, RUSSIAN, SPANISH


@dataclass(frozen=True)
class PassageFault:
    """A kind of fault, the code of its finding, and its corruption, which may need a whole passage."""

    name: str
    code: str
    spoil: Spoil
    whole_passage: bool = False


FAULTS = [
    # characters
    PassageFault(
        "replacement characters", "replacement_character", change_paragraphs(lambda text: text.replace("'", "\ufffd"))
    ),
    PassageFault(
        "one replacement character",
        "replacement_character",
        insert_sentence("It was na\ufffdve of him.", "A caf\ufffd. No more."),
    ),
    PassageFault("damaged mojibake", "mojibake", change_paragraphs(double_encode)),
    PassageFault(
        "mojibake of letters",
        "mojibake",
        insert_sentence("La mÃ\xadsica, le cÅ“ur et lâ€ Ã©tÃ.", "Le frâ€re dâ€™AndrÃ, le cÅur."),
    ),
    PassageFault(
        "question marks for letters",
        "lost_letter",
        insert_sentence("He didn?t know, she wasn?t there.", "It?s na?ve, I?m sure."),
    ),
    PassageFault(
        "zero-width spaces", "invisible_character", change_paragraphs(lambda text: text.replace(" the ", " \u200bthe "))
    ),
    PassageFault(
        "soft hyphens",
        "invisible_character",
        change_paragraphs(lambda text: text.replace("tion", "\xadtion").replace("ing", "\xading")),
    ),
    PassageFault("direction marks", "invisible_character", insert_sentence("He \u202eturned back\u202c there.")),
    PassageFault(
        "private-use ligatures", "private_character", change_paragraphs(lambda text: text.replace("th", "\ue031"))
    ),
    PassageFault(
        "rules of signs",
        "repeated_character",
        insert_sentence("-------------------- And so it went.", "________________ he wrote."),
    ),
    # scanning
    PassageFault("scanned letters as digits", "ocr_garbage", change_words(swap_signs, 0.5)),
    PassageFault(
        "spaced letters",
        "spaced_letters",
        insert_sentence("It was a g r e a t b i g ship.", "He read: V I R G I N I A on it."),
    ),
    PassageFault("joined words", "joined_words", join_words),
    PassageFault(
        "no space after full stops",
        "joined_words",
        change_paragraphs(lambda text: re.sub(r"([a-z][.,;]) (?=[A-Za-z])", r"\1", text)),
    ),
    PassageFault("hyphens of line ends", "hyphen_left", change_words(hyphenate, 0.5)),
    PassageFault("letters in disorder", "strange_words", disorder_letters, whole_passage=True),
    # language
    PassageFault("French", "other_language", insert_paragraph(FRENCH)),
    PassageFault("German", "other_language", insert_paragraph(GERMAN)),
    PassageFault("Spanish", "other_language", insert_paragraph(SPANISH)),
    PassageFault("Russian", "other_language", insert_paragraph(RUSSIAN)),
    PassageFault("Latin", "other_language", insert_paragraph(LATIN)),
    PassageFault("an index of names", "no_prose", insert_index),
    # frames
    PassageFault(
        "licence",
        "boilerplate",
        insert_paragraph(
            "This eBook is for the use of anyone anywhere at no cost.",
            "Permission is granted under the terms of this license agreement.",
            "Copyright (C) 1999 by the author. All rights reserved.",
        ),
    ),
    PassageFault(
        "imprint",
        "boilerplate",
        insert_paragraph(
            "ISBN 978-0-00-000000-2. No part of this publication may be reproduced.",
            "First published in Great Britain by Grant and Sons. ISBN 0-00-000000-1",
        ),
    ),
    PassageFault(
        "transcriber's note",
        "boilerplate",
        insert_paragraph(
            "Transcriber's note: spelling was left as it is in the original.",
            "[Transcriber's Notes: page headings were removed.]",
        ),
    ),
    PassageFault(
        "website",
        "boilerplate",
        insert_paragraph(
            "Next chapter | Chapter list | Sign up for our newsletter and read more.",
            "Previous chapter. Back to top. Leave a comment below.",
        ),
    ),
    PassageFault(
        "page numbers",
        "page_furniture",
        insert_paragraph("Page 112 of 300", "112 | The Return of the Captain", "p. 211"),
    ),
    PassageFault("page marks", "page_furniture", insert_sentence("[Page 112 of 300]", "(p. 211)", "(Page 17)")),
    PassageFault(
        "leaders of a contents list",
        "page_furniture",
        insert_paragraph("The Return . . . . . . . . . . . . . 112", "The Long Way Home .............. 77"),
    ),
    PassageFault(
        "web address",
        "link",
        insert_sentence(
            "See www.example.com for more.",
            "Found on https://books.example.org/x?id=3 today.",
            "More at example.com now.",
        ),
    ),
    PassageFault(
        "notes to oneself",
        "draft_mark",
        insert_sentence(
            "TODO describe the room.",
            "[insert name of the ship here]",
            "Lorem ipsum dolor sit amet.",
            "[CHECK: was it 1812?]",
        ),
    ),
    # markup
    PassageFault(
        "HTML",
        "html_left",
        insert_sentence(
            "<i>Never!</i> he said.<br/>", 'He <span class="x">turned</span> away.', "<p>It was <b>late</b>.</p>"
        ),
    ),
    PassageFault("HTML entities", "html_left", insert_sentence("Tom &amp;amp; Co <br>&nbsp;were there.")),
    PassageFault(
        "Markdown",
        "markdown_left",
        insert_sentence(
            "So he said.[^1] No more.",
            "![the map](map.png) lay there.",
            "He read [the letter](https://example.com/a) again.",
            "He typed `print this` and waited.",
        ),
    ),
    PassageFault("LaTeX", "code_left", insert_sentence("He was \\emph{very} late.", "\\textit{Never}, he said.")),
    PassageFault("RTF", "code_left", insert_sentence("\\par\\pard He was \\i very\\i0 late.")),
    PassageFault(
        "program text",
        "code_left",
        insert_paragraph("function tell(story) { return story.end(); }", '{"text": "a story", "id": 4}'),
    ),
    PassageFault(
        "tokens of a chat template",
        "special_token",
        insert_sentence("<|im_end|>", "[/INST] Yes. [INST]", "<|eot_id|>", "<start_of_turn>"),
    ),
    PassageFault(
        "subtitle times", "timestamp", insert_paragraph("00:12:31,500 --> 00:12:34,000", "[12:31] He came in.")
    ),
    # people
    PassageFault(
        "e-mail address",
        "email_address",
        insert_sentence("Write to john.doe@example.com today.", "Ask mary_42 (at) mail.example.org for it."),
    ),
    PassageFault(
        "telephone number",
        "phone_number",
        insert_sentence(
            "Call 555-123-4567 or come.",
            "Call +44 20 7946 0958 now.",
            "His number was (212) 555-0147 then.",
            "Tel. 0171/234567 was his.",
        ),
    ),
    # shape
    PassageFault("broken off at the end", "cut_end", cut_last, whole_passage=True),
    PassageFault("begins in mid-sentence", "cut_start", cut_first, whole_passage=True),
    PassageFault("capitals", "all_capitals", capitalise),
    PassageFault("no capitals", "no_capitals", change_paragraphs(str.lower), whole_passage=True),
    PassageFault(
        "no punctuation",
        "no_punctuation",
        change_paragraphs(lambda text: re.sub(r"[.,;:!?\"'-]", "", text)),
        whole_passage=True,
    ),
    PassageFault("lines that were never joined", "verse_layout", split_lines, whole_passage=True),
    PassageFault("price list", "table_layout", insert_table("{name} of the best quality {price}.50")),
    PassageFault("table with bars", "table_layout", insert_table("{name} | best | in barrels")),
    PassageFault("numbers", "many_numbers", replace_by_numbers, whole_passage=True),
    PassageFault(
        "empty but for signs", "invalid_training_file", lambda *_: ["* * *", "- - - ?", "...!"], whole_passage=True
    ),
    PassageFault("too short", "passage_too_short", lambda paragraphs, _: paragraphs[:1], whole_passage=True),
    PassageFault("too long", "passage_too_long", lengthen, whole_passage=True),
    # repetition and machines
    PassageFault("one line again and again", "line_repeated", repeat_line),
    PassageFault("a generator that loops", "low_variety", write_loop, whole_passage=True),
    PassageFault("sentences from one mould", "same_sentences", write_template, whole_passage=True),
    PassageFault(
        "an assistant's words",
        "assistant_phrase",
        insert_paragraph(
            "As an AI language model, I cannot continue this story.",
            "Sure, here is the next part of the story:",
            "I hope this helps! Let me know if you want changes.",
            "Here's a rewritten version of your passage.",
        ),
    ),
    PassageFault(
        "turns of a chat",
        "assistant_phrase",
        insert_paragraph("User: Please go on with the story.", "Assistant: He went down to the river."),
    ),
]
