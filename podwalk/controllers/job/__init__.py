"""Job: Pods that run to their end, so many times.

Source: k8s.io/kubernetes/pkg/controller/job. Not simulated: ``backoffLimitPerIndex`` and ``FailIndex``; a Job that
has the former says so in an Event.
"""

from podwalk.controllers.job.controller import CONTROLLER

__all__ = ["CONTROLLER"]
