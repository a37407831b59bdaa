from __future__ import annotations

import itertools

from podwalk.controllers.queue import Key, Queue
from podwalk.errors import ApiError
from podwalk.simulation import Simulation

KEY = ("shop", "web")


def test_a_key_added_twice_before_its_turn_is_worked_on_once() -> None:
    simulation, done = Simulation(), list[Key]()
    queue = Queue("test", simulation, lambda key: done.append(key))
    queue.add(KEY)
    queue.add(("shop", "other"))
    queue.add(KEY)
    simulation.settle()
    assert done == [KEY, ("shop", "other")]


def test_a_key_added_while_it_is_worked_on_gets_another_turn() -> None:
    simulation, done = Simulation(), list[Key]()

    def reconcile(key: Key) -> None:
        done.append(key)
        if len(done) == 1:
            queue.add(key)

    queue = Queue("test", simulation, reconcile)
    queue.add(KEY)
    simulation.settle()
    assert done == [KEY, KEY]


def test_a_failing_key_is_tried_again_with_growing_pauses_until_it_works() -> None:
    simulation, times = Simulation(), list[float]()

    def reconcile(key: Key) -> None:
        times.append(simulation.now)
        if len(times) < 5:
            raise ApiError(409, "Conflict", "again")

    queue = Queue("test", simulation, reconcile)
    queue.add(KEY)
    simulation.advance(10)
    pauses = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert pauses == [0.005, 0.01, 0.02, 0.04]
    queue.add(KEY)
    simulation.settle()
    assert len(times) == 6


def test_of_several_later_wishes_the_soonest_counts() -> None:
    simulation, times = Simulation(), list[float]()
    queue = Queue("test", simulation, lambda key: times.append(simulation.now))
    queue.add_after(KEY, 20)
    queue.add_after(KEY, 5)
    queue.add_after(KEY, 10)
    simulation.advance(30)
    assert times == [5]


def test_fault_in_a_reconcile_is_kept_and_tried_again(no_faults: list[Exception]) -> None:
    simulation = Simulation()
    tries: list[float] = []

    def reconcile(_key: tuple[str, str]) -> None:
        tries.append(simulation.now)
        if len(tries) < 3:
            raise ZeroDivisionError("not thought of")

    Queue("faulty", simulation, reconcile).add(("shop", "web"))
    simulation.advance(60)
    assert len(tries) == 3
    assert [type(fault) for fault in no_faults] == [ZeroDivisionError] * 2
    no_faults.clear()
