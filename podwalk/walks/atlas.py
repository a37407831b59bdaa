"""The map of a namespace as a picture and as text: ways in come from above, endpoints hang below their Service.

A dashed fence with a name plate stands around Pods that policies isolate. An endpoint that is ready is a full dot, one
that is not an empty one.
"""

from __future__ import annotations

from collections.abc import Iterator

from podwalk.walks.drawing import ACCENT, BAD, DETAIL, GOOD, LABEL, MONO, TITLE, WIDTH, Drawing, Style, figure
from podwalk.walks.mapping import NamespaceMap, ServiceSite, Spot, Way, Workload

LEFT, RIGHT = 8, WIDTH - 8
TRUNK = LEFT + 16
INDENT = LEFT + 34
CODE = Style(11, 0.61, opacity="0.85", family=MONO)
PLATE = Style(10, 0.58, "600", "0.8")
KIND = Style(11, 0.56, opacity="0.7")
TROUBLE = Style(11.5, 0.56, "600")
MANY = 6
"""How many Pods of one workload are drawn one by one."""


def render(found: NamespaceMap) -> str:
    """Return the map as HTML."""
    return figure(draw(found), name="map")


def draw(found: NamespaceMap) -> str:
    """Return the picture as the text of an ``svg`` element."""
    drawing = Drawing(f"Map of namespace {found.namespace}", description=str(found))
    y = drawing.write(f"Namespace {found.namespace}", Style(15, 0.57, "600"), LEFT, 20) + 6
    for site in found.services:
        y = _service(drawing, site, y) + 12
    if found.astray:
        drawing.write("WAYS THAT LEAD NOWHERE", LABEL, LEFT, y + 8)
        y += 14
        for way in found.astray:
            y = _way(drawing, way, y, leads=False)
        y += 14
    if found.others:
        drawing.write("PODS BEHIND NO SERVICE", LABEL, LEFT, y + 8)
        y += 20
        for one in found.others:
            y = _workload(drawing, one, y, trunk=False) + 8
    if found.idle:
        drawing.write("POLICIES THAT SELECT NO POD", LABEL, LEFT, y + 12)
        y = drawing.write(", ".join(found.idle), DETAIL, LEFT, y + 30)
    return drawing.finish(_legend(drawing, found, y + 6))


def _way(drawing: Drawing, way: Way, y: float, *, leads: bool = True) -> float:
    """Draw a line that comes from above, with what a client types; crossed out where it leads nowhere."""
    end = drawing.write(way.text, Style(12, 0.61, "600", family=MONO), INDENT, y + 12)
    problem = way.problem or ("" if leads else f"there is no Service {way.service}")
    end = drawing.write(f"by {way.by}", KIND, INDENT, end - 2)
    if problem:
        end = drawing.write(f"✗ {problem}", TROUBLE, INDENT, end)
    drawing.line(f"M{TRUNK} {y:.1f} V{end - 6:.1f}", dashed=bool(problem), opacity=0.55)
    return end - 6


def _service(drawing: Drawing, site: ServiceSite, y: float) -> float:
    for way in site.ways:
        y = _way(drawing, way, y)
    if site.ways:
        drawing.line(f"M{TRUNK} {y:.1f} v10", opacity=0.55)
        drawing.add("path", d=f"M{TRUNK - 5} {y + 8:.1f} h10 l-5 8 z", fill="currentColor", opacity="0.7")
        y += 18
    box = drawing.box(LEFT, y, RIGHT - LEFT, 10, stroke=ACCENT, stroke_width=2, fill=ACCENT, fill_opacity="0.08")
    drawing.write(f"Service · {site.kind}", KIND, RIGHT - 10, y + 20, anchor="end")
    bottom = drawing.write(site.name, TITLE, LEFT + 12, y + 21, right=RIGHT - 130)
    for port in site.ports:
        bottom = drawing.write(port, CODE, LEFT + 12, bottom - 1, right=RIGHT - 8)
    if site.problem:
        bottom = drawing.write(f"✗ {site.problem}", TROUBLE, LEFT + 12, bottom + 1, right=RIGHT - 8)
    bottom -= 6
    box.set("height", f"{bottom - y:.1f}")
    if site.problem:
        box.set("stroke", BAD)
        box.set("stroke-dasharray", "6 4")
    top = bottom
    for number, one in enumerate(site.workloads):
        start = bottom + 8
        bottom = _workload(drawing, one, start, trunk=True)
        last = number == len(site.workloads) - 1
        drawing.line(f"M{TRUNK} {top:.1f} V{start + 24:.1f} h{INDENT - TRUNK}", opacity=0.55)
        top = top if not last else bottom
    return bottom


