"""The reference pages: lists made from the code, and manifests that a cluster takes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import podwalk

ROOT = Path(__file__).resolve().parents[2]
# The book's own extension, which is no package.
SIMULATED = runpy.run_path(str(ROOT / "book" / "_ext" / "podwalk_reference.py"))["SIMULATED"]
SHEET = (ROOT / "book" / "reference" / "cheat-sheet.md").read_text(encoding="utf-8")
MANIFESTS = dict(re.findall(r"^```yaml\n(.*?kind: (\w+).*?)^```", SHEET, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("resources", "| `networking.k8s.io/v1` | NetworkPolicy (`networkpolicies`) |  |"),
        ("images", "| `hashicorp/http-echo` |"),
        ("tools", "`nslookup`"),
        ("dns", "| `rewrite` | simulated |"),
        ("ingress", "| `nginx.ingress.kubernetes.io/rewrite-target` | the path as sent on"),
        ("cni", "| `flannel` | accepted and ignored |  | accepted and ignored |"),
        ("cni", "| `calico` | enforced | guarded too | evaluated |"),
        ("limits", "| Custom resources | conversion webhooks"),
    ],
)
def test_a_list_says_what_the_code_has(name: str, row: str) -> None:
    lines = list(SIMULATED[name]())
    columns = lines[0].count("|")
    assert any(row in line for line in lines)
    assert all(line.replace("\\|", "").count("|") == columns for line in lines), "a cell breaks the table"


def test_the_page_shows_every_list() -> None:
    page = (ROOT / "book/reference/simulated.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\{simulated\} (\w+)", page)) == set(SIMULATED)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=MANIFESTS.values())
def test_a_cluster_takes_the_manifests_of_the_cheat_sheet(manifest: str) -> None:
    changes = podwalk.cluster("in-process", quiet=True).apply(manifest)
    assert [change.change for change in changes] == ["created"]
