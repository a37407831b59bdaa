"""The images for looking at the network: curl, netshoot, dnsutils, Debian."""

from __future__ import annotations

from podwalk.containers.images.image import Image, script
from podwalk.containers.process import Program
from podwalk.containers.shell import bash, dash, sh
from podwalk.containers.tools import PROGRAMS
from podwalk.containers.tools.curl import curl
from podwalk.containers.tools.dig import dig
from podwalk.containers.tools.gnu import GNU
from podwalk.containers.tools.host import host
from podwalk.containers.tools.hostname import hostname
from podwalk.containers.tools.interfaces import BUSYBOX_INTERFACES, ss
from podwalk.containers.tools.iproute import ip_of
from podwalk.containers.tools.lookup import getent
from podwalk.containers.tools.netcat import openbsd_nc, telnet
from podwalk.containers.tools.nslookup import nslookup
from podwalk.containers.tools.openssl import openssl
from podwalk.containers.tools.packet_rules import IPTABLES
from podwalk.containers.tools.ping import DEBIAN_PING
from podwalk.containers.tools.refused import refuse
from podwalk.containers.tools.wget import wget

CURL: dict[str, Program] = {"curl": curl}
DEBIAN_NET: dict[str, Program] = {
    "ip": ip_of(busybox=False),
    "ss": ss,
    **DEBIAN_PING,
    "dig": dig,
    "getent": getent,
    "host": host,
    "nc": openbsd_nc,
    "nslookup": nslookup,
    "openssl": openssl,
    **IPTABLES,
    **refuse(
        "tcpdump",
        "ethtool",
        "tshark",
        "iperf3",
        "nmap",
        "mtr",
        "jq",
    ),
}
"""What Debian's packages bring; those that would need the node's kernel say that they are not simulated."""

OS_RELEASE = (
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\n'
    'VERSION_CODENAME=bookworm\nID=debian\nHOME_URL="https://www.debian.org/"\nSUPPORT_URL="https://www.debian.org/support"\n'
    'BUG_REPORT_URL="https://bugs.debian.org/"\n'
)
DEBIAN: dict[str, Program] = {
    **PROGRAMS,
    **GNU,
    "sh": dash,
    "bash": bash,
    **refuse("apt-get", "apt", "python3", "perl"),
    "getent": getent,
    "hostname": hostname,
}
NETSHOOT: dict[str, Program] = {
    **DEBIAN,
    **BUSYBOX_INTERFACES,
    **DEBIAN_NET,
    **CURL,
    "wget": wget,
    "telnet": telnet,
}

IMAGES = [
    Image(
        name="docker.io/curlimages/curl",
        tags=r"latest|[78]\.[0-9]+\.[0-9]+",
        programs={**PROGRAMS, "sh": sh, **CURL},
        entrypoint=["/entrypoint.sh"],
        files={"entrypoint.sh": script('#!/bin/sh\nexec curl "$@"\n')},
        user=100,
        env={"CURL_CA_BUNDLE": "/cacert.pem"},
        size=9_500_000,
    ),
    Image(
        name="docker.io/nicolaka/netshoot",
        tags=r"latest|v0\.1[0-9]",
        programs=NETSHOOT,
        cmd=["zsh"],
        files={"etc/os-release": OS_RELEASE},
        size=154_153_756,
    ),
    Image(
        name="registry.k8s.io/e2e-test-images/jessie-dnsutils",
        tags=r"1\.[3-9]",
        programs=NETSHOOT,
        cmd=["sleep", "3600"],
        files={"etc/os-release": OS_RELEASE},
        size=154_153_756,
    ),
    Image(
        name="registry.k8s.io/e2e-test-images/dnsutils",
        tags=r"1\.[3-9]",
        programs=NETSHOOT,
        cmd=["sleep", "3600"],
        size=154_153_756,
    ),
    Image(
        name="registry.k8s.io/e2e-test-images/glibc-dns-testing",
        tags=r"[12]\.[0-9](\.[0-9])?",
        programs=NETSHOOT,
        cmd=["sleep", "3600"],
        size=154_153_756,
    ),
    Image(
        name="docker.io/library/debian",
        tags=r"latest|stable|bookworm(-slim)?|trixie(-slim)?|1[123](-slim)?|stable-slim",
        programs=DEBIAN,
        cmd=["bash"],
        files={"etc/os-release": OS_RELEASE},
        size=154_153_756,
    ),
]
NETSHOOT["zsh"] = bash
