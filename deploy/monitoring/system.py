"""The board System: jobs, queues, workers, leases, the disk and the store."""

from __future__ import annotations

from deploy.monitoring.board import HOST, JOB, Board, Row
from deploy.monitoring.panels import Column, Query, bars, chart, groups, matrix, number, rows, timeline
from deploy.monitoring.queries import RUNS, last, or_none, or_zero
from deploy.monitoring.serving import CODES, HOLDER, HOLDERS

PHASES = {"prepare": "blue", "train": "orange", "merge": "purple", "serve": "green", "evaluate": "yellow"}
STATUSES = {
    "succeeded": "green",
    "running": "orange",
    "validating_files": "blue",
    "queued": "purple",
    "paused": "yellow",
    "failed": "red",
    "cancelled": "#8e99a8",
}
UP = {1: ("up", "green"), 0: ("down", "red")}
WORKERS = 'worker=~".*@($host)"'
AT_WORK = 'status=~"validating_files|queued|running|paused"'
TASKS = 'task=~"scriptorium.*"'

NOW = (
    number("Store", "Whether the API reaches the store.", "none", Query(or_zero("min(scriptorium_store_up)"), "store"),
           width=3, names=UP),
    number("Redis", "Whether Redis answers its exporter.", "none", Query(or_zero("max(redis_up)"), "redis"),
           width=2, names=UP),
    number("Workers", "Workers that are online; each of the five services has at least one.", "none",
           Query(or_zero(f"sum(flower_worker_online{{{WORKERS}}})"), "online"), width=3, decimals=0,
           steps=((None, "red"), (1, "yellow"), (5, "green"))),
    number("Jobs at work", "Jobs that are being prepared, waiting, running or paused.", "none",
           Query(or_zero(f"sum(scriptorium_jobs{{{AT_WORK}}})"), "jobs"), width=3, decimals=0),
    number("Failed jobs", "Jobs in the store that ended with an error.", "none",
           Query(or_zero('sum(scriptorium_jobs{status="failed"})'), "jobs"), width=3, decimals=0,
           steps=((None, "green"), (1, "red"))),
    number("Alerts", "Alerts that fire now.", "none", Query(or_zero('count(ALERTS{alertstate="firing"})'), "firing"),
           width=3, decimals=0, steps=((None, "green"), (1, "red"))),
    number("The GPU belongs to", "Who holds the GPU lease.", "none", Query(HOLDER, "GPU"), width=4, names=HOLDERS),
    number("Disk free", "Room on the disk of the data folder.", "bytes",
           Query("min(scriptorium_volume_free_bytes)", "free"), width=3, decimals=0,
           steps=((None, "red"), (10 * 2**30, "yellow"), (50 * 2**30, "green"))),
)  # fmt: skip

STATE = (
    rows("Firing alerts", "What Prometheus complains about now; docs/runbook.md says what to do.",
         Column("firing", or_none('count by (alertname) (ALERTS{alertstate="firing"})', "alertname"), decimals=0),
         key="alertname", called="alert", width=7, height=8),
    chart("Jobs by status", "How many jobs are in each status.", "none",
          Query("max by (status) (scriptorium_jobs)", "{{status}}"), width=10, low=0, decimals=0, stacked=True,
          stepped=True, colours=STATUSES),
    bars("Failures by code", "Failed jobs by the code of their error.", "none",
         Query(or_none("max by (code) (scriptorium_job_failures) > 0", "code"), "{{code}}"), width=7, decimals=0,
         steps=((None, "green"), (1, "red"))),
)  # fmt: skip

QUEUES = (
    chart("Queue length", "Messages that wait for a worker.", "none",
          Query("max by (queue) (scriptorium_queue_length)", "{{queue}}"), width=7, low=0, decimals=0, stepped=True),
    chart("Queue wait", "How long the job that waits longest has waited.", "s",
          Query("max by (queue) (scriptorium_queue_wait_seconds)", "{{queue}}"), width=7, low=0),
    matrix("Attempts", "How often each phase of a job was begun: more than once means that a worker was lost.", "none",
           Query(last("scriptorium_phase_attempts", "job_id", "phase")), column="phase", row="job_id",
           order=list(PHASES), steps=((None, "green"), (2, "yellow"), (4, "red")), width=10),
)  # fmt: skip

WORK = (
    timeline("Workers", "Which workers were online.",
             Query(f"max by (worker) (flower_worker_online{{{WORKERS}}})", "{{worker}}"),
             names={1: ("online", "green"), 0: ("offline", "red")}, width=8, height=8),
    chart("Heartbeats", "Seconds since the holder of each phase last renewed its lease: it is lost after fifteen.", "s",
          Query(f"max by (phase) (scriptorium_phase_heartbeat_age_seconds{{{RUNS}}})", "{{phase}}"),
          width=8, low=0, limits=((None, "transparent"), (15, "red")), colours=PHASES),
    bars("Time of a task", "Mean time that a Celery task has taken.", "s",
         Query(f"sum by (task) (last_over_time(flower_task_runtime_seconds_sum{{{TASKS}}}[$__range])) / "
               f"sum by (task) (last_over_time(flower_task_runtime_seconds_count{{{TASKS}}}[$__range]))", "{{task}}"),
         width=8),
)  # fmt: skip

TIME = (
    groups("Where the time went", "How long each finished phase of a job took.", "s",
           Query(last("scriptorium_phase_seconds", "job_id", "phase")), column="phase", row="job_id", colours=PHASES,
           width=10, stacked=True),
    timeline("Who had the GPU", "Training and serving take turns.", Query(HOLDER, "GPU"), names=HOLDERS, width=7,
             height=8),
    chart("Age of the GPU lease", "How long the present holder has had the GPU.", "s",
          Query("max(scriptorium_gpu_lease_age_seconds)", "age"), width=7, low=0),
)  # fmt: skip

GROUND = (
    chart("Disk", "How full the disk of the data folder is.", "percentunit",
          Query("1 - min(scriptorium_volume_free_bytes) / max(scriptorium_volume_size_bytes)", "used"),
          width=6, low=0, high=1, limits=((None, "transparent"), (0.9, "red"))),
    chart("Redis memory", "Memory that the store uses.", "bytes", Query("max(redis_memory_used_bytes)", "used"),
          width=6, low=0),
    chart("Redis clients", "Connections to the store.", "none", Query("max(redis_connected_clients)", "clients"),
          width=6, low=0, decimals=0),
    chart("API requests", "Requests to the API by HTTP status.", "reqps",
          Query("sum by (status) (rate(scriptorium_api_requests_total[$__rate_interval]))", "{{status}}", every="30s"),
          width=6, low=0, colours=CODES),
)  # fmt: skip

STORE = (
    chart("Redis commands", "Commands that the store answers per second.", "ops",
          Query("sum(rate(redis_commands_processed_total[$__rate_interval]))", "commands"), width=12, low=0),
    timeline("Redis writes to disk", "Whether the last write of the append-only file worked: without it a power cut "
             "loses jobs.", Query("min(redis_aof_last_write_status)", "append-only file"),
             names={1: ("written", "green"), 0: ("failed", "red")}, width=12, height=8),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-system",
    title="System",
    about="Jobs, queues, workers, leases, the disk and the store.",
    variables=(JOB, HOST),
    rows=(
        Row("", NOW),
        Row("State", STATE),
        Row("Queues and attempts", QUEUES),
        Row("Workers", WORK),
        Row("Time", TIME),
        Row("Disk, store and API", (*GROUND, *STORE)),
    ),
)
