"""Who is behind a Service: EndpointSlices, the older Endpoints, and slices for Endpoints that people write by hand."""
