"""Reference answers of the assignment `ingress`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way, apply


def rule(host: str, service: str, path: str = "/", kind: str = "Prefix") -> str:
    """Return a rule of an Ingress."""
    backend = f"{{service: {{name: {service}, port: {{number: 80}}}}}}"
    return f"  - {{host: {host}, http: {{paths: [{{path: '{path}', pathType: {kind}, backend: {backend}}}]}}}}\n"


def an_ingress(name: str, rules: str, notes: str = "", more: str = "") -> str:
    """Return an Ingress of the class nginx with annotations."""
    notes = "".join(f"\n    nginx.ingress.kubernetes.io/{note}" for note in notes.split(";") if note)
    return f"""
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: shop
  annotations:
    example.org/why: another way{notes}
spec:
  ingressClassName: nginx
{more}  rules:
{rules}"""


def a_route(name: str, host: str, rules: str, section: str = "web", gateway: str = "shop") -> str:
    """Return an HTTPRoute."""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{name: {gateway}, sectionName: {section}}}]
  hostnames: [{host}]
  rules:
{rules}"""


def a_server(name: str, conf: str, secrets: str, port: int) -> str:
    """Return an nginx of one's own with a Service; the Secrets are mounted at their names."""
    names = secrets.split()
    mounts = "".join(f", {{name: {one}, mountPath: /etc/{one}}}" for one in names)
    volumes = "".join(f", {{name: {one}, secret: {{secretName: {one}}}}}" for one in names)
    text = "".join(f"    {line}\n" for line in conf.strip().splitlines())
    return f"""
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: shop}}
data:
  default.conf: |
{text}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: nginx
        image: nginx:1.27
        volumeMounts: [{{name: conf, mountPath: /etc/nginx/conf.d}}{mounts}]
      volumes: [{{name: conf, configMap: {{name: {name}}}}}{volumes}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{selector: {{app: {name}}}, ports: [{{port: {port}}}]}}
"""


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: web, port: 80, protocol: HTTP}
  - {name: secure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop-tls}]}}
