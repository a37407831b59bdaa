"""What a learner did outlives the kernel."""

from __future__ import annotations

from pathlib import Path

from podwalk.labs.progress import Progress, load


def test_progress_is_what_it_was_after_a_restart(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "new folder" / "lab.json", cluster="uid")
    state = progress.step("service")
    state.manifest, state.choice, state.applied, state.hints = "kind: Service", 2, True, 1
    state.before.append(("/api/v1/namespaces/a/services/b", {"kind": "Service"}, "uid-1"))
    progress.save()
    assert progress.path is not None
    again = load(progress.path)
    assert again == progress


def test_steps_that_were_not_begun_are_not_kept(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "lab.json")
    progress.step("service")
    progress.save()
    assert load(tmp_path / "lab.json").steps == {}


def test_a_damaged_file_counts_as_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    for damage in ("{", "[]", '{"cluster": "a", "steps": {"b": {"unknown": 1}}}'):
        path.write_text(damage)
        assert load(path) == Progress(path)
