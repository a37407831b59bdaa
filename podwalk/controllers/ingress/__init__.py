"""Ingress controllers as far as they write to the API: addresses in status, Events, and what they cannot do."""

from podwalk.controllers.ingress.addon import DEPLOYMENTS, STAND_INS, enable_ingress, manifest
from podwalk.controllers.ingress.controller import CONTROLLER
from podwalk.controllers.ingress.definitions import GATEWAY_CLASS, definitions
from podwalk.controllers.ingress.gateway import CONTROLLERS as GATEWAY_CONTROLLERS

CONTROLLERS = (CONTROLLER, *GATEWAY_CONTROLLERS)

__all__ = ["CONTROLLERS", "DEPLOYMENTS", "GATEWAY_CLASS", "STAND_INS", "definitions", "enable_ingress", "manifest"]
