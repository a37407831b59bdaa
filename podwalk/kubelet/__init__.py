"""The kubelets: Pods' life on the nodes."""

from podwalk.kubelet.kubelets import Kubelets

__all__ = ["Kubelets"]
