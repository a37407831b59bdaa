"""The nginx image: a web server and reverse proxy, as its configuration says."""

from __future__ import annotations

from podwalk.containers.files import Node, Symlink
from podwalk.containers.images.debian import CURL, DEBIAN
from podwalk.containers.images.image import GROUP, PASSWD, Image, executable, script
from podwalk.containers.images.nginx import pages
from podwalk.containers.images.nginx.master import nginx

FILES: dict[str, str | bytes | Node] = {
    "etc/passwd": PASSWD + "nginx:x:101:101:nginx user:/nonexistent:/bin/false\n",
    "etc/group": GROUP + "nginx:x:101:\n",
    "etc/nginx/nginx.conf": pages.MAIN_CONF,
    "etc/nginx/mime.types": pages.MIME_FILE,
    "etc/nginx/conf.d/default.conf": pages.DEFAULT_CONF,
    "usr/share/nginx/html/index.html": pages.INDEX,
    "usr/share/nginx/html/50x.html": pages.ERROR_50X,
    "var/log/nginx/access.log": Symlink(target="/dev/stdout"),
    "var/log/nginx/error.log": Symlink(target="/dev/stderr"),
    "var/cache/nginx/": "",
    "usr/sbin/nginx": executable("nginx"),
    "docker-entrypoint.sh": script('#!/bin/sh\nexec "$@"\n'),
}
TAGS = (
    r"latest|alpine|stable|mainline|(stable|mainline)-alpine|"
    r"1(\.(1[4-9]|2[0-9])(\.[0-9]+)?)?(-(alpine|bookworm|perl|alpine-slim|[0-9]+))?"
)


def _image(name: str) -> Image:
    return Image(
        name=name,
        tags=TAGS,
        programs={**DEBIAN, **CURL, "nginx": nginx},
        cmd=["nginx", "-g", "daemon off;"],
        files=FILES,
        size=154_164_383,
        stop_signal="SIGQUIT",
    )


IMAGES = [
    _image("docker.io/library/nginx"),
    _image("docker.io/nginxinc/nginx-unprivileged"),
    _image("registry.k8s.io/e2e-test-images/nginx"),
]
