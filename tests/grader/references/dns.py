"""Reference answers of the assignment `dns`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way, apply

FULL_LIST = "searches: [tools.svc.cluster.local, svc.cluster.local, cluster.local]"
OWN_SETTINGS = (
    "  dnsPolicy: None\n  dnsConfig:\n    nameservers: [10.96.0.10]\n"
    "    searches: [shop.svc.cluster.local, svc.cluster.local]\n    options: [{name: ndots, value: '2'}]\n"
)
ONE_BLOCK = """
corefile = cluster.get("configmap/coredns", namespace="kube-system").object["data"]["Corefile"]
lines = ["forward corp.example 10.96.0.100", "rewrite name suffix .old.example .db.shop.svc.cluster.local answer auto"]
corefile = corefile.replace("    ready\\n", "    ready\\n" + "".join(f"    {line}\\n" for line in lines), 1)
cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
               "data": {"Corefile": corefile}})
"""
TWO_BLOCKS = '''
corefile = cluster.get("configmap/coredns", namespace="kube-system").object["data"]["Corefile"]
more = """
corp.example {
    forward corp.example 10.96.0.100
}
old.example {
    rewrite name regex (.*)\\\\.old\\\\.example {1}.db.shop.svc.cluster.local answer auto
    kubernetes cluster.local
}
"""
cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
               "data": {"Corefile": corefile + more}})
'''
WAYS: Mapping[str, Way] = {
    "named afterwards, settings of its own, one block": {
        "members-answer": (
            Edit("  - name: postgres\n    port: 5432", "  - port: 5432"),
            Edit("  replicas: 2\n", "  replicas: 2\n  podManagementPolicy: Parallel\n"),
        ),
        "port-answer": apply(
            "\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\n"
            "spec: {clusterIP: None, selector: {app: db}, ports: [{name: postgres, port: 5432}]}\n"
        ),
        "alias-answer": """
from kubernetes import client

client.CoreV1Api(cluster.api).create_namespaced_service("shop", {
    "metadata": {"name": "docs"}, "spec": {"type": "ExternalName", "externalName": "example.com"}})
""",
        "search-answer": Edit("  dnsConfig:\n    searches:\n    - shop.svc.cluster.local\n", OWN_SETTINGS),
        "questions-answer": Edit('value: "2"', 'value: "1"'),
        "mend-answer": Edit("spec:\n  containers", "spec:\n  dnsPolicy: ClusterFirst\n  containers"),
        "company-answer": ONE_BLOCK,
    },
    "a Service that publishes early, more than asked for, the whole list by hand, two blocks": {
        "members-answer": Edit("  clusterIP: None\n", "  clusterIP: None\n  publishNotReadyAddresses: true\n"),
        "port-answer": apply(
            "\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec:\n  clusterIP: None\n"
            "  selector: {app: db}\n"
            "  ports: [{name: postgres, port: 5432}, {name: metrics, port: 9100, targetPort: 5432}]\n"
        ),
        "alias-answer": Edit("  externalName: example.com", "  externalName: example.com\n  ports: [{port: 443}]"),
        "search-answer": Edit("    - shop.svc", "    - example.com\n    - shop.svc"),
        "questions-answer": Edit(
            "spec:\n  dnsConfig:\n",
            f"spec:\n  dnsPolicy: None\n  dnsConfig:\n    nameservers: [10.96.0.10]\n    {FULL_LIST}\n",
        ),
        "mend-answer": Edit(
            "spec:\n  containers",
            f"spec:\n  dnsPolicy: None\n  dnsConfig: {{nameservers: [10.96.0.10], {FULL_LIST}}}\n  containers",
        ),
        "company-answer": TWO_BLOCKS,
    },
}

FULL = {"members": 4.0, "port": 2.0, "alias": 2.0, "search": 3.0, "questions": 3.0, "mend": 2.0, "company": 3.0}

MISTAKES: Mapping[str, Mistake] = {
    "no serviceName": (
        "members-answer",
        "  serviceName: db\n",
        "",
        {"members": 2.0, "search": 1.0, "questions": 2.0, "mend": 0.0, "company": 2.0},
    ),
    "the port has no name": ("members-answer", "  - name: postgres\n    port", "  - port", {"port": 0.0}),
    "an alias of something else": ("alias-answer", "example.com", "example.org", {"alias": 1.0}),
    "as many dots as by default": ("questions-answer", 'value: "2"', 'value: "5"', {"questions": 2.0}),
    "the node's DNS": (
        "questions-answer",
        "spec:\n  dnsConfig",
        "spec:\n  dnsPolicy: Default\n  dnsConfig",
        {"questions": 2.0},
    ),
    "the same wrong server again": (
        "mend-answer",
        "spec:\n  containers",
        "spec:\n  dnsPolicy: None\n  dnsConfig: {nameservers: [10.96.0.11]}\n  containers",
        {"mend": 0.0},
    ),
    "no search list": (
        "mend-answer",
        "spec:\n  containers",
        "spec:\n  dnsPolicy: None\n  dnsConfig: {nameservers: [10.96.0.10]}\n  containers",
        {"mend": 0.0},
    ),
    "a list instead of the company's server": (
        "company-answer",
        "forward . 10.96.0.100",
        "hosts {\n        192.0.2.80 intranet.corp.example\n    }",
        {"company": 2.0},
    ),
    "a plugin that is not there": ("company-answer", "forward . 10", "forwards . 10", {"company": 0.0}),
    "an address where nobody answers": (
        "company-answer",
        "forward . 10.96.0.100",
        "forward . 10.96.0.99",
        {"company": 1.0},
    ),
    "no name rewritten": ("company-answer", "db-0.old.example db-0", "db-0.old.test db-0", {"company": 2.0}),
    "the wrong search domain": ("search-answer", "- shop.svc", "- shop", {"search": 1.0}),
    "one member": ("members-answer", "replicas: 2", "replicas: 1", {"members": 2.0, "search": 2.0}),
    "the Service has another name": (
        "members-answer",
        "kind: Service\nmetadata:\n  name: db\n",
        "kind: Service\nmetadata:\n  name: database\n",
        {"members": 2.0, "port": 0.0, "search": 1.0, "questions": 2.0, "mend": 0.0, "company": 2.0},
    ),
    "a misspelt alias": ("alias-answer", "name: docs", "name: doc", {"alias": 0.0}),
    "a misspelt Pod": ("search-answer", "name: admin", "name: admins", {"search": 0.0}),
    "another Pod": ("questions-answer", "name: crawler", "name: crawlers", {"questions": 0.0}),
    "a reporter of another name": (
        "mend-answer",
        "metadata:\n  name: reporter",
        "metadata:\n  name: reporters",
        {"mend": 0.0},
    ),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES)
