"""The pages and headers that nginx makes itself.

Source: nginx, src/http/ngx_http_special_response.c; as a real container answers.
"""

from __future__ import annotations

from http import HTTPStatus

INDEX = """<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
</head>
<body>
<h1>Welcome to nginx!</h1>
</body>
</html>
"""
ERROR_50X = (
    "<!DOCTYPE html>\n<html>\n<head>\n<title>Error</title>\n</head>\n<body>\n<h1>An error"
    " occurred.</h1>\n</body>\n</html>\n"
)
TITLES = {
    302: "302 Found", 413: "413 Request Entity Too Large", 414: "414 Request-URI Too Large",
    416: "416 Requested Range Not Satisfiable",
    497: "400 The plain HTTP request was sent to HTTPS port",
    503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out",
}  # fmt: skip
REASONS = {
    302: "Moved Temporarily",
    413: "Request Entity Too Large",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
    405: "Not Allowed",
}
TYPES = {
    "html": "text/html", "htm": "text/html", "css": "text/css", "xml": "text/xml", "gif": "image/gif",
    "jpeg": "image/jpeg", "jpg": "image/jpeg",
    "js": "application/javascript", "txt": "text/plain", "png": "image/png", "svg": "image/svg+xml",
    "ico": "image/x-icon", "json": "application/json",
    "pdf": "application/pdf", "woff": "font/woff", "woff2": "font/woff2", "zip": "application/zip",
}  # fmt: skip
MIME_FILE = "types {\n" + "".join(f"    {kind} {extension};\n" for extension, kind in TYPES.items()) + "}\n"


KNOWN = frozenset(
    [
        200,
        201,
        202,
        204,
        206,
        *range(301, 305),
        307,
        308,
        *range(400, 407),
        *range(408, 417),
        421,
        429,
        *range(500, 506),
        507,
    ]
)
"""The statuses that nginx has a phrase for."""


def reason(status: int) -> str:
    """Return the reason phrase nginx sends; none for a status it does not know."""
    if status not in KNOWN and not 494 <= status <= 499:
        return ""
    if status in REASONS:
        return REASONS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def title(status: int) -> str:
    """Return what an error page is called."""
    return TITLES.get(status, f"{status} {reason(status)}")


def error(status: int, server: str, detail: str = "") -> bytes:
    """Return an error page; ``detail`` stands in the title and below the heading."""
    name = title(status)
    more = f"<center>{detail}</center>\r\n" if detail else ""
    return (
        f"<html>\r\n<head><title>{f'{status} {detail}' if detail else name}</title></head>\r\n<body>\r\n"
        f"<center><h1>{name}</h1></center>\r\n{more}"
        f"<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


MAIN_CONF = """user  nginx;
worker_processes  auto;
error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;
events {
    worker_connections  1024;
}
http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;
    access_log  /var/log/nginx/access.log  combined;
    sendfile        on;
    keepalive_timeout  65;
    include /etc/nginx/conf.d/*.conf;
}
"""
DEFAULT_CONF = """server {
    listen       80;
    listen  [::]:80;
    server_name  localhost;
    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }
}
"""
