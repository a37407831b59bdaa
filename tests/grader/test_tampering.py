"""Submissions that attack what marks them: each earns what an untouched one does, and harms nobody else."""

from __future__ import annotations

import os
import socket

import pytest

from tests.grader.conftest import Assignment, needs_bubblewrap

pytestmark = [needs_bubblewrap, pytest.mark.slow]


def looks_for(*names: str) -> str:
    """Return a cell that looks for files everywhere but in Python itself: nbgrader brings its own tests' along."""
    return f"""
import fnmatch, os, sys
found = []
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/sys", "/usr", sys.prefix)):
        folders.clear()
    else:
        found += [one for one in folders + files for name in {names!r} if fnmatch.fnmatch(one, name)]
print("reached" if found else "nothing")
"""


ATTACKS = {
    "replaces the report in its own kernel": """
import grader.task
grader.task.Task.report = lambda self: self.points
grader.report.text = lambda *arguments: "all points"
""",
    "rewrites the grader's files": """
import pathlib, grader.task
pathlib.Path(grader.task.__file__).write_text("")
print("reached")
""",
    "looks for the tests": looks_for("*.ipynb"),
    "looks for the gradebook": looks_for("gradebook.db"),
    "looks for the tests in memory": """
import gc
words = "HIDDEN " + "TESTS"
found = [o for o in gc.get_objects() if isinstance(o, (list, tuple, dict)) and words in str(o)[:100000]]
print("reached" if any("checks.balanced(" + "checks.like" in str(o)[:100000] for o in found) else "nothing")
""",
    "looks for the work of others": looks_for(
        "submitted", "autograded", "feedback", "exchange", "seeds", "*.cluster.yaml"
    ),
    "reads the environment of others": """
import pathlib
own = {"HOME", "KUBECONFIG"}
for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        text = path.read_bytes()
    except OSError:
        continue
    if b"SECRET_OF_THE_GRADER" in text:
        print("reached")
""",
    "turns the clock": """
import ctypes, time
now = (ctypes.c_long * 2)()
libc = ctypes.CDLL(None)
libc.clock_gettime(0, now)
print("reached" if libc.clock_settime(0, now) == 0 else "nothing")
time.time = time.monotonic = time.perf_counter = lambda: 0.0
time.sleep = lambda seconds: None
while True: pass
""",
    "calls the internet": """
import socket
socket.create_connection(("192.0.2.1", 80), timeout=3)
print("reached")
""",
    "calls a port of the host": """
import socket
socket.create_connection(("127.0.0.1", HOST_PORT), timeout=3)
print("reached")
""",
    "calls an abstract socket of the host": """
import socket
made = socket.socket(socket.AF_UNIX)
made.connect("\\0podwalk-test-HOST_PROCESS")
print("reached")
""",
    "forges the results of the next cells": """
import json, os
line = json.dumps([{"output_type": "execute_result", "data": {"text/plain": "4.0"}}])
for number in range(3, 64):
    try:
        os.write(number, (line + "\\n").encode() * 9)
    except OSError:
        pass
""",
    "prints a report": "print('4 of 4 points')\n4.0",
    "kills everybody": "import os\nos.kill(-1, 9)",
    "leaves without a word": "import os\nos._exit(0)",
    "becomes another program": "import os\nos.execv('/bin/true', ['/bin/true'])",
    "closes what it finds": "import os\nos.closerange(0, 4096)",
    "eats memory": "data = []\nwhile True: data.append(bytearray(50_000_000))",
    "fills the disk": """
with open("/tmp/full", "wb") as file:
    for _ in range(1000):
        file.write(bytes(1_000_000))
print("reached")
""",
    "bombs with forks": """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
    "prints without end": "while True: print('x' * 10_000)",
    "never ends": "while True: pass",
    "never ends and will not be told": """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
while True:
    try:
        while True: pass
    except BaseException:
        pass
""",
    "gains rights": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
done = [libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0, libc.chroot(b"/tmp") == 0]
try:
    os.setuid(0)
    done.append(True)
except OSError:
    pass
print("reached" if any(done) else "nothing")
""",
    "hits its parents": """
import os, signal
for pid in (1, 2, os.getppid()):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
""",
    "makes a probe that lies": """
import hashlib
for words in ("", "app=backend"):
    name = "podwalk-probe-" + hashlib.sha256(f"{words}@".encode()).hexdigest()[:8]
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": "probe", "image": "hashicorp/http-echo:1.0"}]}})
""",
    "teaches CoreDNS the answers": """
corefile = cluster.get("configmaps", "coredns", namespace="kube-system").object["data"]["Corefile"]
lie = "hosts {\\n 10.244.1.1 backend-pods.shop.svc.cluster.local backend.shop.svc.cluster.local\\n fallthrough\\n }\\n"
cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
    "data": {"Corefile": corefile.replace("kubernetes cluster.local", lie + "kubernetes cluster.local")}})
""",
    "takes the cluster's DNS away": 'cluster.delete("deployment/coredns", namespace="kube-system")',
}
"""What each does; it prints “reached” if it got where it must not."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gains_nothing(services: Assignment, attack: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0podwalk-test-{os.getpid()}")
        abstract.listen()
        source = ATTACKS[attack].replace("HOST_PORT", str(host.getsockname()[1]))
        source = source.replace("HOST_PROCESS", str(os.getpid()))
        outcome = services.mark({"backend-answer": source}, cell_timeout_s=6.0, timeout_s=60.0)
    assert outcome.total == 0
    texts = [output.get("text", "") for cell in outcome.marked.answers for output in cell]
    assert not any("reached" in text for text in texts)
    if "looks for" in attack:
        assert "nothing\n" in texts, "it came to its end"


@pytest.mark.parametrize(
    "attack", ["kills everybody", "never ends", "bombs with forks", "eats memory", "takes the cluster's DNS away"]
)
def test_an_attack_costs_its_own_task_only(services: Assignment, attack: str) -> None:
    answers = services.solutions | {"affinity-answer": ATTACKS[attack]}
    outcome = services.mark(answers, cell_timeout_s=6.0, timeout_s=60.0)
    assert outcome.points == {"backend": 3.0, "service": 4.0, "affinity": 0.0, "headless": 3.0}


def test_what_a_submission_leaves_running_is_gone_when_the_checks_look(services: Assignment) -> None:
    daemon = """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(8)
    cluster.delete("service/backend", namespace="shop")
    os._exit(0)
"""
    assert services.mark(services.solutions | {"headless-answer": daemon}).points["service"] == 4.0
