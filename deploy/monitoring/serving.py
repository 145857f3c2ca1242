"""The board Serving: how quickly and how much the served models write, and who has the GPU."""

from __future__ import annotations

from deploy.monitoring.board import Board, Row, Variable
from deploy.monitoring.panels import GOOD, Panel, Query, chart, number, timeline
from deploy.monitoring.queries import or_zero, quantile

MODEL = Variable("model", "Model", "Which served models to show.", "vllm:num_requests_running", "model")
SERVED = 'model=~"$model"'
CHAT = 'route=~"/v1/(chat/)?completions"'
CALLS = 'route!~"/metrics.*|/healthz|unknown"'
CODES = {"^2": "green", "^4": "yellow", "^5": "red"}
HOLDERS = {1: ("training", "orange"), 2: ("serving", "green"), 0: ("free", "#2f333b")}
HOLDER = '1 * max(scriptorium_gpu_lease_held{holder="training"}) + 2 * max(scriptorium_gpu_lease_held{holder="server"})'


def _latest(metric: str) -> str:
    return f"sum(last_over_time({metric}{{{SERVED}}}[$__range]))"


def _rate(metric: str, where: str = SERVED) -> str:
    return f"sum(rate({metric}{{{where}}}[$__rate_interval]))"


def _engines(state: str) -> str:
    return or_zero(f'max(scriptorium_engines{{state="{state}"}})')


def latency(title: str, about: str, histogram: str, where: str, width: int) -> Panel:
    """Draw the middle and the slow end of a duration."""
    slow, middle = (Query(quantile(share, histogram, where), legend, every="30s") for share, legend in
                    ((0.95, "slowest 5 %"), (0.5, "half are faster")))  # fmt: skip
    return chart(title, about, "s", middle, slow, width=width, low=0)


NOW = (
    number("Engines", "Served models by the state of their engine.", "none", Query(_engines("ready"), "ready"),
           Query(_engines("starting"), "starting"), Query(_engines("failed"), "failed"), width=6),
    number("Requests", "Requests that the engines answer now, and that wait for a place.", "none",
           Query(or_zero(_latest("vllm:num_requests_running")), "running"),
           Query(or_zero(_latest("vllm:num_requests_waiting")), "waiting"), width=5, steps=GOOD),
    number("Written", "Tokens that the served models have written in this time.", "short",
           Query(or_zero(f"sum(increase(vllm:generation_tokens_total{{{SERVED}}}[$__range]))"), "tokens"),
           width=4, decimals=0),
    number("Memory for context", "The fullest key-value cache: at 100 % requests have to wait.", "percentunit",
           Query(or_zero(f"max(last_over_time(vllm:kv_cache_usage_perc{{{SERVED}}}[$__range]))"), "used"),
           width=4, decimals=0, steps=((None, "green"), (0.8, "yellow"), (0.95, "red"))),
    number("Handovers", "How often the GPU was handed over since the store was made, and how long the last one took.",
           "none", Query(or_zero("max(scriptorium_gpu_handovers_total)"), "times"), width=2, decimals=0),
    number("Last handover", "How long the last holder of the GPU had to wait for it.", "s",
           Query(or_zero("max(last_over_time(scriptorium_gpu_handover_seconds[$__range]))"), "waited"),
           width=3, decimals=1, steps=((None, "green"), (60, "yellow"), (300, "red"))),
)  # fmt: skip

WAITING = (
    latency("Until the first word", "Time to the first token.", "vllm:time_to_first_token_seconds", SERVED, 8),
    latency("From word to word", "Time between two tokens.", "vllm:inter_token_latency_seconds", SERVED, 8),
    latency("A whole answer", "From the request to its last token.", "vllm:e2e_request_latency_seconds", SERVED, 8),
)  # fmt: skip

LOAD = (
    chart("Throughput", "Tokens read from prompts and tokens written, per second.", "suffix: tok/s",
          Query(_rate("vllm:generation_tokens_total"), "written"), Query(_rate("vllm:prompt_tokens_total"), "read"),
          width=8, low=0, decimals=0),
    chart("Load", "Requests that run and requests that wait.", "none",
          Query(f"sum(vllm:num_requests_running{{{SERVED}}})", "running"),
          Query(f"sum(vllm:num_requests_waiting{{{SERVED}}})", "waiting"), width=8, low=0, decimals=0, stepped=True),
    chart("Memory for context", "Share of each engine's key-value cache that is in use.", "percentunit",
          Query(f"max by (model) (vllm:kv_cache_usage_perc{{{SERVED}}})", "{{model}}"), width=8, low=0, high=1,
          limits=((None, "transparent"), (0.95, "red"))),
)  # fmt: skip

TENANTS = (
    chart("Engines by state", "How many engines are starting, ready or failed.", "none",
          Query("max by (state) (scriptorium_engines)", "{{state}}"), width=8, low=0, decimals=0, stepped=True,
          colours={"starting": "yellow", "ready": "green", "failed": "red"}),
    timeline("Who has the GPU", "Training and serving take turns; on a machine without a GPU they share the cores the "
             "same way.", Query(HOLDER, "GPU"), names=HOLDERS, width=8, height=8),
    chart("Time of a handover", "How long the last holder of the GPU had to wait for it.", "s",
          Query("max(scriptorium_gpu_handover_seconds)", "waited"), width=8, low=0, stepped=True),
)  # fmt: skip

API = (
    latency("API latency", "Time to the first byte of an answer.", "scriptorium_api_request_seconds", CALLS, 12),
    chart("Chat by status", "Answers to chat and completion requests by HTTP status: 503 means that training has the "
          "GPU.", "reqps",
          Query(f"sum by (status) (rate(scriptorium_api_requests_total{{{CHAT}}}[$__rate_interval])) or "
                'label_replace(vector(0), "status", "200", "", "")', "{{status}}", every="30s"), width=12, low=0,
          colours=CODES),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-serving",
    title="Serving",
    about="How quickly and how much the served models write, and who has the GPU.",
    variables=(MODEL,),
    rows=(
        Row("", NOW),
        Row("How long a reader waits", WAITING),
        Row("How much is written", LOAD),
        Row("One GPU, two tenants", TENANTS),
        Row("The API in front", API),
    ),
)
