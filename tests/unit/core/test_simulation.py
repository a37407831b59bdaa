"""The clock and the queue: what is due runs in order, and waiting costs nothing."""

from __future__ import annotations

import math

import pytest

from podwalk.simulation import Simulation, StuckError, Task


def test_advance_runs_what_is_due_and_leaves_the_clock_at_the_moment() -> None:
    simulation, seen = Simulation(), list[float]()
    for delay_s in (3.0, 1.0, 2.0):
        simulation.call(lambda: seen.append(simulation.now), delay_s)
    simulation.advance(2.5)
    assert seen == [1.0, 2.0]
    assert simulation.now == 2.5
    assert simulation.next_due == 3.0


def test_nothing_is_due_after_an_advance_to_a_moment_without_events() -> None:
    simulation = Simulation()
    simulation.call(lambda: None, 10)
    for moment in (0.1, 0.2, 0.3):
        simulation.advance(moment)
        assert simulation.next_due == 10
    simulation.advance(11)
    assert simulation.next_due == math.inf


def test_jump_goes_to_the_next_event_and_no_further() -> None:
    simulation, seen = Simulation(), list[float]()

    def loop() -> Task:
        while True:
            yield simulation.sleep(2)
            seen.append(simulation.now)

    simulation.spawn(loop())
    assert simulation.jump()
    assert simulation.jump()
    assert seen == [2.0, 4.0]
    assert not simulation.jump(limit_s=5)
    assert simulation.now == 5


def test_jump_until_ends_at_the_deadline_when_it_never_comes() -> None:
    simulation = Simulation()
    simulation.call(lambda: None, 3)
    assert not simulation.jump_until(lambda: False, timeout_s=60)
    assert simulation.now == 60


def test_jump_until_ends_as_soon_as_it_comes() -> None:
    simulation, done = Simulation(), list[int]()
    simulation.call(lambda: done.append(1), 3)
    simulation.call(lambda: None, 4)
    assert simulation.jump_until(lambda: bool(done), timeout_s=60)
    assert simulation.now == 3


def test_advance_from_inside_an_event_is_left_to_the_outer_call() -> None:
    simulation, seen = Simulation(), list[str]()

    def nested() -> None:
        simulation.call(lambda: seen.append("later"))
        simulation.settle()
        seen.append("first")

    simulation.call(nested)
    simulation.settle()
    assert seen == ["first", "later"]


def test_instant_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podwalk.simulation.SETTLE_LIMIT", 1000)
    simulation = Simulation()

    def again() -> None:
        simulation.call(again)

    simulation.call(again)
    with pytest.raises(StuckError, match="without time passing"):
        simulation.settle()


def test_a_fault_in_a_task_that_nobody_waits_for_ends_that_task_only(no_faults: list[Exception]) -> None:
    simulation, seen = Simulation(), []

    def faulty() -> Task:
        yield simulation.sleep(1)
        raise ValueError("not thought of")

    def sound() -> Task:
        yield simulation.sleep(2)
        seen.append(simulation.now)

    simulation.spawn(faulty())
    simulation.spawn(sound())
    simulation.advance(3)
    assert seen == [2]
    assert str(no_faults.pop()) == "not thought of"
    assert no_faults == []


def test_same_seed_makes_the_same_choices() -> None:
    assert [Simulation(seed=7).random.random() for _ in range(2)] == [Simulation(seed=7).random.random()] * 2


def test_times_are_written_as_kubernetes_writes_them() -> None:
    simulation = Simulation()
    simulation.advance(1.25)
    assert simulation.timestamp() == "2026-11-02T09:00:01Z"
    assert simulation.microtime() == "2026-11-02T09:00:01.250000Z"
