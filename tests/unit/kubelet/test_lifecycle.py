"""How Pods fail, restart and end; statuses and events were seen on a v1.37 kind cluster on 2026-11-21."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.errors import ApiError
from podwalk.types import LogOptions


def pod(name: str, container: str, rest: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n{rest}  containers:\n  - {{name: c,"
        f" {container}}}\n"
    )


BUSYBOX = "image: busybox"


def test_a_container_that_exits_is_restarted_with_a_growing_back_off(bench: Any) -> None:
    bench.apply(pod("crash", f'{BUSYBOX}, command: [sh, -c, "echo oops; exit 3"]'))
    restarted: dict[int, float] = {}

    def crashed() -> bool:
        statuses = bench.pod("crash").get("status", {}).get("containerStatuses") or [
            {"restartCount": 0, "containerID": ""}
        ]
        restarted.setdefault(statuses[0]["restartCount"], bench.simulation.now)
        return len(restarted) > 5

    bench.until(crashed, 600)
    pauses = [restarted[number + 1] - restarted[number] for number in range(1, 5)]
    assert [round(pause / 10) * 10 for pause in pauses] == [10, 20, 40, 80]
    assert bench.status("crash")["lastState"]["terminated"]["exitCode"] == 3


def test_between_restarts_a_container_waits_in_crash_loop_back_off(bench: Any) -> None:
    bench.apply(pod("crash", f'{BUSYBOX}, command: [sh, -c, "echo oops; exit 3"]'))
    bench.until(lambda: "waiting" in bench.status("crash")["state"] and bench.status("crash")["restartCount"] == 1)
    status, uid = bench.status("crash"), bench.pod("crash")["metadata"]["uid"]
    assert status["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 10s restarting failed container=c pod=crash_default({uid})",
    }
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert (status["ready"], status["started"]) == (False, False)
    assert bench.pod("crash")["status"]["phase"] == "Running"
    assert bench.messages("crash", "BackOff") == [f"Back-off restarting failed container c in pod crash_default({uid})"]
    assert bench.logs("crash") == "oops\n"
    assert bench.logs("crash", previous=True) == "oops\n"


def test_a_pod_that_is_never_restarted_ends_as_its_containers_did(bench: Any) -> None:
    bench.apply(pod("good", f'{BUSYBOX}, command: [sh, -c, "echo hi; sleep 1"]', "  restartPolicy: Never\n"))
    bench.apply(pod("bad", f'{BUSYBOX}, command: [sh, -c, "exit 2"]', "  restartPolicy: Never\n"))
    bench.until(lambda: bench.pod("good")["status"].get("phase") == "Succeeded")
    bench.pass_time(1)
    assert bench.pod("bad")["status"]["phase"] == "Failed"
    assert bench.status("good")["state"]["terminated"]["reason"] == "Completed"
    assert bench.condition("good", "Ready")["reason"] == "PodCompleted"
    assert bench.condition("good", "PodReadyToStartContainers")["message"] == "pod sandbox is not ready"
    assert bench.logs("good") == "hi\n"


@pytest.mark.parametrize("before", ["", "  activeDeadlineSeconds: 500\n"])
def test_a_running_pod_is_given_a_deadline_and_it_counts_from_its_start(bench: Any, before: str) -> None:
    bench.apply(pod("busy", f"{BUSYBOX}, command: [sleep, infinity]", f"  terminationGracePeriodSeconds: 0\n{before}"))
    bench.until(lambda: bench.pod("busy")["status"].get("phase") == "Running")
    bench.pass_time(20)
    bench.change("Pod", "busy", {"spec": {"activeDeadlineSeconds": 30}})
    bench.pass_time(5)
    assert bench.pod("busy")["status"]["phase"] == "Running"
    bench.pass_time(7)
    status = bench.pod("busy")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_deadline_that_is_over_when_it_is_set_ends_the_pod_at_once(bench: Any) -> None:
    bench.apply(pod("busy", f"{BUSYBOX}, command: [sleep, infinity]", "  terminationGracePeriodSeconds: 0\n"))
    bench.until(lambda: bench.pod("busy")["status"].get("phase") == "Running")
    bench.pass_time(20)
    bench.change("Pod", "busy", {"spec": {"activeDeadlineSeconds": 10}})
    bench.pass_time(2)
    assert bench.pod("busy")["status"]["reason"] == "DeadlineExceeded"


def test_an_image_that_is_not_there_and_may_not_be_pulled_is_said_so(bench: Any) -> None:
    bench.apply(pod("never", 'image: "nosuch/image:1.0", imagePullPolicy: Never'))
    bench.until(lambda: "ErrImageNeverPull" in str(bench.pod("never")["status"]))
    words = 'Container image "nosuch/image:1.0" is not present with pull policy of Never'
    assert bench.status("never")["state"]["waiting"] == {"reason": "ErrImageNeverPull", "message": words}
    assert bench.messages("never", "ErrImageNeverPull") == [words]
    assert bench.messages("never", "Failed") == ["Error: ErrImageNeverPull"]


def test_an_image_that_is_nowhere_cannot_be_pulled(bench: Any) -> None:
    bench.apply(pod("badimg", 'image: "nosuch/image:1.0"'))
    bench.until(lambda: "ImagePullBackOff" in str(bench.pod("badimg")["status"]))
    words = (
        'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/nosuch/image:1.0": '
        "failed to resolve image: docker.io/nosuch/image:1.0: not found"
    )
    assert bench.status("badimg")["state"]["waiting"] == {
        "reason": "ImagePullBackOff",
        "message": f'Back-off pulling image "nosuch/image:1.0": ErrImagePull: {words}',
    }
    assert bench.pod("badimg")["status"]["phase"] == "Pending"
    assert bench.messages("badimg", "Failed") == [
        f'Failed to pull image "nosuch/image:1.0": {words}',
        "Error: ErrImagePull",
        "Error: ImagePullBackOff",
    ]
    assert "hashicorp/http-echo" in bench.messages("badimg", "ImagesSimulated")[0]


def test_a_container_waits_for_the_configmap_of_its_environment(bench: Any) -> None:
    bench.apply(pod("badcm", f"{BUSYBOX}, command: [sleep, '100'], envFrom: [{{configMapRef: {{name: nocm}}}}]"))
    bench.until(lambda: "CreateContainerConfigError" in str(bench.pod("badcm")["status"]))
    assert bench.status("badcm")["state"]["waiting"]["message"] == 'configmap "nocm" not found'
    assert bench.messages("badcm", "Failed") == ['Error: configmap "nocm" not found']
    bench.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nocm}\ndata: {COLOUR: green}\n")
    bench.ready("badcm")
    assert "COLOUR=green\n" in bench.exec("badcm", "env").stdout


def test_a_pod_waits_for_the_configmap_of_a_volume(bench: Any) -> None:
    bench.apply(
        pod("badvol", f"{BUSYBOX}, command: [sleep, '100']", "  volumes: [{name: v, configMap: {name: nocm}}]\n")
    )
    bench.pass_time(5)
    assert bench.messages("badvol", "FailedMount") == [
        'MountVolume.SetUp failed for volume "v" : configmap "nocm" not found'
    ]
    assert bench.condition("badvol", "PodReadyToStartContainers")["message"] == "no pod sandbox exists"
    assert bench.status("badvol")["state"] == {"waiting": {"reason": "ContainerCreating"}}


def test_a_command_that_is_not_there_is_runcs_error(bench: Any) -> None:
    bench.apply(pod("badcmd", f"{BUSYBOX}, command: [nosuchcmd]"))
    bench.until(lambda: "RunContainerError" in str(bench.pod("badcmd")["status"]))
    words = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: exec: "nosuchcmd": executable file not found in $PATH'
    )
    status = bench.status("badcmd")
    assert status["state"]["waiting"] == {"reason": "RunContainerError", "message": words}
    last = status["lastState"]["terminated"]
    assert (last["reason"], last["exitCode"], last["startedAt"]) == ("StartError", 128, "1970-01-01T00:00:00Z")
    assert bench.messages("badcmd", "Failed") == [f"Error: {words}"]


def test_init_containers_run_in_order_and_sidecars_stay(bench: Any) -> None:
    bench.apply(
        pod(
            "ini",
            f"{BUSYBOX}, command: [sleep, '1000']",
            "  initContainers:\n"
            f"  - {{name: i1, {BUSYBOX}, command: [sh, -c, 'sleep 3; echo one']}}\n"
            f"  - {{name: side, {BUSYBOX}, restartPolicy: Always, command: [sleep, '1000']}}\n",
        )
    )
    bench.pass_time(1)
    assert bench.condition("ini", "Initialized")["message"] == "containers with incomplete status: [i1 side]"
    assert bench.condition("ini", "Ready")["message"] == "containers with unready status: [side c]"
    assert bench.status("ini", "c")["state"] == {"waiting": {"reason": "PodInitializing"}}
    bench.ready("ini")
    assert bench.status("ini", "i1")["state"]["terminated"]["reason"] == "Completed"
    assert bench.status("ini", "side")["ready"]
    assert bench.condition("ini", "Initialized")["status"] == "True"
    assert bench.logs("ini", "i1") == "one\n"


def test_a_failed_init_container_of_a_pod_that_is_never_restarted_fails_the_pod(bench: Any) -> None:
    bench.apply(
        pod(
            "noinit",
            f"{BUSYBOX}, command: [sleep, '1000']",
            f"  restartPolicy: Never\n  initContainers: [{{name: i, {BUSYBOX}, command: ['false']}}]\n",
        )
    )
    bench.until(lambda: bench.pod("noinit")["status"].get("phase") == "Failed")
    assert bench.status("noinit", "c")["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_a_failing_liveness_probe_restarts_the_container(bench: Any) -> None:
    bench.apply(
        pod(
            "live",
            "image: nginx, livenessProbe: {httpGet: {path: /nope, port: 80}, periodSeconds: 3, failureThreshold: 2}, "
            "readinessProbe: {tcpSocket: {port: 81}}",
            "  terminationGracePeriodSeconds: 3\n",
        )
    )
    bench.until(lambda: bench.status("live")["restartCount"] == 1)
    ip = bench.pod("live")["status"]["podIP"]
    assert set(bench.messages("live", "Unhealthy")) == {
        "Liveness probe failed: HTTP probe failed with statuscode: 404",
        f"Readiness probe failed: dial tcp {ip}:81: connect: connection refused",
    }
    assert bench.messages("live", "Killing") == ["Container c failed liveness probe, will be restarted"]
    assert not bench.is_ready("live")


def test_a_readiness_probe_decides_who_is_behind_a_service(lab: Any) -> None:
    lab.apply(
        pod(
            "gate",
            f"{BUSYBOX}, command: [sleep, '1000'], readinessProbe: {{exec: {{command: [cat, /tmp/ok]}},"
            " periodSeconds: 2}",
        )
    )
    lab.pass_time(5)
    assert not lab.is_ready("gate")
    assert "Readiness probe failed: cat: can't open '/tmp/ok': No such file or directory\n" in lab.messages(
        "gate", "Unhealthy"
    )
    lab.exec("gate", "touch", "/tmp/ok")
    lab.ready("gate")
    lab.exec("gate", "rm", "/tmp/ok")
    lab.until(lambda: not lab.is_ready("gate"))


def test_a_startup_probe_holds_the_others_back(bench: Any) -> None:
    bench.apply(
        pod(
            "slow",
            f"{BUSYBOX}, command: [sh, -c, 'sleep 7; touch /tmp/up; sleep 1000'], "
            "startupProbe: {exec: {command: [ls, /tmp/up]}, periodSeconds: 2, failureThreshold: 30}, "
            "livenessProbe: {exec: {command: [ls, /tmp/up]}, periodSeconds: 1, failureThreshold: 1}",
        )
    )
    bench.pass_time(5)
    assert bench.status("slow")["started"] is False
    bench.ready("slow")
    assert (bench.status("slow")["started"], bench.status("slow")["restartCount"]) == (True, 0)


def test_process_1_without_a_handler_takes_the_whole_grace_period(bench: Any) -> None:
    bench.apply(pod("stubborn", f"{BUSYBOX}, command: [sleep, '1000']", "  terminationGracePeriodSeconds: 7\n"))
    bench.ready("stubborn")
    before = bench.simulation.now
    bench.delete("Pod", "stubborn")
    bench.until(lambda: not bench.exists("stubborn"))
    assert bench.simulation.now - before == pytest.approx(7, abs=0.5)
    assert bench.messages("stubborn", "Killing") == ["Stopping container c"]


def test_a_server_ends_at_once_when_told_to(bench: Any) -> None:
    bench.apply(pod("web", "image: nginx"))
    bench.ready("web")
    before = bench.simulation.now
    bench.delete("Pod", "web")
    bench.until(lambda: not bench.exists("web"))
    assert bench.simulation.now - before < 1


def test_a_trap_in_a_shell_runs_before_the_end(bench: Any) -> None:
    bench.apply(
        pod("trap", f"{BUSYBOX}, command: [sh, -c, \"trap 'echo bye; exit 0' TERM; while true; do sleep 1; done\"]")
    )
    bench.ready("trap")
    stream = bench.cluster.kubelets.logs(bench.pod("trap"), "", LogOptions(follow=True))
    before = bench.simulation.now
    bench.delete("Pod", "trap")
    bench.until(lambda: not bench.exists("trap"))
    assert bench.simulation.now - before < 3
    assert stream.take() == b"bye\n"
    assert stream.closed


def test_a_pre_stop_hook_runs_first_and_counts_towards_the_grace_period(bench: Any) -> None:
    bench.apply(
        pod(
            "hook",
            "image: nginx, lifecycle: {preStop: {exec: {command: [sleep, '5']}}}",
            "  terminationGracePeriodSeconds: 20\n",
        )
    )
    bench.ready("hook")
    before = bench.simulation.now
    bench.delete("Pod", "hook")
    bench.until(lambda: not bench.exists("hook"))
    assert bench.simulation.now - before == pytest.approx(5, abs=0.5)


def test_a_forced_deletion_frees_the_address(bench: Any) -> None:
    bench.apply(pod("gone", f"{BUSYBOX}, command: [sleep, '1000']"))
    bench.ready("gone")
    ip = bench.pod("gone")["status"]["podIP"]
    bench.delete("Pod", "gone", gracePeriodSeconds="0")
    assert not bench.exists("gone")
    bench.pass_time(5)
    assert not bench.cluster.kubelets.fabric.is_up(ip)


def test_a_post_start_hook_runs_in_the_container(bench: Any) -> None:
    bench.apply(
        pod(
            "post",
            f"{BUSYBOX}, command: [sleep, '1000'], lifecycle: {{postStart: {{exec: {{command: [touch,"
            " /tmp/hello]}}}",
        )
    )
    bench.ready("post")
    assert bench.exec("post", "ls", "/tmp").stdout == "hello\n"


def test_a_termination_message_is_kept(bench: Any) -> None:
    bench.apply(
        pod(
            "words",
            f"{BUSYBOX}, command: [sh, -c, 'echo farewell > /dev/termination-log; exit 1']",
            "  restartPolicy: Never\n",
        )
    )
    bench.until(lambda: bench.pod("words")["status"].get("phase") == "Failed")
    assert bench.status("words")["state"]["terminated"]["message"] == "farewell\n"


def test_a_pod_is_ended_at_its_active_deadline(bench: Any) -> None:
    bench.apply(pod("late", "image: nginx", "  activeDeadlineSeconds: 5\n"))
    bench.until(lambda: bench.pod("late")["status"].get("phase") == "Failed")
    assert bench.pod("late")["status"]["reason"] == "DeadlineExceeded"


def test_an_unknown_kind_of_volume_is_refused_by_name(bench: Any) -> None:
    bench.apply(pod("nfs", f"{BUSYBOX}", "  volumes: [{name: v, nfs: {server: a, path: /}}]\n"))
    bench.pass_time(2)
    assert "podwalk does not simulate nfs volumes" in bench.messages("nfs", "FailedMount")[0]


def test_a_grpc_probe_asks_for_the_health_of_a_service(bench: Any) -> None:
    serve = "image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [grpc-health-checking, --service=db]"
    for name, service in (("known", "db"), ("unknown", "other")):
        probe = f"readinessProbe: {{grpc: {{port: 5000, service: {service}}}, periodSeconds: 1}}"
        bench.apply(pod(name, f"{serve}, {probe}"))
    bench.until(lambda: bench.is_ready("known") and bench.messages("unknown", "Unhealthy"))
    assert bench.messages("unknown", "Unhealthy") == [
        "Readiness probe failed: error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"
    ]


def test_a_grpc_server_that_dies_in_the_middle_of_a_check_is_told_of(bench: Any) -> None:
    greeting = r"\0\0\6\4\0\0\0\0\0\0\5\0\0@\0"
    serve = f"while true; do (printf '{greeting}'; sleep %s) | nc -l -p 5000; done"
    probe = "readinessProbe: {grpc: {port: 5000}, periodSeconds: 2, timeoutSeconds: %s}"
    for name, pause, timeout in (("dies", "0.1", "5"), ("silent", "100", "1")):
        command = f'command: [sh, -c, "{(serve % pause)}"]'.replace("\\", "\\\\")
        bench.apply(pod(name, f"{BUSYBOX}, {command}, {probe % timeout}"))
    bench.until(lambda: bench.messages("dies", "Unhealthy") and bench.messages("silent", "Unhealthy"))
    assert bench.messages("silent", "Unhealthy") == [
        "Readiness probe failed: timeout: health rpc did not complete within 1s: context deadline exceeded"
    ]
    failed = "rpc error: code = Unavailable desc = error reading from server: EOF"
    assert bench.messages("dies", "Unhealthy") == [f"Readiness probe failed: error: health rpc probe failed: {failed}"]


def test_the_logs_of_a_container_that_has_not_started_are_refused_in_the_apis_words(bench: Any) -> None:
    bench.apply(pod("badimg", 'image: "nosuch/image:1.0"'))
    bench.until(lambda: "ImagePullBackOff" in str(bench.pod("badimg")["status"]))
    with pytest.raises(
        ApiError, match='container "c" in pod "badimg" is waiting to start: trying and failing to pull image'
    ):
        bench.logs("badimg")


def test_an_exec_probe_that_fails_without_a_word_fails(bench: Any) -> None:
    bench.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: silent}
        spec:
          containers:
          - name: box
            image: busybox
            command: [sleep, "1000"]
            readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1}
        """
    )
    bench.pass_time(5)
    assert not bench.is_ready("silent")
    bench.shell("silent", "touch /tmp/ready")
    bench.ready("silent")
