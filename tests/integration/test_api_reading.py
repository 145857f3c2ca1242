"""Blind reading over the real API: pairs without names, answers that are stored once, and a tally in the report."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import httpx
import openai
import pytest
from blind import HOSTILE, PAIRS, REPORT, make_evaluated_job
from work import submit

from scriptorium.artifacts import manifest
from scriptorium.contracts import Job, Phase
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context

JOB = "ftjob-1"
READING = f"/v1/x/jobs/{JOB}/reading"
READ = f"/jobs/{JOB}/read"


@pytest.fixture
def job(context: Context) -> Job:
    """A job with a report."""
    return make_evaluated_job(context, JOB)


def answer_pair(http: httpx.Client, reader: str, pair: dict[str, Any], wanted_role: str = "tuned") -> dict[str, Any]:
    """Answer a pair as a reader who recognises the wanted text by its words."""
    letter = "A" if wanted_role in pair["a"] else "B"
    body = {"reader": reader, "passage": pair["passage"], "closer": letter, "better": "cannot_tell"}
    answer = http.post(READING, json=body)
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


def read_all(http: httpx.Client, reader: str, wanted_role: str = "tuned") -> list[dict[str, Any]]:
    """Read to the end and return the pairs as they were shown."""
    shown = []
    pair = http.get(READING, params={"reader": reader}).json()["next"]
    while pair:
        shown.append(pair)
        pair = answer_pair(http, reader, pair, wanted_role)["next"]
    return shown


def test_a_reading_on_the_api(http: httpx.Client, job: Job) -> None:
    first = http.get(READING, params={"reader": "Ann"}).json()
    assert (first["object"], first["answered"], first["total"]) == ("reading", 0, PAIRS)
    assert set(first["next"]) == {"passage", "genuine", "a", "b"}
    shown = read_all(http, "Ann")
    assert sorted(pair["passage"] for pair in shown) == list(range(PAIRS))
    assert sum("tuned" in pair["a"] for pair in shown) == PAIRS // 2
    for pair in shown:
        index, genuine = pair["passage"], int(re.findall(r"genuine-(\d)", pair["genuine"])[0])
        assert index // 2 != genuine // 2  # of another chapter
    end = http.get(READING, params={"reader": "Ann"}).json()
    assert (end["answered"], end["next"]) == (PAIRS, None)
    tally = http.get(f"{READING}/tally").json()
    assert (tally["closer"]["tuned"], tally["closer"]["base"], tally["better"]["cannot_tell"]) == (PAIRS, 0, PAIRS)
    assert (tally["closer"]["low_percent"], tally["closer"]["high_percent"]) == (61.0, 100.0)
    assert tally["page"] == READ


def test_readers_are_counted_separately_and_a_repeated_answer_once(
    http: httpx.Client, context: Context, job: Job
) -> None:
    first = http.get(READING, params={"reader": "Ann"}).json()["next"]
    assert http.get(READING, params={"reader": "Ann"}).json()["next"] == first
    for _ in range(3):
        answer_pair(http, "Ann", first)
    answer_pair(http, " ann ", first)  # the same reader
    read_all(http, "Böb <i>", "base")
    tally = http.get(f"{READING}/tally").json()
    assert [(entry["reader"], entry["answered"]) for entry in tally["readers"]] == [("Ann", 1), ("Böb <i>", PAIRS)]
    assert (tally["closer"]["tuned"], tally["closer"]["base"]) == (1, PAIRS)
    assert len(context.volume.readings(JOB).read_text().splitlines()) == 1 + 1 + PAIRS


def test_an_answer_may_be_changed_until_the_reading_is_over(http: httpx.Client, job: Job) -> None:
    first = http.get(READING, params={"reader": "Ann"}).json()["next"]
    answer_pair(http, "Ann", first, "base")
    answer_pair(http, "Ann", first, "tuned")
    read_all(http, "Ann")
    assert http.get(f"{READING}/tally").json()["closer"]["tuned"] == PAIRS
    answer_pair(http, "Ann", first, "tuned")  # a repetition is no change
    letter = "A" if "base" in first["a"] else "B"
    body = {"reader": "Ann", "passage": first["passage"], "closer": letter, "better": "cannot_tell"}
    late = http.post(READING, json=body)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conflict")
    assert http.get(f"{READING}/tally").json()["closer"]["tuned"] == PAIRS


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"reader": " "}, "reader"),
        ({"reader": "x" * 41}, "reader"),
        ({"passage": 99}, "passage"),
        ({"closer": "tuned"}, "closer"),
        ({"better": None}, "better"),
        ({"mood": "fine"}, "mood"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(
    http: httpx.Client, job: Job, change: dict[str, Any], param: str
) -> None:
    body = {"reader": "Ann", "passage": 0, "closer": "A", "better": "B"}
    error = http.post(READING, json={**body, **change})
    assert (error.status_code, error.json()["error"]["param"]) == (400, param)
    assert http.get(f"{READING}/tally").json()["answers"] == 0


def test_without_a_report_there_is_nothing_to_read(http: httpx.Client, context: Context) -> None:
    submit(context, "ftjob-2")
    for path, code in (("ftjob-2", "conflict"), ("ftjob-3", "job_not_found"), ("..%2Fftjob-2", "not_found")):
        assert http.get(f"/v1/x/jobs/{path}/reading/tally").json()["error"]["code"] == code
    page = http.get("/jobs/ftjob-2/read")
    assert (page.status_code, page.headers["content-type"]) == (409, "text/html; charset=utf-8")
    assert "has no report yet" in page.text
    assert not context.volume.readings("ftjob-2").exists()


def begin(http: httpx.Client, name: str = "Ann") -> httpx.Response:
    """Send the form of the first page."""
    return http.post(f"{READ}/reader", data={"name": name}, follow_redirects=True)


def fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a pair's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', page))


def test_a_reading_in_a_browser(http: httpx.Client, job: Job) -> None:
    assert "Begin reading" in http.get(READ).text
    page = begin(http)
    for number in range(1, PAIRS + 1):
        assert f"<b>{number} of {PAIRS}</b>" in page.text
        data = {**fields(page.text), "closer": "A", "better": "cannot_tell"}
        http.post(READ, data=data)  # as a second click would
        page = http.post(READ, data=data, follow_redirects=True)
    assert "The tuned model was chosen as closer to the author in 3 of 6" in page.text.replace("\u00a0", " ")
    assert page.text.count("<td>tuned</td>") == page.text.count("<td>base</td>") == PAIRS // 2
    assert http.get(READ).text.count("<td>tuned</td>") == PAIRS // 2  # at any later time


def test_a_reading_is_left_and_taken_up_on_another_device(http: httpx.Client, url: str, job: Job) -> None:
    page = begin(http)
    http.post(READ, data={**fields(page.text), "closer": "B", "better": "A"})
    with httpx.Client(base_url=url) as other:
        assert f"<b>2 of {PAIRS}</b>" in begin(other, "ANN").text
        assert f"<b>1 of {PAIRS}</b>" in begin(other, "").text  # somebody without a name
        assert other.cookies["reader"].startswith("reader-")
        assert "Begin reading" in other.get(READ, params={"other": True}).text
    back = http.get(READ, params={"number": 1}).text
    assert re.findall(r'name="(\w+)" value="(\w)" required checked', back) == [("closer", "B"), ("better", "A")]


def test_a_page_says_nothing_of_who_wrote_what(http: httpx.Client, context: Context, job: Job) -> None:
    begin(http)
    seed = json.loads(context.volume.readings(JOB).read_text().splitlines()[0])["seed"]
    for number in range(1, PAIRS + 1):
        page = http.get(READ, params={"number": number})
        neutral_text = re.sub(r"(base|tuned)-text-\d", "", page.text.split("</style>")[1])
        assert not re.search("base|tuned", neutral_text)
        assert seed not in page.text + str(page.headers)
        roles = re.findall(r"(base|tuned)-text", page.text)
        assert sorted(roles) == ["base", "tuned"]


def test_a_page_escapes_everything_and_loads_nothing(http: httpx.Client, job: Job) -> None:
    page = begin(http, '<img src="x" onerror=alert(1)>')
    nonce = re.findall(r'<script nonce="([\w-]+)">', page.text)
    assert len(nonce) == page.text.count("<script") == 1
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert f"script-src 'nonce-{nonce[0]}'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<img|https?:|\bsrc=[^&]|\son\w+=[^&a]", page.text)
    assert unescape(page.text).count(HOSTILE.removesuffix(" \x07")) == 3
    assert "\x07" not in page.text
    cookie = page.history[0].headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert http.get(READ).text.count(nonce[0]) == 0  # another one each time


def test_a_cookie_that_somebody_wrote_by_hand_is_only_a_name(http: httpx.Client, job: Job) -> None:
    for cookie in ("%3Cb%3E", "%ff%00", "x" * 50):
        assert http.get(READ, headers={"Cookie": f"reader={cookie}"}).status_code in (200, 400)
    assert "Begin reading" in http.get(READ, headers={"Cookie": "reader=%00"}).text


def test_a_form_without_an_answer_or_a_reader_changes_nothing(http: httpx.Client, job: Job) -> None:
    lost = http.post(READ, data={"passage": "0", "closer": "A", "better": "A"}, follow_redirects=True)
    assert "Begin reading" in lost.text
    begin(http)
    page = http.post(READ, data={"passage": "0", "closer": "A"})
    assert page.status_code == 400
    assert "better: Field required" in page.text
    assert http.get(f"{READING}/tally").json()["answers"] == 0


def test_the_report_has_the_tally_and_what_was_published_stays(
    http: httpx.Client, client: openai.OpenAI, context: Context, job: Job
) -> None:
    path = f"/jobs/{JOB}/report"
    assert "Nobody has read blind yet" in http.get(path).text
    read_all(http, "<b>Ann")
    served, saved = http.get(path), http.get(path, params={"download": True})
    for page in (served.text, saved.text):
        assert "closer to the author in 6 of 6" in page
        assert "&lt;b&gt;Ann" in page
        assert page.index("The verdict") < page.index('id="blind"') < page.index("The method")
    assert 'href="read"' in served.text
    head = served.text[: served.text.index("</header>")]
    assert '<a href="quality" style="color: inherit">The manuscript</a>' in head
    assert f'<a href="/jobs/{JOB}" style="color: inherit">The job</a>' in head
    assert "href=" not in saved.text
    assert saved.headers["content-disposition"] == f'attachment; filename="{JOB}-report.html"'
    (file_id,) = job.result_files
    assert client.files.content(file_id).text == REPORT
    folder = context.volume.folder(JOB, Phase.EVALUATE)
    published = manifest.read(folder)
    assert published
    assert published["files"] == manifest.describe(folder)


def test_a_report_of_an_earlier_version_has_the_tally_at_its_end(http: httpx.Client, context: Context) -> None:
    make_evaluated_job(context, JOB, report="<main><p>The verdict</p></main>")
    read_all(http, "Ann")
    page = http.get(f"/jobs/{JOB}/report").text
    assert page.index("The verdict") < page.index('id="blind"') < page.index("</main>")


def test_answers_survive_the_loss_of_redis(http: httpx.Client, context: Context, job: Job) -> None:
    shown = read_all(http, "Ann")
    context.store.client.flushdb()
    assert http.get(f"{READING}/tally").status_code == 404
    restore_jobs(context)
    assert http.get(f"{READING}/tally").json()["closer"]["tuned"] == PAIRS
    assert answer_pair(http, "Ann", shown[0])["next"] is None  # its order is as it was


def test_a_job_names_its_pages_once_there_are_some(http: httpx.Client, context: Context, job: Job) -> None:
    submit(context, "ftjob-2")
    pages = [http.get(f"/v1/fine_tuning/jobs/{name}").json()["scriptorium"]["pages"] for name in (JOB, "ftjob-2")]
    assert pages == [{"quality": f"/jobs/{JOB}/quality", "report": f"/jobs/{JOB}/report", "read": READ}, None]
