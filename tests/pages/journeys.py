"""What an owner does on the pages: sends a book, follows a job, answers, chats, deletes; with and without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect

from scriptorium.artifacts.training_log import TRAINING_LOG, append_to_log
from scriptorium.contracts import DecisionKind, Phase, Status
from scriptorium.errors import JobMissing
from scriptorium.jobs.runner import Context
from tests.pages.browser import Checks, check_page, opened
from tests.pages.seed import add_succeeded, change, submit

ANSWER = "Call me Ishmael."
WIDE, NARROW = 1200, 360
Journey = Callable[[Page, Context, Checks, Path], None]


def send_a_book(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Choose a file, send it with Enter, and start the job with Enter."""
    page.goto("/submit")
    page.set_input_files("#file", folder / "night.txt")
    page.fill("#suffix", "Sent by hand")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/submit/file-"))
    checks.expect("Training takes about" in page.inner_text("main"), "send", "there is no estimate")
    page.focus("form[method=post] button")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/jobs/ftjob-"))
    checks.expect(page.inner_text("h1") == "Sent by hand", "send", "the job's page does not open")


def drop_a_book(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Drop a file on the field."""
    page.goto("/submit")
    box = page.locator("#file").bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(folder / "night.txt")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    expect(page.locator("#file")).to_have_value(re.compile("night.txt"))
    page.click("text=Send it and see the estimate")
    page.wait_for_url(re.compile("/submit/file-"))
    checks.expect("night.txt" in page.inner_text("main"), "drop", "the dropped book has not arrived")


def send_in_vain(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Send a book while the connection is cut: the page says so, and the book can be sent again."""
    page.goto("/submit")
    page.set_input_files("#file", folder / "night.txt")
    page.route("**/v1/files", lambda route: route.abort())
    page.click("text=Send it and see the estimate")
    expect(page.locator(".failed")).to_contain_text("Send the book again")
    page.unroute("**/v1/files")
    page.click("text=Send it and see the estimate")
    page.wait_for_url(re.compile("/submit/file-"))
    checks.expect(condition=True, place="send in vain", message="")


def follow_a_training(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Watch step and curve grow, and the job end, without loading the page again; the focus stays where it is."""
    job = context.store.jobs.get("ftjob-running")
    page.goto(f"/jobs/{job.id}")
    page.focus("#cancel")
    page.evaluate("window.sameDocument = true")
    points = page.get_attribute(".wide .training .trace", "points") or ""
    context.store.jobs.set_progress(job.id, {"step": 60})
    lines = [{"step": step, "loss": 3.3} for step in range(33, 61)]
    append_to_log(context.volume.attempt(job.id, Phase.TRAIN, 2) / TRAINING_LOG, lines)
    expect(page.locator("#progress")).to_contain_text("step 60 of 90")
    expect(page.locator(".wide .training .trace")).not_to_have_attribute("points", points)
    change(context, job, pause_requested=True)
    page.wait_for_selector("#resume")
    checks.expect(page.evaluate("document.activeElement.id") == "cancel", "follow", "the focus is lost")
    checks.expect(page.inner_text("[role=status]") == "Pausing", "follow", "the new state is not announced")
    change(context, job, pause_requested=False, status=Status.CANCELLED)
    page.wait_for_selector("#delete")
    checks.expect(page.locator("[data-live]").count() == 0, "follow", "the page goes on asking for an ended job")
    checks.expect(page.evaluate("window.sameDocument"), "follow", "the page was loaded again")


def answer_a_question(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Answer by keyboard."""
    page.goto("/jobs/ftjob-asking")
    page.focus("#answer-1")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What was decided")
    answer = context.store.jobs.get("ftjob-asking").decisions[DecisionKind.DATA_QUALITY].answer
    checks.expect(answer == "go_on", "answer", f"the answer is {answer}")


def chat(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Ask both models, then at a strength that has to be made first, which waits until it is stopped."""
    page.goto("/chat?model=" + context.store.jobs.get("ftjob-succeeded").tuned_name)
    checks.expect(page.inner_text("output") == "0.75", "chat", "the slider does not begin at the merged strength")
    page.focus("#prompt")
    page.keyboard.press("Control+Enter")
    for role in ("base", "tuned"):
        expect(page.locator(f"#{role} .waiting")).to_have_text("Finished.")
        text = page.inner_text(f"#{role} .written")
        checks.expect(text == ANSWER, "chat", f"the {role} wrote {text!r}")
    check_page(page, "chat, answered", checks, folder / f"chat-answered-{page.viewport_size['width']}.png")  # type: ignore[index]
    page.focus("#strength")
    page.keyboard.press("ArrowLeft")
    checks.expect(page.inner_text("output") == "0.70", "chat", "the slider does not move by key")
    page.click("text=Ask both")
    expect(page.locator("#tuned .waiting")).to_contain_text("is not ready")
    wanted = [wish.model.name for wish in context.store.wishes.all()]
    checks.expect(any(name.endswith("@0.7") for name in wanted), "chat", f"nobody wishes for the strength: {wanted}")
    page.click("button[name=stop]")
    expect(page.locator("#tuned .waiting")).to_have_text("Stopped.")
    page.fill("#strength", "0")
    page.click("text=Ask both")
    expect(page.locator("#tuned .waiting")).to_have_text("Finished.")
    page.fill("#prompt", "refuse")
    page.click("text=Ask both")
    expect(page.locator("#base .waiting")).to_contain_text("too long")
    checks.expect(condition=True, place="chat", message="")


def delete_a_job(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Delete a job: asked first, then gone."""
    job = add_succeeded(context, "ftjob-deleted")
    page.goto(f"/jobs/{job.id}")
    page.click("#delete")
    page.wait_for_url(re.compile("/delete$"))
    context.store.jobs.get(job.id)
    page.click("button.danger")
    page.wait_for_url(re.compile("/$"))
    try:
        context.store.jobs.get(job.id)
        checks.expect(condition=False, place="delete", message="the job is still there")
    except JobMissing:
        checks.expect(condition=True, place="delete", message="")


def go_without_script(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """Send a book, look at it, answer, pause and cancel with plain forms."""
    page.goto("/submit")
    page.set_input_files("#file", folder / "night.txt")
    page.fill("#suffix", "Without script")
    page.click("text=Send it and see the estimate")
    page.wait_for_url(re.compile("/submit/file-"))
    page.click("form[method=post] button")
    page.wait_for_url(re.compile("/jobs/ftjob-"))
    checks.expect(page.inner_text("h1") == "Without script", "without script", "the job's page does not open")
    page.click("#pause")
    page.wait_for_selector("#resume")
    page.click("#cancel")
    page.click("button.danger")
    page.wait_for_selector("text=Cancelled")
    page.goto("/")
    checks.expect("Without script" in page.inner_text("main"), "without script", "the list lacks the job")
    page.goto("/chat")
    checks.expect("Chat needs JavaScript" in page.inner_text("body"), "without script", "chat does not say so")


def follow_the_list(page: Page, context: Context, checks: Checks, folder: Path) -> None:
    """See a new job appear."""
    page.goto("/")
    submit(context, "ftjob-new", "A New Book")
    page.wait_for_selector("text=A New Book")
    checks.expect(condition=True, place="list", message="")


JOURNEYS: tuple[Journey, ...] = (
    send_a_book, drop_a_book, send_in_vain, answer_a_question, chat, delete_a_job, follow_the_list, follow_a_training,
)  # fmt: skip


def take_journeys(browser: Browser, url: str, context: Context, checks: Checks, folder: Path) -> None:
    """Take every journey; one that comes to no end is a failure, and the next is taken."""
    (folder / "night.txt").write_text("It was a dark and stormy night. " * 2000)
    for journey, script in [*((journey, True) for journey in JOURNEYS), (go_without_script, False)]:
        with opened(browser, url, checks, width=NARROW if journey is chat else WIDE, script=script) as page:
            try:
                journey(page, context, checks, folder)
            except (Error, AssertionError) as error:
                checks.expect(condition=False, place=journey.__name__, message=f"{page.url}: {error}")
