"""Every fault that an incident may have."""

from __future__ import annotations

from podwalk.incidents.faults import names, policies, routes, services, workloads

CATALOGUE = {
    fault.name: fault
    for fault in (*workloads.FAULTS, *services.FAULTS, *names.FAULTS, *policies.FAULTS, *routes.FAULTS)
}
"""The faults by name, from the Pods outward."""
