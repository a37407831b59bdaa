"""Rules about the ways in: no door to the outside by accident, TLS on Ingresses, probes, and nobody missing behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podwalk.reviews.finding import Finding, Subject, Template
from podwalk.types import Object

INGRESSES = "ingresses.networking.k8s.io"
TLS_SECRET = "kubernetes.io/tls"


def exposure(subject: Subject) -> Iterator[Finding]:
    """Find what can be reached from outside of the cluster, past every Ingress."""
    for service in subject.objects("services"):
        yield from _exposed_service(service)
    for template in subject.templates():
        yield from _exposed_pods(template)


def _exposed_service(service: Object) -> Iterator[Finding]:
    spec, label = service["spec"], f"service/{service['metadata']['name']}"
    if spec.get("type") == "NodePort":
        ports = ", ".join(str(port["nodePort"]) for port in spec.get("ports") or () if port.get("nodePort"))
        why = f"every node takes connections for it, at port {ports}, from whoever reaches a node"
        yield Finding("exposure", label, "spec.type", why, "ClusterIP, with an Ingress or a Gateway before it")
    if spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerSourceRanges"):
        why = "its load balancer takes connections from every address"
        yield Finding(
            "exposure", label, "spec.loadBalancerSourceRanges", why, "list the ranges that may call, or use ClusterIP"
        )
    if spec.get("externalIPs"):
        why = "whoever may write a Service can catch the traffic to these addresses; the field is deprecated"
        yield Finding("exposure", label, "spec.externalIPs", why, "use a LoadBalancer or an Ingress")


def _exposed_pods(template: Template) -> Iterator[Finding]:
    if template.spec.get("hostNetwork"):
        why = "the Pods use their node's network: no NetworkPolicy applies to them"
        yield Finding("exposure", template.owner, f"{template.path}.hostNetwork", why, "leave it out")
    for number, container in enumerate(template.spec.get("containers") or ()):
        for index, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort") and not template.spec.get("hostNetwork"):
                path = f"{template.path}.containers[{number}].ports[{index}].hostPort"
                why = f"the node's own port {port['hostPort']} leads into the Pod"
                yield Finding("exposure", template.owner, path, why, "leave it out, and use a Service")


def endpoints(subject: Subject) -> Iterator[Finding]:
    """Find Services with nobody behind them, or whose target port no Pod has."""
    templates = list(subject.templates())
    for service in subject.objects("services"):
        selector = service["spec"].get("selector") or {}
        if not selector:
            continue
        label = f"service/{service['metadata']['name']}"
        behind = [template for template in templates if _selected(selector, template.labels)]
        made = any(_selected(selector, pod["metadata"].get("labels") or {}) for pod in subject.objects("pods"))
        if not behind and not made:
            why = "no Pod has these labels: every call is refused"
            yield Finding("endpoints", label, "spec.selector", why, "write the labels of the Pods, letter by letter")
            continue
        names = {port.get("name") for template in behind for port in _ports(template)}
        for index, port in enumerate(service["spec"].get("ports") or ()):
            target = port.get("targetPort")
            if behind and isinstance(target, str) and target not in names:
                why = f"no Pod behind it has a port named {target}: the Service has no endpoints for it"
                yield Finding(
                    "endpoints", label, f"spec.ports[{index}].targetPort", why, "a name that the Pods declare"
                )


def readiness(subject: Subject) -> Iterator[Finding]:
    """Find Pods behind a Service that nothing asks whether they are ready."""
    selectors = {
        service["metadata"]["name"]: service["spec"]["selector"]
        for service in subject.objects("services")
        if service["spec"].get("selector")
    }
    for template in subject.templates():
        containers = template.spec.get("containers") or ()
        behind = [name for name, selector in selectors.items() if _selected(selector, template.labels)]
        if behind and not any(container.get("readinessProbe") for container in containers):
            why = f"Service {behind[0]} sends it connections as soon as it runs, whether it can answer or not"
            path = f"{template.path}.containers[0].readinessProbe"
            yield Finding("readiness", template.owner, path, why, "ask it something that only a ready Pod can answer")


def tls(subject: Subject) -> Iterator[Finding]:
    """Find hosts of Ingresses that are served without TLS, or whose certificate is not there."""
    secrets = {secret["metadata"]["name"]: secret.get("type") for secret in subject.objects("secrets")}
    for ingress in subject.objects(INGRESSES):
        spec, label = ingress["spec"], f"ingress/{ingress['metadata']['name']}"
        entries = spec.get("tls") or ()
        for index, rule in enumerate(spec.get("rules") or ()):
            host = rule.get("host", "")
            if not any(_covers(entry, host) for entry in entries):
                why = f"{host or 'every host'} is served in clear text: anybody on the way reads and changes it"
                fix = f"an entry with hosts: [{host or '…'}] and the secretName of its certificate"
                yield Finding("tls", label, "spec.tls" if host else f"spec.rules[{index}].host", why, fix)
        for index, entry in enumerate(entries):
            name = entry.get("secretName", "")
            if name and secrets.get(name) != TLS_SECRET:
                there = f"is of the type {secrets[name]}" if name in secrets else "is not there"
                why = f"the Secret {name} {there}: the controller serves its own, fake certificate"
                path = f"spec.tls[{index}].secretName"
                yield Finding("tls", label, path, why, f"make a Secret of the type {TLS_SECRET}")


def _covers(entry: Mapping[str, Any], host: str) -> bool:
    names = entry.get("hosts") or ()
    parent = host.partition(".")[2]
    return (not names and bool(entry.get("secretName"))) or host in names or (bool(parent) and f"*.{parent}" in names)


def _ports(template: Template) -> Iterator[Mapping[str, Any]]:
    containers = [*(template.spec.get("containers") or ()), *(template.spec.get("initContainers") or ())]
    for container in containers:
        yield from container.get("ports") or ()


def _selected(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()
