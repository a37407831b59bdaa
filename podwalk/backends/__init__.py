"""How a caller reaches a cluster: embedded in the background, in this process, kind, or any context of a kubeconfig."""
