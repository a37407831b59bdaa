"""kubectl's verbs do on every backend what they do on a real cluster."""

from __future__ import annotations

import copy
import json
import re
import shlex
import shutil
import subprocess

import pytest
from kubernetes.client import ApiClient, AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec

from podwalk.backends import rights
from podwalk.facade import Cluster, wire
from podwalk.facade.errors import LearnerError, ManifestError, NotFoundError, NotReadyError, RefusedError, WaitError
from podwalk.facade.kubectl import run

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:1.27\n"


def test_apply_says_created_unchanged_configured(cluster: Cluster) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}}
    assert repr(cluster.apply(config)) == "configmap/a created"
    assert repr(cluster.apply(config)) == "configmap/a unchanged"
    assert repr(cluster.apply(config | {"data": {"k": "2"}})) == "configmap/a configured"


def test_a_pod_with_a_toleration_can_be_applied_again(cluster: Cluster) -> None:
    pod = POD + "  tolerations:\n  - key: node-role.kubernetes.io/control-plane\n    operator: Exists\n"
    cluster.apply(pod)
    assert repr(cluster.apply(pod)) == "pod/web unchanged"
    tolerated = {one["key"] for one in cluster.get("pod/web").object["spec"]["tolerations"]}
    assert {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} < tolerated


def test_a_field_taken_out_of_the_manifest_goes_away(cluster: Cluster) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1", "l": "2"}}
    cluster.apply(config)
    cluster.apply(config | {"data": {"k": "1"}})
    assert cluster.get("cm/a").object["data"] == {"k": "1"}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("    image: nginx:1.27", "    imagee: nginx:1.27", 8),
        ("name: web\nspec", "name: Web_1\nspec", 4),
        ("    image: nginx:1.27", "    image: nginx:1.27\n    ports:\n    - containerPort: 99999", 10),
        ("    image: nginx:1.27", "    image: nginx:1.27\n    tty: 'yes'", 9),
    ],
    ids=["unknown field", "invalid name", "port out of range", "wrong type"],
)
def test_a_refused_manifest_names_the_line(cluster: Cluster, old: str, new: str, line: int) -> None:
    with pytest.raises(ManifestError) as caught:
        cluster.apply(POD.replace(old, new))
    assert caught.value.line == line


@pytest.mark.parametrize("word", ["y", "on", "off", "no"])
def test_a_word_that_yaml_reads_as_true_or_false_is_no_text(cluster: Cluster, word: str) -> None:
    with pytest.raises(ManifestError, match=r"metadata\.name must be text, and this is true/false") as caught:
        cluster.apply(POD.replace("name: web\nspec", f"name: {word}\nspec"))
    assert caught.value.line == 4
    with pytest.raises(ManifestError, match=r"expected string, got &value\.valueUnstructured") as caught:
        cluster.apply(POD + f"    env:\n    - name: A\n      value: {word}\n")
    assert (caught.value.line, "put it in quotes" in caught.value.hint) == (11, True)
    cluster.apply(POD + f"    env:\n    - name: A\n      value: '{word}'\n")


def test_numbers_and_times_are_read_as_kubectl_reads_them(cluster: Cluster) -> None:
    cluster.apply(POD + "    ports:\n    - containerPort: 8e1\n    env:\n    - {name: AT, value: 12:30:45}\n")
    container = cluster.get("pod/web").object["spec"]["containers"][0]
    assert (container["ports"][0]["containerPort"], container["env"][0]["value"]) == (80, "12:30:45")


def test_an_object_that_was_read_is_a_manifest(cluster: Cluster) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}})
    cluster.apply(POD)
    for name in ("configmap/a", "pod/web"):
        path = f"/api/v1/namespaces/{cluster.namespace}/{name.replace('/', 's/')}"
        read = wire.call(cluster.api, "GET", path)
        assert read["metadata"]["managedFields"]
        assert repr(cluster.apply(read)).startswith(name)
        read["metadata"]["labels"] = {"added": "here"}
        assert repr(cluster.apply(read)) == f"{name} configured"
    assert cluster.get("configmap/a").object["metadata"]["labels"] == {"added": "here"}
    kept = cluster.get("configmap/a").object
    cluster.delete("configmap/a")
    assert repr(cluster.apply(kept)) == "configmap/a created"


