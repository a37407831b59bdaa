from __future__ import annotations

from typing import Any

from podwalk.controllers.job import indexes
from podwalk.types import Object
from tests.unit.controllers.conftest import Bench


def job(**spec: Any) -> Object:
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]},
    }
    return {"metadata": {"name": "once"}, "spec": {"template": template, **spec}}


def active(bench: Bench) -> list[Object]:
    return [pod for pod in bench.list("pods") if pod["status"]["phase"] in ("Pending", "Running")]


def conditions(bench: Bench) -> list[tuple[str, str, str]]:
    found = bench.get("jobs.batch", "once")["status"].get("conditions") or ()
    return [(entry["type"], entry["status"], entry["reason"]) for entry in found]


def test_it_runs_as_many_at_once_as_allowed_until_all_succeeded(bench: Bench) -> None:
    bench.create("jobs.batch", job(completions=3, parallelism=2))
    assert len(active(bench)) == 2
    for _ in range(3):
        bench.finish(active(bench)[0]["metadata"]["name"])
    status = bench.get("jobs.batch", "once")["status"]
    assert conditions(bench) == [
        ("SuccessCriteriaMet", "True", "CompletionsReached"),
        ("Complete", "True", "CompletionsReached"),
    ]
    assert {
        key: value for key, value in status.items() if key not in ("conditions", "startTime", "completionTime")
    } == {
        "succeeded": 3,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
    assert bench.events("once")[-1] == ("Completed", "Job completed")
    assert all("finalizers" not in pod["metadata"] for pod in bench.list("pods"))


def test_a_failed_pod_is_replaced_after_ten_seconds_until_the_limit(bench: Bench) -> None:
    bench.create("jobs.batch", job(backoffLimit=1))
    bench.finish(active(bench)[0]["metadata"]["name"], "Failed")
    assert active(bench) == []
    bench.simulation.advance(bench.simulation.now + 9)
    assert active(bench) == []
    bench.simulation.advance(bench.simulation.now + 1)
    bench.finish(active(bench)[0]["metadata"]["name"], "Failed")
    assert conditions(bench) == [
        ("FailureTarget", "True", "BackoffLimitExceeded"),
        ("Failed", "True", "BackoffLimitExceeded"),
    ]
    assert bench.events("once")[-1] == ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


def test_a_job_that_takes_too_long_is_ended(bench: Bench) -> None:
    bench.create("jobs.batch", job(activeDeadlineSeconds=3))
    bench.run(active(bench)[0]["metadata"]["name"])
    bench.simulation.advance(bench.simulation.now + 3)
    assert conditions(bench) == [("FailureTarget", "True", "DeadlineExceeded")]
    bench.finish(bench.list("pods")[0]["metadata"]["name"], "Failed")
    assert conditions(bench)[-1] == ("Failed", "True", "DeadlineExceeded")
    assert bench.get("jobs.batch", "once")["status"]["failed"] == 1


def test_an_indexed_job_gives_each_pod_its_number(bench: Bench) -> None:
    bench.create("jobs.batch", job(completionMode="Indexed", completions=3, parallelism=3))
    label = "batch.kubernetes.io/job-completion-index"
    by_index = {pod["metadata"]["labels"][label]: pod for pod in bench.list("pods")}
    assert sorted(by_index) == ["0", "1", "2"]
    assert by_index["1"]["spec"]["hostname"] == "once-1"
    bench.finish(by_index["2"]["metadata"]["name"])
    bench.finish(by_index["0"]["metadata"]["name"])
    assert bench.get("jobs.batch", "once")["status"]["completedIndexes"] == "0,2"


def test_a_suspended_job_starts_when_it_is_resumed(bench: Bench) -> None:
    bench.create("jobs.batch", job(suspend=True))
    assert bench.list("pods") == []
    bench.modify("jobs.batch", "once", lambda obj: obj["spec"].update(suspend=False))
    assert len(active(bench)) == 1
    assert [reason for reason, _ in bench.events("once")] == ["Suspended", "Resumed", "SuccessfulCreate"]
    assert conditions(bench) == [("Suspended", "False", "JobResumed")]


def test_a_finished_job_is_deleted_after_its_time_to_live(bench: Bench) -> None:
    bench.create("jobs.batch", job(ttlSecondsAfterFinished=5))
    bench.finish(active(bench)[0]["metadata"]["name"])
    bench.simulation.advance(bench.simulation.now + 4)
    assert bench.objects.get("jobs.batch", "shop", "once") is not None
    bench.simulation.advance(bench.simulation.now + 1)
    assert bench.objects.get("jobs.batch", "shop", "once") is None
    assert bench.list("pods") == []


def test_a_deleted_jobs_pods_go_with_it(bench: Bench) -> None:
    bench.create("jobs.batch", job())
    bench.run(active(bench)[0]["metadata"]["name"])
    bench.objects.delete("jobs.batch", "shop", "once", propagation="Background")
    bench.settle()
    bench.run_all()
    assert bench.list("pods") == []


def _fail_with(bench: Bench, code: int) -> None:
    def change(pod: Object) -> None:
        ended = {"terminated": {"exitCode": code, "reason": "Error", "finishedAt": bench.simulation.timestamp()}}
        status = {"name": "c", "state": ended, "ready": False, "restartCount": 0, "image": "busybox", "imageID": ""}
        pod["status"] |= {"phase": "Failed", "containerStatuses": [status]}

    name = active(bench)[0]["metadata"]["name"]
    bench.objects.modify("pods", "shop", name, change, subresource="status")
    bench.settle()


def test_a_failure_policy_ends_the_job_or_ignores_the_pod(bench: Bench) -> None:
    rules = [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}},
    ]
    bench.create("jobs.batch", job(podFailurePolicy={"rules": rules}))
    _fail_with(bench, 7)
    assert "failed" not in bench.get("jobs.batch", "once")["status"]
    bench.simulation.advance(bench.simulation.now + 10)
    name = active(bench)[0]["metadata"]["name"]
    _fail_with(bench, 42)
    assert conditions(bench)[-1] == ("Failed", "True", "PodFailurePolicy")
    words = f"Container c for pod shop/{name} failed with exit code 42 matching FailJob rule at index 0"
    assert bench.events("once")[-1] == ("PodFailurePolicy", words)


def test_a_success_policy_ends_the_job_with_the_index_that_matters(bench: Bench) -> None:
    spec = {"completionMode": "Indexed", "completions": 3, "parallelism": 3}
    bench.create("jobs.batch", job(**spec, successPolicy={"rules": [{"succeededIndexes": "1"}]}))
    label = "batch.kubernetes.io/job-completion-index"
    leader = next(pod for pod in bench.list("pods") if pod["metadata"]["labels"][label] == "1")
    bench.finish(leader["metadata"]["name"])
    assert conditions(bench)[0] == ("SuccessCriteriaMet", "True", "SuccessPolicy")
    bench.run_all()
    assert conditions(bench)[-1] == ("Complete", "True", "SuccessPolicy")


def test_indexes_are_written_as_runs() -> None:
    assert indexes.render({0, 1, 2, 5}) == "0-2,5"
    assert indexes.parse("0-2,5") == {0, 1, 2, 5}


def test_a_job_without_labels_has_those_of_its_pods(bench: Bench) -> None:
    body = job()
    body["spec"]["template"]["metadata"] = {"labels": {"app": "once"}}
    bench.create("jobs.batch", body)
    found = bench.get("jobs.batch", "once")
    assert found["metadata"]["labels"] == found["spec"]["template"]["metadata"]["labels"]
    assert found["metadata"]["labels"]["job-name"] == "once"
