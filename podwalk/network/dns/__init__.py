"""The cluster's DNS: CoreDNS's behaviour as a function of the objects and the Corefile.

Source: the Kubernetes DNS specification 1.1.0 (kubernetes/dns, docs/specification.md) and CoreDNS 1.14.
"""

from podwalk.network.dns.messages import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Answer, Question, Record
from podwalk.network.dns.plugins import Context, Forwarded
from podwalk.network.dns.server import Server, answer, drive

__all__ = [
    "NOERROR",
    "NXDOMAIN",
    "REFUSED",
    "SERVFAIL",
    "Answer",
    "Context",
    "Forwarded",
    "Question",
    "Record",
    "Server",
    "answer",
    "drive",
]
