"""The faults, a module for each rung of the ladder; all of them together are :mod:`podwalk.incidents.catalogue`."""