def test_a_missing_namespace_is_named(cluster: Cluster) -> None:
    with pytest.raises(NotFoundError, match='there is no namespace "nowhere"'):
        cluster.apply(POD, namespace="nowhere")


def test_get_prints_the_servers_table(shop: Cluster) -> None:
    lines = repr(shop.get("pods", selector="app=backend")).splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert all(re.match(r"backend-[a-z0-9]+-[a-z0-9]{5} +1/1 +Running +0 +\d+s$", line) for line in lines[1:])
    assert len(lines) == 4


def test_short_names_and_wide_columns(shop: Cluster) -> None:
    assert shop.get("svc", "backend").object["kind"] == "Service"
    wide = shop.get("deploy", wide=True)
    assert wide.header[-3:] == ("CONTAINERS", "IMAGES", "SELECTOR")
    assert wide.rows[0][-3:] == ("web", "hashicorp/http-echo:1.0", "app=backend")


def test_what_is_not_there_is_not_found(cluster: Cluster) -> None:
    with pytest.raises(NotFoundError, match='pods "nobody" not found'):
        cluster.get("pod/nobody")
    with pytest.raises(NotFoundError, match='resource type "pdo"'):
        cluster.get("pdo")


def test_exec_separates_the_streams_and_keeps_the_exit_code(shop: Cluster) -> None:
    output = shop.exec("client", "echo out; echo err >&2; exit 3")
    assert (output.stdout, output.stderr, output.exit_code) == ("out\n", "err\n", 3)
    assert shop.exec("client", ["echo", "a  b"]).stdout == "a  b\n"


def test_exec_finds_a_pod_of_a_deployment(shop: Cluster) -> None:
    with pytest.raises(RefusedError, match="could not be run"):
        shop.exec("deployment/backend", ["no-such-program"])


def test_exec_in_a_pod_that_cannot_start_says_why(cluster: Cluster) -> None:
    cluster.apply(POD.replace("nginx:1.27", "nginx:no-such-tag"))
    cluster.wait("pod/web", "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImagePull")
    with pytest.raises(NotReadyError, match=r'Pod "web" cannot run a command now: (ErrImagePull|ImagePullBackOff)'):
        cluster.exec("web", "true")


def test_a_command_that_takes_too_long_is_given_up(shop: Cluster) -> None:
    with pytest.raises(WaitError, match="did not end within 1 s"):
        shop.exec("client", "sleep 3", timeout_s=1)


def test_waiting_in_vain_says_what_is_lacking(cluster: Cluster) -> None:
    cluster.apply(POD.replace("nginx:1.27", "nginx:no-such-tag"))
    with pytest.raises(WaitError, match="containers with unready status"):
        cluster.wait("pod/web", "condition=Ready", timeout_s=2)


def test_a_name_with_a_colon_is_no_manifest(cluster: Cluster) -> None:
    name = f"system:{cluster.namespace}"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    for what in (f"clusterrole/{name}", json.dumps(role)):
        cluster.apply(role)
        assert [entry.change for entry in cluster.delete(what)] == ["deleted"]
        assert name not in cluster.get("clusterroles").names


def test_delete_returns_when_the_object_is_gone(shop: Cluster) -> None:
    assert repr(shop.delete("pod/client")) == "pod/client deleted"
    assert "client" not in shop.get("pods").names
    assert repr(shop.delete("pod/client")) == ""


@pytest.mark.parametrize("what", ["pod", "pods/", POD.replace("name: web\nspec", "generateName: web-\nspec")])
def test_delete_without_a_name_deletes_nothing(shop: Cluster, what: str) -> None:
    before = shop.get("pods").names
    with pytest.raises(LearnerError, match="which pod is to be deleted"):
        shop.delete(what)
    assert shop.get("pods").names == before


