"""Ingress controllers as far as they write to the API: addresses in status, Events, and what they cannot do."""

from podwalk.controllers.ingress.addon import DEPLOYMENTS, enable_ingress, manifest
from podwalk.controllers.ingress.controller import CONTROLLER

__all__ = ["CONTROLLER", "DEPLOYMENTS", "enable_ingress", "manifest"]
