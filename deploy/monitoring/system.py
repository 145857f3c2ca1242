"""The board System: jobs, queues, workers, leases, the disk and the store."""

from __future__ import annotations

from deploy.monitoring.board import HOST, JOB, Board, PanelRow
from deploy.monitoring.panels import Column, Query, bars, chart, groups, matrix, number, rows, timeline
from deploy.monitoring.queries import RUN_SELECTOR, last, or_none, or_zero
from deploy.monitoring.serving import GPU_HOLDER, HOLDER_NAMES, STATUS_COLOURS

PHASE_COLOURS = {
    "prepare": "blue",
    "train": "orange",
    "calibrate": "#5794F2",
    "merge": "purple",
    "serve": "green",
    "evaluate": "yellow",
}
JOB_COLOURS = {
    "succeeded": "green",
    "running": "orange",
    "validating_files": "blue",
    "queued": "purple",
    "paused": "yellow",
    "failed": "red",
    "cancelled": "#8e99a8",
}
UP_NAMES = {1: ("up", "green"), 0: ("down", "red")}
WORKER_SELECTOR = 'worker=~".*@($host)"'
ACTIVE_STATUSES = 'status=~"validating_files|queued|running|paused"'
TASK_SELECTOR = 'task=~"scriptorium.*"'

CURRENT_PANELS = (
    number("Store", "Whether the API reaches the store.", "none", Query(or_zero("min(scriptorium_store_up)"), "store"),
           width=2, names=UP_NAMES),
    number("Redis", "Whether Redis answers its exporter.", "none", Query(or_zero("max(redis_up)"), "redis"),
           width=2, names=UP_NAMES),
    number("Workers", "Workers that are online; each of the five services has at least one.", "none",
           Query(or_zero(f"sum(flower_worker_online{{{WORKER_SELECTOR}}})"), "online"), width=2, decimals=0,
           steps=((None, "red"), (1, "yellow"), (5, "green"))),
    number("Jobs at work", "Jobs that are being prepared, waiting, running or paused.", "none",
           Query(or_zero(f"sum(scriptorium_jobs{{{ACTIVE_STATUSES}}})"), "jobs"), width=3, decimals=0),
    number("Questions", "Paused jobs that wait for an answer (`scriptorium decide`), not for their resume.", "none",
           Query(or_zero("sum(scriptorium_jobs_asking)"), "questions"), width=2, decimals=0,
           steps=((None, "green"), (1, "yellow"))),
    number("Failed jobs", "Jobs in the store that ended with an error.", "none",
           Query(or_zero('sum(scriptorium_jobs{status="failed"})'), "jobs"), width=3, decimals=0,
           steps=((None, "green"), (1, "red"))),
    number("Alerts", "Alerts that fire now.", "none", Query(or_zero('count(ALERTS{alertstate="firing"})'), "firing"),
           width=3, decimals=0, steps=((None, "green"), (1, "red"))),
    number("The GPU belongs to", "Who holds the GPU lease.", "none", Query(GPU_HOLDER, "GPU"), width=4,
           names=HOLDER_NAMES),
    number("Disk free", "Room on the disk of the data folder.", "bytes",
           Query("min(scriptorium_volume_free_bytes)", "free"), width=3, decimals=0,
           steps=((None, "red"), (10 * 2**30, "yellow"), (50 * 2**30, "green"))),
)  # fmt: skip

STATE_PANELS = (
    rows("Firing alerts", "What Prometheus complains about now; docs/runbook.md says what to do.",
         Column("firing", or_none('count by (alertname) (ALERTS{alertstate="firing"})', "alertname"), decimals=0),
         key="alertname", key_title="alert", width=7, height=8),
    chart("Jobs by status", "How many jobs are in each status.", "none",
          Query("max by (status) (scriptorium_jobs)", "{{status}}"), width=10, low=0, decimals=0, stacked=True,
          stepped=True, colours=JOB_COLOURS),
    bars("Failures by code", "Failed jobs by the code of their error.", "none",
         Query(or_none("max by (code) (scriptorium_job_failures) > 0", "code"), "{{code}}"), width=7, decimals=0,
         steps=((None, "green"), (1, "red"))),
)  # fmt: skip

