from __future__ import annotations

from typing import Any

from podwalk.types import Object
from tests.unit.controllers.conftest import Bench


def cron_job(schedule: str = "* * * * *", **spec: Any) -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}}
    body = {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}, **spec}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"}, "spec": body}


def later(bench: Bench, seconds: float) -> None:
    bench.simulation.advance(bench.simulation.now + seconds)


def jobs(bench: Bench) -> list[str]:
    return [job["metadata"]["name"] for job in bench.list("jobs.batch")]


def test_it_starts_a_job_at_its_minute_and_notes_its_end(bench: Bench) -> None:
    bench.create("cronjobs.batch", cron_job())
    assert jobs(bench) == []
    later(bench, 60)
    minute = int(bench.simulation.datetime().timestamp()) // 60
    assert jobs(bench) == [f"tick-{minute}"]
    status = bench.get("cronjobs.batch", "tick")["status"]
    assert status["lastScheduleTime"] == bench.simulation.timestamp()
    assert [entry["name"] for entry in status["active"]] == jobs(bench)
    bench.finish(bench.list("pods")[0]["metadata"]["name"])
    assert bench.events("tick") == [
        ("SuccessfulCreate", f"Created job tick-{minute}"),
        ("SawCompletedJob", f"Saw completed job: tick-{minute}, condition: Complete"),
    ]
    assert "active" not in bench.get("cronjobs.batch", "tick")["status"]


def test_forbid_waits_for_the_job_that_runs(bench: Bench) -> None:
    bench.create("cronjobs.batch", cron_job(concurrencyPolicy="Forbid"))
    later(bench, 60)
    later(bench, 60)
    assert len(jobs(bench)) == 1
    assert bench.events("tick")[-1][0] == "JobAlreadyActive"


def test_replace_ends_the_job_that_runs(bench: Bench) -> None:
    bench.create("cronjobs.batch", cron_job(concurrencyPolicy="Replace"))
    later(bench, 60)
    (first,) = jobs(bench)
    later(bench, 60)
    assert len(jobs(bench)) == 1
    assert jobs(bench) != [first]


def test_only_the_last_of_the_finished_are_kept(bench: Bench) -> None:
    bench.create("cronjobs.batch", cron_job(successfulJobsHistoryLimit=1))
    for _ in range(3):
        later(bench, 60)
        for pod in bench.list("pods"):
            if pod["status"]["phase"] == "Pending":
                bench.finish(pod["metadata"]["name"])
    assert len(jobs(bench)) == 1


def test_a_suspended_one_starts_nothing(bench: Bench) -> None:
    bench.create("cronjobs.batch", cron_job(suspend=True))
    later(bench, 300)
    assert jobs(bench) == []
