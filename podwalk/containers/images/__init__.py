"""The images that can be pulled: what each runs, with which files.

An image that is not here is answered as a registry would. One module an image; a new one is a new entry of
:data:`IMAGES`.
"""

from __future__ import annotations

from collections.abc import Mapping

from podwalk.containers.images import agnhost, busybox, debian, http_echo, ingress, nginx, redis, samples, system
from podwalk.containers.images.image import Image, normal

IMAGES: Mapping[str, Image] = {
    image.name: image
    for module in (agnhost, busybox, debian, http_echo, ingress, nginx, redis, samples, system)
    for image in module.IMAGES
}
"""Every image by its full name without a tag, e.g. ``docker.io/library/nginx``."""

__all__ = ["IMAGES", "Image", "find", "normal"]


def find(reference: str) -> Image | None:
    """Return the image of a reference such as ``nginx:1.29``, None if there is none, or not with this tag."""
    name, _, tag = normal(reference).rpartition(":")
    image = IMAGES.get(name)
    return image if image is not None and image.has(tag) else None
