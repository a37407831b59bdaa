"""What containers find in their files and environment."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green, "app.conf": "a=1\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
data: {password: czNjcmV0}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: web, tier: front}, annotations: {note: "two words"}}
spec:
  hostname: ana
  subdomain: sub
  hostAliases: [{ip: 10.1.2.3, hostnames: [db.local, db]}]
  containers:
  - name: one
    image: busybox
    command: [sh, -c, "echo $(GREETING) > /shared/out; sleep 1000"]
    env:
    - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: hidden, key: password}}}
    - {name: ABSENT, valueFrom: {configMapKeyRef: {name: settings, key: none, optional: true}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
    - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
    - {name: GREETING, value: "hello $(COLOUR) $$(COLOUR) $(NOBODY)"}
    envFrom: [{prefix: S_, configMapRef: {name: settings}}]
    resources: {limits: {cpu: 250m, memory: 64Mi}}
    volumeMounts:
    - {name: shared, mountPath: /shared}
    - {name: settings, mountPath: /etc/settings}
    - {name: settings, mountPath: /etc/one.conf, subPath: app.conf}
    - {name: hidden, mountPath: /etc/hidden}
    - {name: about, mountPath: /etc/about}
    - {name: all, mountPath: /etc/all}
  - name: two
    image: busybox
    command: [sleep, "1000"]
    volumeMounts: [{name: shared, mountPath: /data}]
  volumes:
  - {name: shared, emptyDir: {}}
  - {name: settings, configMap: {name: settings}}
  - {name: hidden, secret: {secretName: hidden, items: [{key: password, path: deep/pw}]}}
  - {name: about, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  - name: all
    projected:
      sources:
      - {configMap: {name: settings, items: [{key: colour, path: c}]}}
      - {secret: {name: hidden}}
"""


@pytest.fixture
def pod(bench: Any) -> Any:
    bench.apply(MANIFESTS)
    bench.ready("p")
    return bench


def env(pod: Any) -> dict[str, str]:
    return dict(line.split("=", 1) for line in pod.exec("p", "env", container="one").stdout.splitlines() if "=" in line)


def test_the_environment_comes_from_configmaps_secrets_and_the_pod(pod: Any) -> None:
    found = env(pod)
    assert (found["COLOUR"], found["PASSWORD"], found["TIER"], found["CPU"]) == ("green", "s3cret", "front", "250")
    assert found["NODE"] == pod.pod("p")["spec"]["nodeName"]
    assert found["IP"] == pod.pod("p")["status"]["podIP"]
    assert "ABSENT" not in found
    assert found["S_colour"] == "green"


def test_references_in_values_and_commands_are_expanded_once(pod: Any) -> None:
    assert env(pod)["GREETING"] == "hello green $(COLOUR) $(NOBODY)"
    assert pod.exec("p", "cat", "/data/out", container="two").stdout == "hello green\n"


def test_an_empty_dir_is_shared_by_the_containers_of_the_pod(pod: Any) -> None:
    pod.shell("p", "echo x > /shared/new", container="one")
    assert pod.exec("p", "cat", "/data/new", container="two").stdout == "x\n"


def test_configmaps_and_secrets_are_files(pod: Any) -> None:
    assert pod.exec("p", "cat", "/etc/settings/colour", container="one").stdout == "green"
    assert pod.exec("p", "cat", "/etc/hidden/deep/pw", container="one").stdout == "s3cret"
    assert pod.exec("p", "ls", "/etc/all", container="one").stdout == "c\npassword\n"
    assert 'tier="front"' in pod.exec("p", "cat", "/etc/about/labels", container="one").stdout


def test_a_configmap_volume_is_read_only(pod: Any) -> None:
    output = pod.shell("p", "echo y > /etc/settings/colour", container="one")
    assert "Read-only file system" in output.stderr


def test_a_changed_configmap_reaches_its_files_after_a_while_but_not_a_sub_path(pod: Any) -> None:
    pod.change("ConfigMap", "settings", {"data": {"colour": "red", "app.conf": "a=2\n"}})
    assert pod.exec("p", "cat", "/etc/settings/colour", container="one").stdout == "green"
    pod.pass_time(60)
    assert pod.exec("p", "cat", "/etc/settings/colour", container="one").stdout == "red"
    assert pod.exec("p", "cat", "/etc/one.conf", container="one").stdout == "a=1\n"


