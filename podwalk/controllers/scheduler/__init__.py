"""The scheduler: a node for each Pod.

Source: k8s.io/kubernetes/pkg/scheduler with its default plugins. Not simulated: preemption of running Pods,
scheduling gates' plugins,
dynamic resources.
"""

from podwalk.controllers.scheduler.controller import CONTROLLER

__all__ = ["CONTROLLER"]