def test_delete_returns_although_a_controller_makes_the_object_anew(cluster: Cluster) -> None:
    cluster.wait("serviceaccount/default", "create")
    for _ in range(3):
        assert repr(cluster.delete("serviceaccount/default", timeout_s=20.0)) == "serviceaccount/default deleted"
        cluster.wait("serviceaccount/default", "create")


def test_events_tell_a_pods_story(shop: Cluster) -> None:
    reasons = [event["reason"] for event in shop.events(about="pod/client")]
    assert reasons[0] == "Scheduled"
    assert {"Scheduled", "Created", "Started"} <= set(reasons)


def test_logs_are_what_the_container_wrote(cluster: Cluster) -> None:
    cluster.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec:\n  terminationGracePeriodSeconds: 1\n"
        "  containers:\n  - {name: c, image: 'busybox:1.36', command: [sh, -c, echo one; echo two; sleep 1000]}\n"
    )
    cluster.wait("pod/w", "condition=Ready")
    assert cluster.logs("w", tail=1) == "two\n"


def test_kubectl_words_reach_the_same_cluster(shop: Cluster) -> None:
    run(shop, "kubectl scale deployment/backend --replicas=2")
    run(shop, "kubectl rollout status deployment/backend")
    assert run(shop, "kubectl get deployment backend -o jsonpath='{.status.replicas}'") == "2"
    assert str(run(shop, "kubectl get svc backend -o name")) == "service/backend"
    with pytest.raises(LearnerError):
        run(shop, "kubectl frobnicate")


@pytest.mark.parametrize(
    "command",
    [
        "get deployment,svc", "get all", "get svc backend -o yaml", "get svc backend -o json", "get pods -o wide",
        "get svc backend -o jsonpath={.spec.selector}{.spec.ports}{.spec.clusterIPs}",
        "get deployment -o jsonpath='{range .items[*]}{.metadata.name}:{.spec.replicas}{\"\\n\"}{end}'",
        """get pods -o jsonpath='{.items[?(@.metadata.name=="client")].status.phase}'""",
        "get pods -o jsonpath={..containerPort}", "get pods -L app -L none,example.com/other",
        "get pods --sort-by=.metadata.name", "get pods --field-selector=metadata.name=client", "get pods --show-labels",
        "get deployment,svc --no-headers", "get pods --no-headers", "logs -l app=backend",
        "get pods -o custom-columns=N:.metadata.name,L:metadata.labels,P:.spec.containers[*].ports,H:{.spec.x}",
        "api-resources", "api-resources -o wide", "api-resources --namespaced=false -o name --api-group=",
        "explain svc", "explain service.spec.type", "explain deployment.spec.template.spec.containers.resources.limits",
        "explain pod.spec.containers", "explain ingress.spec.rules.http.paths", "explain job.spec.template",
        "rollout status deployment/backend",
        "rollout status daemonset/kube-proxy --namespace=kube-system",
    ],
)  # fmt: skip
def test_a_command_prints_what_the_real_kubectl_prints(shop: Cluster, command: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None or shop.kubectl is None:
        pytest.skip("there is no kubectl, or no way for it to this cluster")
    run(shop, "kubectl rollout status deployment/backend")
    words = [kubectl, *shop.kubectl, "--namespace", shop.namespace, *shlex.split(command)]
    real = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    ours, theirs = ages(str(run(shop, command))), ages(real)
    if command.startswith("logs"):
        # kubectl asks one Pod after the other in the order of a map of Go's, which is none.
        ours, theirs = sorted(ours), sorted(theirs)
    assert ours == theirs


@pytest.mark.parametrize(
    "commands",
    [
        ["label {} tier=front", "label {} tier=front", "label {} tier=back --overwrite", "label {} tier-"],
        ["annotate {} why=so", "annotate {} why=so", "annotate {} --overwrite why=no", "annotate {} why-"],
        ["patch {} -p '{{\"data\": {{\"a\": \"1\"}}}}'", "patch {} -p 'data: {{a: \"1\"}}' --type=merge",
         "patch {} --type=json -p '[{{\"op\": \"add\", \"path\": \"/data/b\", \"value\": \"2\"}}]'"],
        ["delete {}"],
    ],
)  # fmt: skip
def test_a_command_that_changes_says_what_the_real_kubectl_says(cluster: Cluster, commands: list[str]) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None or cluster.kubectl is None:
        pytest.skip("there is no kubectl, or no way for it to this cluster")
    for name in ("ours", "real"):
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    for command in commands:
        words = [kubectl, *cluster.kubectl, "--namespace", cluster.namespace]
        words += shlex.split(command.format("configmap/real"))
        real = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        ours = str(run(cluster, command.format("configmap/ours")))
        if command.startswith("delete"):
            assert (ours, real.split(" from ")[0].strip()) == ("configmap/ours deleted", 'configmap "real" deleted')
        else:
            assert ours == real.strip().replace("real", "ours")


def test_an_image_is_set_and_an_unknown_container_named(shop: Cluster) -> None:
    assert (
        str(run(shop, "set image deployment/backend *=hashicorp/http-echo:0.2.3"))
        == "deployment.apps/backend image updated"
    )
    template = shop.get("deployment/backend").object["spec"]["template"]
    assert [one["image"] for one in template["spec"]["containers"]] == ["hashicorp/http-echo:0.2.3"]
    with pytest.raises(NotFoundError, match='unable to find container named "nope"'):
        run(shop, "set image deployment/backend nope=nginx")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("get pods | grep web", "is the shell's"),
        ("get pods 'web", "no closing quotation"),
        ("exec -it client -- sh", "has no terminal"),
        ("label pod tier=front", "which pod"),
        ("label pods tier=front --nonsense", "unrecognized arguments: --nonsense"),
        ("apply -f shop.yaml", "kubectl apply is not understood here"),
        ("label pod client app=other", "already has a value"),
    ],
)
def test_a_mistake_in_a_command_is_told(shop: Cluster, command: str, says: str) -> None:
    with pytest.raises(LearnerError, match=re.escape(says)):
        run(shop, command)