def test_hostname_subdomain_and_aliases_are_in_etc(pod: Any) -> None:
    ip = pod.pod("p")["status"]["podIP"]
    hosts = pod.exec("p", "cat", "/etc/hosts", container="one").stdout
    assert f"{ip}\tana.sub.default.svc.cluster.local\tana\n" in hosts
    assert "# Entries added by HostAliases.\n10.1.2.3\tdb.local\tdb\n" in hosts
    assert pod.exec("p", "hostname", container="one").stdout == "ana\n"


def test_a_service_account_token_is_mounted(pod: Any) -> None:
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    token = pod.exec("p", "cat", f"{folder}/token", container="one").stdout
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["sub"] == "system:serviceaccount:default:default"
    assert pod.exec("p", "cat", f"{folder}/namespace", container="one").stdout == "default"


def test_dns_policy_and_config_decide_resolv_conf(bench: Any) -> None:
    bench.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: d}\nspec:\n  dnsPolicy: None\n  dnsConfig: {nameservers:"
        " [192.0.2.9], searches: [a.test], options: [{name: ndots, value: '2'}, {name: edns0}]}\n  containers: [{name:"
        " c, image: busybox, command: [sleep, '1000']}]\n"
    )
    bench.ready("d")
    assert (
        bench.exec("d", "cat", "/etc/resolv.conf").stdout
        == "search a.test\nnameserver 192.0.2.9\noptions ndots:2 edns0\n"
    )


def test_a_read_only_root_can_be_read_but_not_written(bench: Any) -> None:
    bench.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: ro}\nspec:\n  containers: [{name: c, image: busybox, command:"
        " [sleep, '1000'], securityContext: {readOnlyRootFilesystem: true}}]\n"
    )
    bench.ready("ro")
    assert "Read-only file system" in bench.shell("ro", "echo x > /x").stderr
    assert bench.shell("ro", "echo x > /dev/null").code == 0


HOST = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  nodeName: podwalk-worker
  containers:
  - {name: c, image: busybox, command: [sleep, "1000"], volumeMounts: [{name: data, mountPath: /data}]}
  volumes: [{name: data, hostPath: {path: PATH, type: TYPE}}]
"""


def on_host(name: str, path: str, kind: str) -> str:
    return HOST.replace("NAME", name).replace("PATH", path).replace("TYPE", kind)


def test_a_path_of_the_node_outlives_the_pod(bench: Any) -> None:
    bench.apply(on_host("first", "/var/shop", "DirectoryOrCreate"))
    bench.ready("first")
    bench.shell("first", "echo kept > /data/file")
    bench.delete("Pod", "first", gracePeriodSeconds="0")
    bench.apply(on_host("second", "/var/shop", "Directory"))
    bench.ready("second")
    assert bench.exec("second", "cat", "/data/file").stdout == "kept\n"


def test_a_path_of_the_node_that_is_not_there_is_said(bench: Any) -> None:
    bench.apply(on_host("absent", "/nothing", "Directory"))
    bench.until(lambda: bool(bench.messages("absent", "FailedMount")))
    assert bench.messages("absent", "FailedMount") == [
        'MountVolume.SetUp failed for volume "data" : hostPath type check failed: /nothing is not a directory'
    ]


def test_container_of_another_user_starts_and_cannot_write_what_is_root_s(bench: Any) -> None:
    bench.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: plain-user}
        spec:
          securityContext: {runAsUser: 1000, runAsGroup: 3000}
          containers:
          - {name: box, image: busybox, command: [sleep, "1000"]}
        """
    )
    bench.ready("plain-user")
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    output = bench.shell("plain-user", f"id -u; id -g; ls {token}; echo x > /etc/x")
    assert output.stdout == "1000\n3000\nca.crt\nnamespace\ntoken\n"
    assert "ermission denied" in output.stderr
