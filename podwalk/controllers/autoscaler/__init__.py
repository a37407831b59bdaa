"""HorizontalPodAutoscaler v2: as many replicas as the load wants.

Source: k8s.io/kubernetes/pkg/controller/podautoscaler. Simulated metrics: ``Resource`` and ``ContainerResource``, CPU
and memory; the
others need adapters that no cluster has by itself, and fail here as they do there.
"""

from podwalk.controllers.autoscaler.controller import CONTROLLER

__all__ = ["CONTROLLER"]
