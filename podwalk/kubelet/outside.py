"""A very small internet: the hosts outside the cluster that Pods can reach, and the name server that knows them.

Documentation addresses and names only (RFC 5737, RFC 2606); any other address outside answers nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from podwalk.containers import http
from podwalk.containers.fabric import Fabric
from podwalk.containers.sockets import NetNs
from podwalk.kubelet.addresses import NODE_NAMESERVER
from podwalk.simulation import Task

HOSTS: Mapping[str, str] = {
    "example.com": "192.0.2.80",
    "www.example.com": "192.0.2.80",
    "example.org": "192.0.2.81",
    "www.example.org": "192.0.2.81",
    "example.net": "192.0.2.82",
    "api.example.com": "198.51.100.10",
    "db.example.com": "198.51.100.20",
}
TTL_S = 300
PAGE = """<!doctype html><html lang="en"><head><title>{name}</title></head>
<body><h1>{name}</h1><p>A page outside the simulated cluster.</p></body></html>
"""


def populate(fabric: Fabric) -> None:
    """Start the servers outside."""
    nameserver = fabric.external(NODE_NAMESERVER)
    fabric.simulation.spawn(_serve_names(nameserver))
    for ip in dict.fromkeys(HOSTS.values()):
        host = fabric.external(ip)
        server = http.Server(fabric.simulation, host.listen(80), lambda request: _page(fabric, request))
        fabric.simulation.spawn(server.run())


def _page(fabric: Fabric, request: http.Incoming) -> http.Answer:
    name = request.header("host").partition(":")[0]
    body = PAGE.format(name=name or request.local.ip).encode()
    headers = [
        ("Content-Type", "text/html"),
        ("Date", http.date(fabric.simulation)),
        ("Content-Length", str(len(body))),
    ]
    return http.Answer(200, headers, body)


def _serve_names(namespace: NetNs) -> Task:
    socket = namespace.bind(53)
    while True:
        received = yield from socket.receive()
        if received is not None:
            data, ip, port = received
            if reply := _answer(data):
                socket.send(reply, ip, port)


def _answer(data: bytes) -> bytes:
    try:
        query = dns.message.from_wire(data)
    except dns.exception.DNSException:
        return b""
    reply = dns.message.make_response(query, recursion_available=True)
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    if name in HOSTS:
        if question.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", HOSTS[name]))
    else:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()
