"""The student's kernel: runs a submission's cells in one IPython shell and says what each put out.

It runs inside of the sandbox, so nothing it says is believed but as the outputs of the student's own cells.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from kubernetes.config import kube_config
from traitlets.config import Config

from grader.isolation.relay import forward, listen

MAX_TEXT = 100_000


class CellTimeoutError(BaseException):
    """A cell took too long: it is no :class:`Exception`, so that ``except Exception`` in a loop does not swallow it."""


class ResultHook(DisplayHook):
    """Keeps a cell's last value instead of printing it."""

    def write_output_prompt(self) -> None:
        """Print nothing."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep the value's renderings."""
        InteractiveShell.instance().display_pub.publish(data=format_dict, metadata=md_dict)

    def finish_displayhook(self) -> None:
        """Print nothing."""
        self._is_active = False


class Kernel:
    """An IPython shell whose output is kept: what Python prints and what its child processes print."""

    def __init__(self, folder: Path) -> None:
        """Start a shell, with standard output and error going to files in ``folder``."""
        self._files = {name: (folder / name).open("w+b", buffering=0) for name in ("stdout", "stderr")}
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(self._files[name].fileno(), number)
        sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        self.shell = _shell()
        self._errors: list[dict[str, Any]] = []
        self.shell._showtraceback = self._keep_error  # type: ignore[method-assign, assignment]  # where ipykernel hooks in, too

    def run(self, source: str, timeout_s: float) -> list[dict[str, Any]]:
        """Run a cell and return its outputs in nbformat's form."""
        publisher = self.shell.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]  # no types
        self._errors.clear()
        signal.signal(signal.SIGALRM, _too_late)
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        try:
            self.shell.run_cell(source, store_history=True)  # type: ignore[no-untyped-call]  # no types
        except CellTimeoutError:
            self._errors.append(_error("CellTimeoutError", f"this cell was stopped after {timeout_s:g} s", []))
        except SystemExit as error:
            self._errors.append(_error("SystemExit", str(error), []))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return [*self._streams(), *_displayed(publisher.outputs), *self._errors]

    def _streams(self) -> Iterator[dict[str, Any]]:
        for name, file in self._files.items():
            getattr(sys, name).flush()
            size = os.fstat(file.fileno()).st_size
            text = os.pread(file.fileno(), MAX_TEXT, 0).decode("utf-8", "replace")
            os.ftruncate(file.fileno(), 0)
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            if text:
                more = f"\n… and {size - MAX_TEXT} bytes more\n" if size > MAX_TEXT else ""
                yield {"output_type": "stream", "name": name, "text": text + more}

    def _keep_error(self, kind: type[BaseException], value: BaseException, lines: list[str]) -> None:
        if isinstance(value, CellTimeoutError):
            raise value
        self._errors.append(_error(kind.__name__, str(value)[:MAX_TEXT], [line[:MAX_TEXT] for line in lines[:50]]))


def _shell() -> InteractiveShell:
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=config, displayhook_class=ResultHook)


def _error(name: str, value: str, lines: list[str]) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": lines or [f"{name}: {value}"]}


def _displayed(published: list[Any]) -> Iterator[dict[str, Any]]:
    for entry in published:
        yield {
            "output_type": "display_data",
            "data": dict(entry["data"]),
            "metadata": dict(entry.get("metadata") or {}),
        }


def _too_late(_number: int, _frame: FrameType | None) -> NoReturn:
    raise CellTimeoutError


def warm() -> None:
    """Do before a fork what every kernel would do after it: import, and start a shell."""
    import kubernetes.client
    import kubernetes.stream

    import podwalk.facade.saving
    import podwalk.labs
    from grader import Task

    _warmed.extend((kubernetes.client, kubernetes.stream, podwalk.facade, podwalk.labs, Task))
    _shell()


_warmed: list[object] = []


def run(cells: int, results: int) -> None:
    """Run the cells of a request, a JSON document, and write a line for each; the descriptors are open files."""
    with os.fdopen(cells, encoding="utf-8") as file:
        request = json.load(file)
    # The client looked into the environment when it was imported, before the fork.
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = os.environ["KUBECONFIG"]
    with os.fdopen(results, "w", encoding="utf-8") as out:
        if request["socket"]:
            listener = listen(request["port"])
            threading.Thread(target=forward, args=(listener, request["socket"]), daemon=True).start()
        for name, text in request["files"].items():
            Path(name).write_text(text, encoding="utf-8")
        kernel = Kernel(Path(request["folder"]))
        for source in request["cells"]:
            outputs = kernel.run(source, request["cell_timeout_s"])
            out.write(json.dumps(outputs, default=str) + "\n")
            out.flush()
    # What the submission left running (threads, exit handlers) has no say in the end.
    os._exit(0)
