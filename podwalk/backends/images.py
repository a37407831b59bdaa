"""The labs' images on the nodes of a kind cluster: fetched once by this machine, loaded into every node.

A class then pulls each image once and not once a Pod and learner, and works without a network afterwards.

Source: kind.sigs.k8s.io, "Loading an Image Into Your Cluster"; containerd's ``ctr``, as kind itself uses it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from podwalk.backends import kind

IN_MANIFEST = re.compile(r"""(?:^|[\s{,])["']?image["']?:\s*["']?([a-z0-9][\w./:@-]*)""", re.MULTILINE)
IN_COMMAND = re.compile(r"--image[= ]([a-z0-9][\w./:@-]*)")


@dataclass(frozen=True)
class Fetched:
    """What became of an image.

    Attributes:
        image: its name.
        how: ``there``, ``loaded`` or ``missing``.
        why: what was said, if it is missing.
    """

    image: str
    how: str
    why: str = ""


def named(paths: Iterable[Path]) -> list[str]:
    """Return the images that notebooks name, in manifests and in commands, sorted."""
    texts = (text for path in paths for text in _cells(path))
    return sorted({image for text in texts for pattern in (IN_MANIFEST, IN_COMMAND) for image in pattern.findall(text)})


def whole(image: str) -> str:
    """Return an image's full name, as the nodes list it."""
    name = image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


def fetch(cluster: str, images: Iterable[str]) -> Iterator[Fetched]:
    """Bring images to every node of a kind cluster, and yield what became of each.

    Raises:
        KindError: when kind, Docker or the cluster is missing.
    """
    nodes = kind.nodes(cluster)
    if not nodes:
        raise kind.KindError(f'there is no kind cluster "{cluster}": `podwalk up --kind --name {cluster}` makes it')
    there = [_on_node(node) for node in nodes]
    for image in images:
        if all(whole(image) in listed for listed in there):
            yield Fetched(image, "there")
        else:
            yield _fetch(cluster, image)


def save(images: Iterable[str], path: Path) -> None:
    """Write images that this machine has into one archive, for the machines of a class.

    Raises:
        KindError: when one of them is not here.
    """
    done = _tool("save", "--output", str(path), *images)
    if done.returncode:
        raise kind.KindError(f"the images could not be saved: {done.stderr.strip()}; fetch them first: `podwalk pull`")


def load(cluster: str, path: Path) -> None:
    """Load an archive of images into every node.

    Raises:
        KindError: when the archive or the cluster is missing.
    """
    kind.run("load", "image-archive", str(path), "--name", cluster, quiet=True)


def _fetch(cluster: str, image: str) -> Fetched:
    if _tool("image", "inspect", image).returncode:
        pulled = _tool("pull", image)
        if pulled.returncode:
            return Fetched(image, "missing", (pulled.stderr.strip().splitlines() or ["no reason was given"])[-1])
    try:
        kind.run("load", "docker-image", image, "--name", cluster, quiet=True)
    except kind.KindError as error:
        return Fetched(image, "missing", str(error))
    return Fetched(image, "loaded")


def _on_node(node: str) -> set[str]:
    listed = _tool("exec", node, "ctr", "--namespace", "k8s.io", "images", "ls", "--quiet")
    if listed.returncode:
        raise kind.KindError(f"node {node} does not answer: {listed.stderr.strip()}; `podwalk status --kind`")
    return set(listed.stdout.split())


def _tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([kind.provider(), *arguments], capture_output=True, text=True, check=False)


def _cells(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        yield text
        return
    for cell in json.loads(text).get("cells", ()):
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])
