"""busybox and alpine: a small shell and small tools."""

from __future__ import annotations

from podwalk.containers.images.httpd import httpd
from podwalk.containers.images.image import GROUP, PASSWD, Image
from podwalk.containers.process import Program
from podwalk.containers.shell import sh
from podwalk.containers.tools import PROGRAMS
from podwalk.containers.tools.hostname import hostname
from podwalk.containers.tools.interfaces import BUSYBOX_INTERFACES
from podwalk.containers.tools.iproute import ip_of
from podwalk.containers.tools.lookup import busybox_nslookup, getent
from podwalk.containers.tools.netcat import busybox_nc, telnet
from podwalk.containers.tools.ping import BUSYBOX_PING
from podwalk.containers.tools.wget import wget

BUSYBOX: dict[str, Program] = {
    **{name: program for name, program in PROGRAMS.items() if name != "bash"},
    "sh": sh,
    "ash": sh,
    **BUSYBOX_INTERFACES,
    "ip": ip_of(busybox=True),
    **BUSYBOX_PING,
    "getent": getent,
    "hostname": hostname,
    "httpd": httpd,
    "nc": busybox_nc,
    "telnet": telnet,
    "wget": wget,
    "nslookup": busybox_nslookup,
}
"""What BusyBox brings."""

OS_RELEASE = (
    'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.1\nPRETTY_NAME="Alpine Linux v3.22"\n'
    'HOME_URL="https://alpinelinux.org/"\nBUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"\n'
)
TAGS = r"latest|stable|musl|glibc|uclibc|1|1\.(28|29|3[0-8])(\.[0-9]+)?(-(musl|glibc|uclibc|[0-9]+))?"

IMAGES = [
    Image(name="docker.io/library/busybox", tags=TAGS, programs=BUSYBOX, cmd=["sh"], size=3_318_552),
    Image(name="registry.k8s.io/e2e-test-images/busybox", tags=TAGS, programs=BUSYBOX, cmd=["sh"], size=3_318_552),
    Image(name="gcr.io/google-containers/busybox", tags=TAGS, programs=BUSYBOX, cmd=["sh"], size=3_318_552),
    Image(
        name="docker.io/library/alpine",
        tags=r"latest|edge|3|3\.(1[0-9]|2[0-3])(\.[0-9]+)?",
        programs=BUSYBOX,
        cmd=["/bin/sh"],
        files={
            "etc/os-release": OS_RELEASE,
            "etc/alpine-release": "3.22.1\n",
            "etc/passwd": PASSWD,
            "etc/group": GROUP,
        },
        size=3_318_552,
    ),
]
