"""Turn a manuscript into checked training data: read, clean, cut, write briefs, split, check, write.

`scriptorium prepare` runs it by hand, services/data/tasks.py in a job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scriptorium.artifacts.dataset import REFERENCE, SPLITS
from scriptorium.contracts import KEEP_ANSWER, Finding, FindingsDecision, PrepareRequest, PrepareResult
from scriptorium.errors import VALIDATION_FILE, FileTooLarge, InvalidTrainingFile, InvalidValidationFile
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.text.languages.language import Language
from services.data.book_language import choose_language, note_language
from services.data.books.name_passages import summarise_books
from services.data.books.repeated_books import replace_repeated
from services.data.checks import lengths
from services.data.checks.ask_about_findings import ask_about_findings, raise_if_stopped, weigh_findings
from services.data.checks.codes import grade_findings
from services.data.checks.run_checks import raise_for_findings, run_checks
from services.data.cut_manuscript import CutManuscript, cut_manuscript
from services.data.other_authors.impostors import write_impostors
from services.data.other_authors.references import collect_references
from services.data.output import verify
from services.data.output.log_result import log_findings, log_result
from services.data.output.quality_page import write_quality
from services.data.output.write import make_row, write_dataset
from services.data.passage import Passage, iterate_paragraphs
from services.data.prompts.extracted_brief import add_briefs
from services.data.prompts.mix import assign_prompts
from services.data.prompts.model_brief import describe_passages
from services.data.prompts.rename import rename_passages
from services.data.prompts.rendered_examples import choose_examples, write_examples
from services.data.prompts.system_message import add_system, check_system
from services.data.splits.split import divide_passages
from services.data.text_file import StoreText, TextFile


@dataclass(frozen=True)
class ChosenPassages:
    """The passages to train on or to hold out, findings about the others, and the places of the others."""

    passages: list[Passage]
    findings: list[Finding]
    left_out: set[str]


def prepare_manuscript(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
    """Write the dataset of a manuscript to `folder`.

    Raises InvalidTrainingFile, InvalidValidationFile, FileTooLarge or TooFewExamples. The texts lie in a nameless file
    of `folder` meanwhile, so that only a part of them is in memory at a time.
    """
    with TextFile(folder) as texts:
        result = prepare_texts(request, folder, texts, reporter)
    if is_to_keep(result) and not request.keep_doubtful:
        reporter.message("[DATA] Preparing again, with everything that cleaning left out and that could be story")
        return prepare_manuscript(request.model_copy(update={"keep_doubtful": True}), folder, reporter)
    return result


def is_to_keep(result: PrepareResult) -> bool:
    """Return whether the answer was to keep what cleaning left out in doubt."""
    return result.decision is not None and result.decision.answer == KEEP_ANSWER


def prepare_texts(request: PrepareRequest, folder: Path, texts: TextFile, reporter: Reporter) -> PrepareResult:
    """Write the dataset of a manuscript to `folder`; `texts` stores its texts."""
    tokenizer = chat_tokenizer(request.base)
    if request.system:
        check_system(request.system, tokenizer)
    cut = cut_manuscript(request, tokenizer, texts.add, reporter)
    reporter.message(f"[DATA] Processing {len(cut.passages)} chunks -> JSONL")
    language = choose_language(request.language, cut.passages)
    chosen = choose_passages(cut, request, tokenizer, language, reporter)
    validation = choose_validation(request, tokenizer, texts.add, language, reporter)
    divided = divide_passages(chosen.passages, request.split, request.seed, folder, validation.passages)
    passages, splits = [*chosen.passages, *validation.passages], divided.splits
    if validation.passages and not splits["dev"]:
        raise InvalidValidationFile(f"Every passage of {request.validation_name} is held out for the test already.")
    all_passages = [passage for name in SPLITS for passage in splits[name]]
    room = request.sequence_len - tokenizer.count([request.system])[0]
    splits["train"] = assign_prompts(
        splits["train"], request.prompt, request.mix, request.seed, room, language=language
    )
    splits["train"] = rename_passages(splits["train"], request, tokenizer, texts.add, reporter, language=language)
    splits[REFERENCE], left_out = collect_references(request, iterate_paragraphs(passages), tokenizer, reporter)
    left_out += write_impostors(request, iterate_paragraphs(passages), folder, reporter)
    checks = run_checks(
        passages,
        divided.near_duplicates,
        request.chunking,
        curated=cut.curated,
        place=request.filename,
        reporter=reporter,
        book_language=language,
    )
    noted = note_language(language, request.filename)
    remarks = [*cut.findings, *noted, *chosen.findings, *validation.findings, *divided.findings, *left_out, *checks]
    remarks = replace_repeated(remarks, [*cut.passages, *validation.passages], passages, divided.near_duplicates)
    findings = grade_findings(remarks, len(passages))
    splits = {name: members for name, members in splits.items() if members or name == "train"}
    if request.system:
        splits = {name: add_system(members, request.system) for name, members in splits.items()}
    places = {passage.place for passage in passages}
    decision = weigh_findings(findings, places, request.tolerated_share, chosen.left_out | validation.left_out)
    result = summarise(cut, language, {"all": all_passages, **splits}, findings, decision)
    log_result(result, reporter)
    reporter.message(f"[DATA] Leak check: {divided.leak_check}")
    show = partial(write_quality, folder, request, order=passages, splits=splits, leak_check=str(divided.leak_check))
    show(result)
    if not request.answered:
        log_findings(findings, reporter)
    held_out = sum(len(splits.get(name, ())) for name in (("test",) if validation.passages else ("dev", "test")))
    raise_for_findings(findings, len(splits["train"]), held_out)
    write_examples(map(make_row, choose_examples(splits["train"])), tokenizer, folder, reporter)
    result = decide(result, show, reporter)
    if is_to_keep(result) and not request.keep_doubtful:
        return result
    write_dataset(folder, splits)
    verify.check_written(folder, splits)
    return result


def decide(result: PrepareResult, show: Callable[[PrepareResult], None], reporter: Reporter) -> PrepareResult:
    """Ask about debatable findings, if there are any; return the result with the answer.

    `show` writes what people look at: before the question, and again with its answer. Raises InvalidTrainingFile if the
    answer is to stop, or what `ask` raises.
    """
    show(result)
    if result.decision is None:
        return result
    decision = ask_about_findings(result.decision, reporter)
    result = result.model_copy(update={"decision": decision})
    show(result)
    raise_if_stopped(decision, result.findings)
    return result


def summarise(
    cut: CutManuscript,
    language: Language,
    splits: Mapping[str, Sequence[Passage]],
    findings: list[Finding],
    decision: FindingsDecision | None,
) -> PrepareResult:
    """Summarise a dataset: its title, language, words, chapters, splits, steps, findings and what to decide."""
    return PrepareResult(
        title=cut.title,
        language=language.code,
        words_in=cut.words_in,
        words=cut.words,
        letters_missing=cut.letters_missing,
        chapters=cut.chapters,
        splits={name: verify.token_statistics(members) for name, members in splits.items()},
        books=summarise_books(cut.passages, {name: splits[name] for name in SPLITS if name in splits}),
        steps=cut.steps,
        findings=findings,
        decision=decision,
    )


def choose_passages(
    cut: CutManuscript, request: PrepareRequest, tokenizer: ChatTokenizer, language: Language, reporter: Reporter
) -> ChosenPassages:
    """Choose the passages to train on, with their briefs.

    Curated passages may have any length.
    """
    passages = cut.passages
    chosen, tiny = (list(passages), []) if cut.curated else lengths.drop_tiny(passages, request.chunking)
    chosen, repeated = lengths.drop_repeated(chosen)
    chosen, quoting = add_briefs(chosen, language)
    extracted: list[Finding] = []
    if request.brief_writer:
        chosen, extracted = describe_passages(chosen, request.brief_writer, language, reporter)
    chosen, overlong = lengths.drop_overlong(chosen, tokenizer, request)
    left_out = {passage.place for passage in passages} - {passage.place for passage in chosen}
    return ChosenPassages(chosen, [*tiny, *repeated, *overlong, *quoting, *extracted], left_out)


def choose_validation(
    request: PrepareRequest, tokenizer: ChatTokenizer, store: StoreText, language: Language, reporter: Reporter
) -> ChosenPassages:
    """Cut the validation file, if there is one, like the manuscript, and choose its passages.

    Raises InvalidValidationFile or FileTooLarge.
    """
    if request.validation is None:
        return ChosenPassages([], [], set())
    name = request.validation_name
    request = request.model_copy(update={"manuscript": request.validation, "filename": name})
    try:
        cut = cut_manuscript(request, tokenizer, store, reporter)
    except InvalidTrainingFile as error:
        raise InvalidValidationFile(error.message, problems=error.problems, next_step=error.next_step) from None
    except FileTooLarge as error:
        error.param = VALIDATION_FILE
        raise
    chosen = choose_passages(cut, request, tokenizer, language, reporter)
    if not chosen.passages:
        raise InvalidValidationFile(f"{name} has no passage that is long enough to measure a loss on.")
    reporter.message(f"[DATA] {len(chosen.passages)} chunks of the validation file {name} are dev")
    place = f"validation file {name}"
    return ChosenPassages(
        [
            replace(passage, chapter=f"{place}: {passage.chapter}", place=f"{place}: {passage.place}")
            for passage in chosen.passages
        ],
        [
            finding.model_copy(update={"place": f"{place}: {finding.place}"})
            for finding in [*cut.findings, *chosen.findings]
        ],
        {f"{place}: {passage_place}" for passage_place in chosen.left_out},
    )