def _workload(drawing: Drawing, one: Workload, y: float, *, trunk: bool) -> float:
    """Draw Pods in one box, a fence around it where policies isolate them."""
    left = INDENT if trunk else LEFT
    box = drawing.box(left, y, RIGHT - left, 10, stroke_width=1.2, opacity="0.45")
    count = f" ×{len(one.spots)}" if len(one.spots) > 1 else ""
    bottom = drawing.write(one.name + count, Style(13, 0.57, "600"), left + 10, y + 18, right=RIGHT - 8)
    for spot in one.spots[:MANY]:
        bottom = _spot(drawing, spot, left + 10, bottom)
    if len(one.spots) > MANY:
        bottom = drawing.write(f"and {len(one.spots) - MANY} more", KIND, left + 26, bottom)
    fenced = bool(one.ingress or one.egress)
    for line in _plates(one):
        bottom = drawing.write(line, PLATE, left + 10, bottom + 1, right=RIGHT - 8)
    bottom -= 4
    box.set("height", f"{bottom - y:.1f}")
    if fenced:
        box.set("stroke-dasharray", "7 4")
        box.set("stroke-width", "2")
        box.set("opacity", "0.75")
    return bottom


def _plates(one: Workload) -> Iterator[str]:
    if one.ingress:
        yield f"INGRESS isolated by {', '.join(one.ingress)}"
    if one.egress:
        yield f"EGRESS isolated by {', '.join(one.egress)}"


def _spot(drawing: Drawing, spot: Spot, x: float, y: float) -> float:
    ring = {"fill": GOOD} if spot.ready else {"fill": "none"}
    drawing.add(
        "circle", cx=x + 5, cy=f"{y - 4:.1f}", r=4.5, stroke=GOOD if spot.ready else BAD, stroke_width=2, **ring
    )
    state = "" if spot.ready else " · not ready"
    where = f" · {spot.node}" if spot.node else ""
    return drawing.write(f"{spot.address}{where}{state}", CODE, x + 16, y, right=RIGHT - 6)


def _legend(drawing: Drawing, found: NamespaceMap, y: float) -> float:
    everything = [*found.others, *(one for site in found.services for one in site.workloads)]
    fenced = any(one.ingress or one.egress for one in everything)
    words = ["● ready", "○ not ready"] + (["dashed: isolated by NetworkPolicies"] if fenced else [])
    return drawing.write(" · ".join(words), KIND, LEFT, y + 12) - 4


def text(found: NamespaceMap) -> str:
    """Return the map as an indented list."""
    lines = [f"Namespace {found.namespace}"]
    for site in found.services:
        lines += ["", *(_way_text(way) for way in site.ways)]
        lines.append(f"Service {site.name} ({site.kind})  {', '.join(site.ports)}")
        lines += [f"  ✗ {site.problem}"] if site.problem else []
        lines += [line for one in site.workloads for line in _workload_text(one)]
    if found.others:
        lines += ["", "Pods behind no Service", *(line for one in found.others for line in _workload_text(one))]
    if found.astray:
        nowhere = (_way_text(way, f"there is no Service {way.service}") for way in found.astray)
        lines += ["", "Ways that lead nowhere", *nowhere]
    if found.idle:
        lines += ["", f"Policies that select no Pod: {', '.join(found.idle)}"]
    return "\n".join(lines)


def _way_text(way: Way, otherwise: str = "") -> str:
    problem = way.problem or otherwise
    return f"→ {way.text}  by {way.by}" + (f"  ✗ {problem}" if problem else "")


def _workload_text(one: Workload) -> Iterator[str]:
    yield f"  {one.name}" + (f" ×{len(one.spots)}" if len(one.spots) > 1 else "")
    for spot in one.spots:
        yield f"    {'●' if spot.ready else '○'} {spot.address}" + (f"  {spot.node}" if spot.node else "")
    yield from (f"    {line}" for line in _plates(one))