"""
TO_API = "  - {matches: [{path: {value: /api}}], backendRefs: [{name: api, port: 80}]}\n"
TO_WEB = "  - {backendRefs: [{name: web, port: 80}]}\n"
TO_HTTPS = "  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, port: 443, statusCode: 301}}]\n"
TO_ORDERS = "  - {matches: [{path: {type: PathPrefix, value: /orders}}], backendRefs: [{name: api, port: 80}]}\n"
TLS = "  tls: [{hosts: [shop.example], secretName: shop-tls}]\n"
GONE = '\ncluster.delete("ingress/partners", namespace="shop")'

PROXY = """
server {
    listen 80;
    location /shop-api/ {
        proxy_pass http://api/;
        proxy_set_header X-Forwarded-Prefix /shop-api;
    }
}
"""
GUARD = """
server {
    listen 80;
    auth_basic "staff";
    auth_basic_user_file /etc/staff/auth;
    location / {
        proxy_pass http://web;
    }
}
"""
ASKING = """
server {
    listen 443 ssl;
    ssl_certificate /etc/bank-tls/tls.crt;
    ssl_certificate_key /etc/bank-tls/tls.key;
    ssl_client_certificate /etc/partners-ca/ca.crt;
    ssl_verify_client optional;
    location / {
        if ($ssl_client_verify != SUCCESS) { return 403; }
        proxy_pass http://api;
    }
}
"""
ASKED_BY_CONTROLLER = apply(
    an_ingress(
        "bank",
        rule("bank.example", "api"),
        "auth-tls-secret: shop/partners-ca;auth-tls-verify-client: 'on';force-ssl-redirect: 'true'",
        "  tls: [{hosts: [bank.example], secretName: bank-tls}]\n",
    )
)
WAYS: Mapping[str, Way] = {
    "an Ingress more for the same host, servers of one's own behind the controller": {
        "hosts-answer": apply(
            an_ingress("a", rule("shop.example", "web") + rule("api.shop.example", "api"))
            + an_ingress("b", rule("shop.example", "api", "/api"))
        ),
        "tls-answer": apply(an_ingress("a", rule("shop.example", "web") + rule("api.shop.example", "api"), more=TLS)),
        # The later tasks need the Gateway that the reference answer makes here.
        "rewrite-answer": apply(
            GATEWAY + a_server("old", PROXY, "", 80) + an_ingress("old", rule("old.example", "old", "/shop-api"))
        ),
        "staff-answer": apply(
            a_server("guard", GUARD, "staff", 80) + an_ingress("guard", rule("staff.example", "guard"))
        ),
        "canary-answer": (Edit("weight: 3", "weight: 30"), Edit("weight: 1", "weight: 10")),
        "gateway-answer": apply(
            a_route("orders", "partners.example", TO_ORDERS) + a_route("rest", "partners.example", TO_WEB)
        )
        + GONE,
        "bank-answer": apply(a_server("bank", ASKING, "bank-tls partners-ca", 443)),
    },
    "routes alone": {
        "hosts-answer": apply(
            GATEWAY
            + a_route("shop", "shop.example", TO_API + TO_WEB)
            + a_route("api", "api.shop.example", TO_WEB.replace("web", "api"))
        ),
        "tls-answer": apply(
            a_route("shop", "shop.example", TO_HTTPS) + a_route("secure", "shop.example", TO_API + TO_WEB, "secure")
        ),
        # The Gateway is there, with its second listener.
        "rewrite-answer": (
            Edit(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n"
                "  name: shop\n  namespace: shop\nspec:\n  gatewayClassName: traefik\n  listeners:\n"
                "  - name: web\n    port: 80\n    protocol: HTTP\n---\n",
                "",
            ),
            Edit("        set:\n", "        add:\n"),
        ),
        "staff-answer": apply(
            an_ingress(
                "staff", rule("staff.example", "web"), "auth-type: basic;auth-secret: shop/staff;auth-realm: rota"
            )
        ),
        "canary-answer": (Edit("weight: 3", "weight: 75"), Edit("weight: 1", "weight: 25")),
        "gateway-answer": apply(
            GATEWAY.replace("name: shop,", "name: partners,")
            + a_route("partners", "partners.example", TO_ORDERS + TO_WEB, gateway="partners")
        )
        + GONE,
    },
}
BY_ANNOTATIONS: Way = {
    "rewrite-answer": apply(
        GATEWAY
        + an_ingress(
            "old",
            rule("old.example", "api", "/shop-api(/|$)(.*)", "ImplementationSpecific"),
            "use-regex: 'true';rewrite-target: /$2;x-forwarded-prefix: /shop-api",
        )
    ),
    "canary-answer": apply(
        an_ingress("beta", rule("beta.example", "web"))
        + an_ingress("beta-next", rule("beta.example", "web-next"), "canary: 'true';canary-weight: '25'")
    ),
    "bank-answer": ASKED_BY_CONTROLLER,
}
"""Right with a controller that knows these annotations: the embedded one, Traefik from 3.7 on."""

BY_CONTROLLER = {
    # Traefik 3.6 passes these annotations over.
    "by annotations": frozenset({"rewrite", "canary", "bank"}),
    # A controller of its own serves a Gateway on the embedded cluster, at an address of its own. Where one Traefik
    # serves both APIs at one port, their routes compete, and it takes an Ingress's path `/` for every host, of priority
    # 15 (the length of its rule), before a route for beta.example, of 13 (that of host and path): nobody gets to the
    # canary then. With two controllers, or a longer name, it would not be so.
    "every host": frozenset({"canary"}),
    # What `ImplementationSpecific` means is the controller's own matter: letters to nginx, whole parts to Traefik.
    "a prefix of letters": frozenset({"hosts"}),
    # Traefik 3.6 serves everybody where the Secret is not there; ingress-nginx serves nobody.
    "the users of another Secret": frozenset({"staff"}),
    # Traefik 3.6 leaves an Ingress out whole whose certificate is not there; ingress-nginx shows one of its own.
    "a Secret that is not there": frozenset({"hosts", "tls"}),
}

FULL = {"hosts": 5.0, "tls": 3.0, "rewrite": 3.0, "staff": 3.0, "canary": 3.0, "gateway": 4.0, "bank": 4.0}

PATHS = ("hosts-answer", "tls-answer")

MISTAKES: Mapping[str, Mistake] = {
    "Exact instead of Prefix": (
        PATHS,
        "/api\n        pathType: Prefix",
        "/api\n        pathType: Exact",
        {"hosts": 3.0},
    ),
    "a prefix of letters": (
        PATHS,
        "/api\n        pathType: Prefix",
        "/api\n        pathType: ImplementationSpecific",
        {"hosts": 4.0},
    ),
    "the second host is forgotten": (PATHS, "- host: api.shop.example", "- host: api.example", {"hosts": 4.0}),
    # The bank's host is one of them: whoever asks the controller for it reaches `api` without a certificate.
    "every host": (PATHS, "  - host: api.shop.example\n    http", "  - http", {"hosts": 4.0, "bank": 1.0}),
    "the wrong class": (PATHS, "ingressClassName: nginx", "ingressClassName: ngnix", {"hosts": 0.0, "tls": 0.0}),
    "a Secret that is not there": (("tls-answer",), "secretName: shop-tls", "secretName: shop", {"tls": 1.0}),
    "no TLS": (("tls-answer",), "  tls:\n  - hosts: [shop.example]\n    secretName: shop-tls\n", "", {"tls": 0.0}),
    "the prefix is replaced by another": (
        ("rewrite-answer",),
        "replacePrefixMatch: /\n",
        "replacePrefixMatch: /v1\n",
        {"rewrite": 2.5},
    ),
    "another header": (("rewrite-answer",), "name: X-Forwarded-Prefix", "name: X-Prefix", {"rewrite": 2.5}),
    "no password": (("staff-answer",), "auth-type: basic", "auth-realm: basic", {"staff": 1.0}),
    "the users of another Secret": (("staff-answer",), "auth-secret: staff", "auth-secret: stuff", {"staff": 0.0}),
    "half and half": (("canary-answer",), "weight: 3", "weight: 1", {"canary": 1.5}),
    "no canary": (("canary-answer",), "weight: 1", "weight: 0", {"canary": 0.0}),
    "no certificate is wanted": (("bank-answer",), "ssl_verify_client on", "ssl_verify_client off", {"bank": 1.0}),
    "it is asked for and not wanted": (
        ("bank-answer",),
        "ssl_verify_client on",
        "ssl_verify_client optional",
        {"bank": 1.0},
    ),
    "the server's own as the authority": (
        ("bank-answer",),
        "ssl_client_certificate /etc/partners/ca.crt",
        "ssl_client_certificate /etc/bank/tls.crt",
        {"bank": 0.0},
    ),
    "the Ingress is left": (
        ("gateway-answer",),
        'cluster.delete("ingress/partners", namespace="shop")',
        "",
        {"gateway": 3.0},
    ),
    "a Gateway that is not there": (("gateway-answer",), "- name: shop\n", "- name: store\n", {"gateway": 0.25}),
    "a backend that is not there": (("gateway-answer",), "name: api\n", "name: apis\n", {"gateway": 0.5}),
    "a Service that is not there": (
        "rewrite-answer",
        "backendRefs:\n    - name: api\n",
        "backendRefs:\n    - name: apis\n",
        {"rewrite": 0.0},
    ),
}

REFERENCE = Reference(FULL, {**WAYS, "by annotations": BY_ANNOTATIONS}, MISTAKES, by_controller=BY_CONTROLLER)
