"""Deployment: ReplicaSets of one template after another.

Source: k8s.io/kubernetes/pkg/controller/deployment.
"""

from podwalk.controllers.deployment.controller import CONTROLLER

__all__ = ["CONTROLLER"]
