"""A walk in a terminal."""

from __future__ import annotations

import textwrap

import yaml

from podwalk.types import Hop
from podwalk.walks.controllers import answer
from podwalk.walks.walk import Walk

WIDTH = 78


def render(walk: Walk) -> str:
    """Return the walk as lines of plain text, at most 78 columns wide but for names and manifests."""
    how = answer(walk.status) if walk.status else walk.outcome.value
    header = f"  (Host: {walk.target.header})" if walk.target.header else ""
    lines = [f"{walk.origin}  →  {walk.target.text}{header}    {how}", ""]
    for hop in walk.hops:
        lines += _hop(hop)
    if walk.observation:
        mark = "=" if walk.observation.agrees else "≠"
        lines += ["", *textwrap.wrap(f"  {mark} {walk.observation}", WIDTH, subsequent_indent="    ")]
    if walk.remedies:
        lines += ["", *textwrap.wrap(f"{walk.remedy}:", WIDTH), ""]
        lines += yaml.safe_dump_all(walk.remedies, sort_keys=False).rstrip().splitlines()
    return "\n".join(lines)


def _hop(hop: Hop) -> list[str]:
    mark = "✓" if hop.ok else "✗"
    detail = textwrap.wrap(hop.detail, WIDTH - 6)
    lines = [f"  {mark} {hop.title}", *(f"  │   {line}" for line in detail)]
    if hop.field and hop.objects:
        lines.append(f"  │   {hop.objects[0]}: {hop.field}")
    return lines
