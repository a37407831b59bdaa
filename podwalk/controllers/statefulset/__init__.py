"""StatefulSet: Pods with names that last, one after another.

Source: k8s.io/kubernetes/pkg/controller/statefulset. Not simulated: ``persistentVolumeClaimRetentionPolicy`` other
than ``Retain``.
"""

from podwalk.controllers.statefulset.controller import CONTROLLER

__all__ = ["CONTROLLER"]