def ages(printed: str) -> list[str]:
    """Leave out the ages, and the width of their column: two commands are not run at one moment."""
    return [re.sub(r" +", " ", re.sub(r"\b(\d+[dhms])+\b", "AGE", line)).strip() for line in printed.splitlines()]


def test_kubectl_changes_what_a_selector_names(shop: Cluster) -> None:
    run(shop, "kubectl label pods -l app=backend seen=yes")
    assert len(shop.get("pods", selector="seen=yes").names) == 3
    before = set(shop.get("pods", selector="app=backend").names)
    run(shop, "kubectl delete pods -l app=backend")
    shop.wait("deployment/backend", "jsonpath={.status.availableReplicas}=3")
    assert not before & set(shop.get("pods", selector="app=backend").names)
    assert shop.get("pod/client").object["metadata"].get("labels", {}).get("seen") is None


def test_the_rights_of_a_user_are_what_the_server_says(cluster: Cluster, backend: str) -> None:
    if not backend.startswith("kind"):
        pytest.skip("the embedded cluster has one user, who may do everything")
    wanted = rights.needed(cluster.namespace)
    assert list(rights.lacking(cluster.api, wanted)) == []
    cluster.wait("serviceaccount/default", "create")
    spec = V1TokenRequestSpec(audiences=[])
    token = CoreV1Api(cluster.api).create_namespaced_service_account_token(
        "default", cluster.namespace, AuthenticationV1TokenRequest(spec=spec)
    )
    assert token.status is not None
    theirs = copy.copy(cluster.api.configuration)
    theirs.cert_file = theirs.key_file = None
    theirs.api_key = {"authorization": f"Bearer {token.status.token}"}
    assert list(rights.lacking(ApiClient(theirs), wanted)) == list(wanted)
