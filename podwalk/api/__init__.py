"""The Kubernetes API: requests in, responses out."""
