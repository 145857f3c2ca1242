"""The board Serving: the latency and throughput of the served models, and the holder of the GPU."""

from __future__ import annotations

from deploy.monitoring.board import Board, PanelRow, Variable
from deploy.monitoring.panels import GREEN_STEPS, Panel, Query, chart, number, timeline
from deploy.monitoring.queries import or_zero, quantile

MODEL = Variable("model", "Model", "Which served models to show.", "vllm:num_requests_running", "model")
MODEL_SELECTOR = 'model=~"$model"'
CHAT_ROUTES = 'route=~"/v1/(chat/)?completions"'
API_ROUTES = 'route!~"/metrics.*|/healthz|unknown"'
STATUS_COLOURS = {"^2": "green", "^4": "yellow", "^5": "red"}
HOLDER_NAMES = {1: ("training", "orange"), 2: ("serving", "green"), 0: ("free", "#2f333b")}
GPU_HOLDER = (
    '1 * max(scriptorium_gpu_lease_held{holder="training"}) + 2 * max(scriptorium_gpu_lease_held{holder="server"})'
)


def _latest(metric: str) -> str:
    return f"sum(last_over_time({metric}{{{MODEL_SELECTOR}}}[$__range]))"


def _rate(metric: str, selector: str = MODEL_SELECTOR) -> str:
    return f"sum(rate({metric}{{{selector}}}[$__rate_interval]))"


def _engines(state: str) -> str:
    return or_zero(f'max(scriptorium_engines{{state="{state}"}})')


def latency(title: str, description: str, histogram: str, selector: str, width: int) -> Panel:
    """Draw the median and the 95th percentile of a duration."""
    slow, median = (Query(quantile(share, histogram, selector), legend, interval="30s") for share, legend in
                    ((0.95, "slowest 5 %"), (0.5, "half are faster")))  # fmt: skip
    return chart(title, description, "s", median, slow, width=width, low=0)


CURRENT_PANELS = (
    number("Engines", "Served models by the state of their engine.", "none", Query(_engines("ready"), "ready"),
           Query(_engines("starting"), "starting"), Query(_engines("failed"), "failed"), width=6),
    number("Requests", "Requests that the engines answer now, and that wait for a place.", "none",
           Query(or_zero(_latest("vllm:num_requests_running")), "running"),
           Query(or_zero(_latest("vllm:num_requests_waiting")), "waiting"), width=5, steps=GREEN_STEPS),
    number("Written", "Tokens that the served models have written in this time.", "short",
           Query(or_zero(f"sum(increase(vllm:generation_tokens_total{{{MODEL_SELECTOR}}}[$__range]))"), "tokens"),
           width=4, decimals=0),
    number("Memory for context", "The fullest key-value cache: at 100 % requests have to wait.", "percentunit",
           Query(or_zero(f"max(last_over_time(vllm:kv_cache_usage_perc{{{MODEL_SELECTOR}}}[$__range]))"), "used"),
           width=4, decimals=0, steps=((None, "green"), (0.8, "yellow"), (0.95, "red"))),
    number("Handovers", "How often the GPU was handed over since the store was made, and how long the last one took.",
           "none", Query(or_zero("max(scriptorium_gpu_handovers_total)"), "times"), width=2, decimals=0),
    number("Last handover", "How long the last holder of the GPU had to wait for it.", "s",
           Query(or_zero("max(last_over_time(scriptorium_gpu_handover_seconds[$__range]))"), "waited"),
           width=3, decimals=1, steps=((None, "green"), (60, "yellow"), (300, "red"))),
)  # fmt: skip

LATENCY_PANELS = (
    latency("Until the first word", "Time to the first token.", "vllm:time_to_first_token_seconds", MODEL_SELECTOR, 8),
    latency("From word to word", "Time between two tokens.", "vllm:inter_token_latency_seconds", MODEL_SELECTOR, 8),
    latency("A whole answer", "From the request to its last token.", "vllm:e2e_request_latency_seconds",
            MODEL_SELECTOR, 8),
)  # fmt: skip

LOAD_PANELS = (
    chart("Throughput", "Tokens read from prompts and tokens written, per second.", "suffix: tok/s",
          Query(_rate("vllm:generation_tokens_total"), "written"), Query(_rate("vllm:prompt_tokens_total"), "read"),
          width=8, low=0, decimals=0),
    chart("Load", "Requests that run and requests that wait.", "none",
          Query(f"sum(vllm:num_requests_running{{{MODEL_SELECTOR}}})", "running"),
          Query(f"sum(vllm:num_requests_waiting{{{MODEL_SELECTOR}}})", "waiting"), width=8, low=0, decimals=0,
          stepped=True),
    chart("Memory for context", "Share of each engine's key-value cache that is in use.", "percentunit",
          Query(f"max by (model) (vllm:kv_cache_usage_perc{{{MODEL_SELECTOR}}})", "{{model}}"), width=8, low=0, high=1,
          limits=((None, "transparent"), (0.95, "red"))),
)  # fmt: skip

GPU_PANELS = (
    chart("Engines by state", "How many engines are starting, ready or failed.", "none",
          Query("max by (state) (scriptorium_engines)", "{{state}}"), width=8, low=0, decimals=0, stepped=True,
          colours={"starting": "yellow", "ready": "green", "failed": "red"}),
    timeline("Who has the GPU", "Training and serving take turns; on a machine without a GPU they share the cores the "
             "same way.", Query(GPU_HOLDER, "GPU"), names=HOLDER_NAMES, width=8, height=8),
    chart("Time of a handover", "How long the last holder of the GPU had to wait for it.", "s",
          Query("max(scriptorium_gpu_handover_seconds)", "waited"), width=8, low=0, stepped=True),
)  # fmt: skip

API_PANELS = (
    latency("API latency", "Time to the first byte of an answer.", "scriptorium_api_request_seconds", API_ROUTES, 12),
    chart("Chat by status", "Answers to chat and completion requests by HTTP status: 503 means that training has the "
          "GPU.", "reqps",
          Query(f"sum by (status) (rate(scriptorium_api_requests_total{{{CHAT_ROUTES}}}[$__rate_interval])) or "
                'label_replace(vector(0), "status", "200", "", "")', "{{status}}", interval="30s"), width=12, low=0,
          colours=STATUS_COLOURS),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-serving",
    title="Serving",
    description="How quickly and how much the served models write, and who has the GPU.",
    variables=(MODEL,),
    rows=(
        PanelRow("", CURRENT_PANELS),
        PanelRow("How long a reader waits", LATENCY_PANELS),
        PanelRow("How much is written", LOAD_PANELS),
        PanelRow("One GPU, two tenants", GPU_PANELS),
        PanelRow("The API in front", API_PANELS),
    ),
)
