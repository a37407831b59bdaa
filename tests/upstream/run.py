"""Run Kubernetes' own end-to-end tests against a fresh embedded cluster, and hold it to those that it passes.

``make upstream`` runs the tests of ``passing.txt`` and fails if one of them does. With ``--try REGEX`` it runs those
that match, and adds those that pass to the list, which only grows. The test binary is that of the rig beside the clone;
where there is none, nothing is run, and it says so. What they say is kept in the folder that ``E2E_OUT`` names.
The rig's own command leaves SCTP's tests out, since its kernel has no SCTP; the embedded cluster has, so they run here.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from podwalk.serve import control
from podwalk.serve.place import Place, find
from podwalk.types import ClusterOptions

HERE = Path(__file__).resolve().parent
PASSING = HERE / "passing.txt"
RIG = Path(os.environ.get("PODWALK_RIG") or HERE.parents[2] / "shared" / "rig")
HOME = Path(os.environ.get("RIG_HOME") or Path.home() / ".cache" / "rig")
ZONES = ("zone-a", "zone-b", "zone-c") * 2
IN_PARENTHESES = re.compile(r" \[sig-[a-z-]+(, [^\]]*)?\]$")


def read_passing() -> list[str]:
    """Return the names of the tests that pass."""
    return [line for line in PASSING.read_text().splitlines() if line and not line.startswith("#")]


def write_passing(names: set[str]) -> None:
    """Write the list, with the remarks at its head."""
    head = [line for line in PASSING.read_text().splitlines() if line.startswith("#")]
    PASSING.write_text("\n".join([*head, *sorted(names)]) + "\n")


def focus(names: list[str]) -> str:
    """Return the regular expression of these names and no others."""
    return "|".join(re.escape(name).replace("/", r"\/") + r"( \[|$)" for name in names)


def outcomes(report: Path) -> dict[str, bool]:
    """Return whether each test that ran passed, by its name without the labels at its end."""
    found = {}
    for case in ET.parse(report).iter("testcase"):
        name = case.get("name", "")
        if name.startswith("[It] ") and case.get("status") != "skipped":
            found[IN_PARENTHESES.sub("", name.removeprefix("[It] "))] = case.get("status") == "passed"
    return found


def run(expression: str) -> dict[str, bool]:
    """Run the tests that match on a cluster of their own, and return how each ended."""
    # The rig unpacks its binary when it is asked for a list.
    subprocess.run([RIG / "e2e", "--list", "^$"], check=False)
    place = find(f"upstream-{os.getpid()}")
    control.start(place, ClusterOptions(name=place.name, workers=len(ZONES)))
    _label(place)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(os.environ.get("E2E_OUT", folder))
        out.mkdir(parents=True, exist_ok=True)
        try:
            with (out / "log.txt").open("wb") as log:
                command = [str(HOME / "bin" / "e2e.test"), *flags(expression, place.kubeconfig, out)]
                subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
            return outcomes(out / "junit.xml")
        finally:
            control.stop(place)


def _label(place: Place) -> None:
    """Put two workers into each of three zones, as the tests of traffic distribution want them."""
    for number, zone in enumerate(ZONES, 1):
        name = f"{place.name}-worker{number if number > 1 else ''}"
        command = ["label", "node", name, "--overwrite", f"topology.kubernetes.io/zone={zone}"]
        subprocess.run([HOME / "bin" / "kubectl", f"--kubeconfig={place.kubeconfig}", *command], check=True)


def flags(expression: str, kubeconfig: Path, out: Path) -> list[str]:
    """Return what the binary is told: which tests, on which cluster, and where to write."""
    return [
        "--provider=skeleton",
        f"--kubeconfig={kubeconfig}",
        f"--kubectl-path={HOME / 'bin' / 'kubectl'}",
        f"--num-nodes={len(ZONES)}",
        "--node-os-distro=debian",
        "--disable-log-dump",
        "--dump-logs-on-failure=false",
        f"--ginkgo.focus={expression}",
        r"--ginkgo.skip=\[Disruptive\]",
        "--ginkgo.no-color",
        "--ginkgo.v",
        "--ginkgo.timeout=60m",
        f"--ginkgo.junit-report={out / 'junit.xml'}",
        f"--report-dir={out}",
    ]


def main(arguments: list[str]) -> int:
    """Run, compare with the list, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--try", dest="expression", metavar="REGEX", help="run these, and list those that pass")
    options = parser.parse_args(arguments)
    if not (RIG / "e2e").exists():
        print(f"Upstream's tests were not run: there is no {RIG / 'e2e'} (set PODWALK_RIG).")
        return 0
    listed = read_passing()
    found = run(options.expression or focus(listed))
    passed = {name for name, good in found.items() if good}
    if options.expression:
        # Read once more: another run may have added to it meanwhile.
        write_passing({*read_passing(), *passed})
    failed = sorted(set(found) - passed if not options.expression else (set(found) - passed) & set(listed))
    absent = [] if options.expression else sorted(set(listed) - set(found))
    for name in failed:
        print(f"FAILED   {name}")
    for name in absent:
        print(f"NOT RUN  {name}")
    print(f"{len(passed)} of {len(found)} of upstream's tests passed; {len(read_passing())} are listed.")
    return 1 if failed or absent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