QUEUE_PANELS = (
    chart("Queue length", "Messages that wait for a worker.", "none",
          Query("max by (queue) (scriptorium_queue_length)", "{{queue}}"), width=7, low=0, decimals=0, stepped=True),
    chart("Queue wait", "How long the job that waits longest has waited.", "s",
          Query("max by (queue) (scriptorium_queue_wait_seconds)", "{{queue}}"), width=7, low=0),
    matrix("Attempts", "How often each phase of a job was begun: more than once means that a worker was lost.", "none",
           Query(last("scriptorium_phase_attempts", "job_id", "phase")), column="phase", row="job_id",
           order=list(PHASE_COLOURS), steps=((None, "green"), (2, "yellow"), (4, "red")), width=10),
)  # fmt: skip

WORKER_PANELS = (
    timeline("Workers", "Which workers were online.",
             Query(f"max by (worker) (flower_worker_online{{{WORKER_SELECTOR}}})", "{{worker}}"),
             names={1: ("online", "green"), 0: ("offline", "red")}, width=8, height=8),
    chart("Heartbeats", "Seconds since the holder of each phase last renewed its lease: it is lost after fifteen.", "s",
          Query(f"max by (phase) (scriptorium_phase_heartbeat_age_seconds{{{RUN_SELECTOR}}})", "{{phase}}"),
          width=8, low=0, limits=((None, "transparent"), (15, "red")), colours=PHASE_COLOURS),
    bars("Time of a task", "Mean time that a Celery task has taken.", "s",
         Query(f"sum by (task) (last_over_time(flower_task_runtime_seconds_sum{{{TASK_SELECTOR}}}[$__range])) / "
               f"sum by (task) (last_over_time(flower_task_runtime_seconds_count{{{TASK_SELECTOR}}}[$__range]))",
               "{{task}}"), width=8),
)  # fmt: skip

TIME_PANELS = (
    groups("Where the time went", "How long each finished phase of a job took.", "s",
           Query(last("scriptorium_phase_seconds", "job_id", "phase")), column="phase", row="job_id",
           colours=PHASE_COLOURS, width=10, stacked=True),
    timeline("Who had the GPU", "Training and serving take turns.", Query(GPU_HOLDER, "GPU"), names=HOLDER_NAMES,
             width=7, height=8),
    chart("Age of the GPU lease", "How long the present holder has had the GPU.", "s",
          Query("max(scriptorium_gpu_lease_age_seconds)", "age"), width=7, low=0),
)  # fmt: skip

DISK_PANELS = (
    chart("Disk", "How full the disk of the data folder is.", "percentunit",
          Query("1 - min(scriptorium_volume_free_bytes) / max(scriptorium_volume_size_bytes)", "used"),
          width=6, low=0, high=1, limits=((None, "transparent"), (0.9, "red"))),
    chart("Redis memory", "Memory that the store uses.", "bytes", Query("max(redis_memory_used_bytes)", "used"),
          width=6, low=0),
    chart("Redis clients", "Connections to the store.", "none", Query("max(redis_connected_clients)", "clients"),
          width=6, low=0, decimals=0),
    chart("API requests", "Requests to the API by HTTP status.", "reqps",
          Query("sum by (status) (rate(scriptorium_api_requests_total[$__rate_interval]))", "{{status}}",
                interval="30s"), width=6, low=0, colours=STATUS_COLOURS),
)  # fmt: skip

STORE_PANELS = (
    chart("Redis commands", "Commands that the store answers per second.", "ops",
          Query("sum(rate(redis_commands_processed_total[$__rate_interval]))", "commands"), width=8, low=0),
    timeline("Redis writes to disk", "Whether the last write of the append-only file worked: without it a power cut "
             "loses jobs.", Query("min(redis_aof_last_write_status)", "append-only file"),
             names={1: ("written", "green"), 0: ("failed", "red")}, width=8, height=8),
    chart("Webhooks and notices", "Attempts to deliver by what came of them.", "none",
          Query("sum by (channel, result) (max without (instance) (scriptorium_deliveries_total))",
                "{{channel}} {{result}}"), width=8, low=0, decimals=0, stepped=True),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-system",
    title="System",
    description="Jobs, queues, workers, leases, the disk and the store.",
    variables=(JOB, HOST),
    rows=(
        PanelRow("", CURRENT_PANELS),
        PanelRow("State", STATE_PANELS),
        PanelRow("Queues and attempts", QUEUE_PANELS),
        PanelRow("Workers", WORKER_PANELS),
        PanelRow("Time", TIME_PANELS),
        PanelRow("Disk, store and API", (*DISK_PANELS, *STORE_PANELS)),
    ),
)
