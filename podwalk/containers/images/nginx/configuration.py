"""nginx's configuration language: directives, blocks, quotes, comments, ``include``.

crossplane parses it too, but only from real files; the grammar is small. A directive that nginx has and this does not
simulate is refused by name, one that nginx does not know in nginx's words.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from podwalk.errors import PodwalkError

SIMULATED = frozenset(
    [
        "access_log", "add_header", "alias", "allow", "auth_basic", "auth_basic_user_file", "autoindex",
        "client_max_body_size", "default_type", "deny", "error_log", "expires",
        "error_page", "events", "http", "if", "include", "index", "internal", "limit_except", "listen", "location",
        "log_format", "map",
        "proxy_connect_timeout", "proxy_http_version", "proxy_pass", "proxy_read_timeout", "proxy_set_header",
        "return", "rewrite", "root", "server", "server_name",
        "server_tokens", "set",
        "ssl_certificate", "ssl_certificate_key", "ssl_client_certificate", "ssl_verify_client", "stub_status",
        "try_files", "types", "upstream", "user",
    ]
)  # fmt: skip
HARMLESS = frozenset(
    [
        "absolute_redirect", "client_body_buffer_size", "client_body_timeout", "client_header_timeout",
        "client_header_buffer_size", "client_body_temp_path", "daemon", "aio", "directio", "gzip_buffers",
        "gzip_comp_level", "gzip_disable", "gzip_http_version", "gzip_min_length", "gzip_proxied", "gzip_static",
        "keepalive_time", "lingering_close", "lingering_time", "lingering_timeout", "map_hash_bucket_size",
        "map_hash_max_size", "open_file_cache", "open_file_cache_errors", "open_file_cache_min_uses",
        "open_file_cache_valid", "output_buffers", "pcre_jit", "postpone_output", "proxy_busy_buffers_size",
        "proxy_headers_hash_bucket_size", "proxy_headers_hash_max_size", "proxy_temp_path", "rewrite_log",
        "server_names_hash_max_size", "ssl_buffer_size", "ssl_dhparam", "ssl_ecdh_curve", "ssl_stapling",
        "ssl_stapling_verify", "thread_pool", "worker_cpu_affinity", "worker_priority", "worker_shutdown_timeout",
        "etag", "gzip", "gzip_types", "gzip_vary", "http2", "keepalive", "keepalive_requests", "keepalive_timeout",
        "large_client_header_buffers",
        "least_conn", "log_not_found", "master_process", "multi_accept", "pid", "proxy_buffering", "proxy_buffers",
        "proxy_buffer_size",
        "proxy_cache", "proxy_redirect", "proxy_request_buffering",
        "proxy_send_timeout",
        "reset_timedout_connection", "resolver", "resolver_timeout", "send_timeout", "sendfile",
        "server_names_hash_bucket_size", "ssl_ciphers",
        "ssl_prefer_server_ciphers", "ssl_protocols", "ssl_session_cache", "ssl_session_timeout",
        "ssl_session_tickets", "ssl_verify_depth", "tcp_nodelay",
        "tcp_nopush", "types_hash_max_size", "underscores_in_headers", "use", "variables_hash_max_size",
        "worker_connections",
        "worker_processes", "worker_rlimit_nofile", "zone",
    ]
)  # fmt: skip
"""Directives whose effect nobody sees here."""

NOT_SIMULATED = frozenset(
    [
        "auth_request", "fastcgi_pass", "add_trailer", "auth_delay", "auth_jwt", "break", "charset",
        "chunked_transfer_encoding", "dav_methods", "disable_symlinks", "env", "gunzip", "http3", "if_modified_since",
        "limit_conn_status", "limit_rate_after", "limit_req_status", "max_ranges", "merge_slashes",
        "port_in_redirect", "proxy_bind", "proxy_cache_bypass", "proxy_cache_key", "proxy_cache_valid",
        "proxy_cookie_domain", "proxy_cookie_path", "proxy_hide_header", "proxy_ignore_headers",
        "proxy_intercept_errors", "proxy_method", "proxy_no_cache", "proxy_pass_header",
        "proxy_pass_request_body", "proxy_pass_request_headers", "proxy_set_body", "proxy_ssl_certificate",
        "proxy_ssl_certificate_key", "proxy_ssl_name", "proxy_ssl_server_name", "proxy_ssl_trusted_certificate",
        "proxy_ssl_verify", "proxy_store", "random", "random_index", "recursive_error_pages", "scgi_pass",
        "server_name_in_redirect", "ssi", "ssl_crl", "ssl_reject_handshake", "ssl_trusted_certificate", "state",
        "sub_filter_once", "sub_filter_types", "geo", "grpc_pass", "image_filter", "ip_hash", "js_import",
        "limit_conn", "limit_conn_zone",
        "limit_rate", "limit_req", "limit_req_zone", "load_module", "mail", "memcached_pass", "mirror", "perl",
        "proxy_cache_path", "proxy_next_upstream",
        "real_ip_header", "secure_link", "set_real_ip_from", "slice", "split_clients", "stream",
        "sub_filter", "uwsgi_pass", "valid_referers", "hash", "satisfy",
    ]
)  # fmt: skip


class ConfigurationError(PodwalkError):
    """A configuration that nginx does not take: what follows ``nginx: [emerg]``."""


@dataclass(frozen=True)
class Directive:
    """A directive with its arguments, and what is in its block."""

    name: str
    args: tuple[str, ...]
    block: tuple[Directive, ...] | None = None
    file: str = ""
    line: int = 0

    def all(self, name: str) -> Iterator[Directive]:
        """Yield the directives of a name in the block."""
        return (one for one in self.block or () if one.name == name)

    def first(self, name: str) -> Directive | None:
        """Return the first directive of a name in the block."""
        return next(self.all(name), None)


@dataclass
class _Reader:
    text: str
    file: str
    position: int = 0
    line: int = 1
    tokens: list[tuple[str, int, bool]] = field(default_factory=list)


_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{[^}]*\}|\\.|[^\s{};"'#]|(?<=\S)["'#]|(?<=\$)\{)+""",
    re.DOTALL,
)


@lru_cache(maxsize=256)
def _tokens(text: str, file: str) -> Sequence[tuple[str, int, bool]]:
    """Cut a text into tokens, each with its line and whether it was quoted."""
    found, line, position = [], 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConfigurationError(f'unexpected end of file, expecting ";" or "}}" in {file}:{line}')
        token = match[0]
        position = match.end()
        if not token[0].isspace() and token[0] != "#":
            quoted = token[0] in "\"'"
            found.append((_unescape(token[1:-1] if quoted else token), line, quoted))
        line += token.count("\n")
    return found


def _unescape(text: str) -> str:
    """Replace the escapes that nginx knows; others stay as they are, for regular expressions."""
    return re.sub(r"\\([\"'\\tnr])", lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def parse(
    path: str, read: Callable[[str], str], listing: Callable[[str], Sequence[str]], extra: str = ""
) -> tuple[Directive, ...]:
    """Read a configuration, its includes inlined.

    Args:
        path: the main file.
        read: returns a file's text; raises :class:`ConfigurationError` if it is not there.
        listing: returns the names in a directory.
        extra: directives given by ``-g``.

    Raises:
        ConfigurationError: in nginx's words, with file and line.
    """
    directives = list(_parse_text(extra, "command line", read, listing)) if extra else []
    return (*directives, *_parse_text(read(path), path, read, listing))


def _parse_text(
    text: str, file: str, read: Callable[[str], str], listing: Callable[[str], Sequence[str]]
) -> tuple[Directive, ...]:
    tokens = _tokens(text, file)
    directives, index = _block(tokens, 0, file, read, listing, depth=0, free=False)
    if index < len(tokens):
        raise ConfigurationError(f'unexpected "}}" in {file}:{tokens[index][1]}')
    return directives


def _block(
    tokens: Sequence[tuple[str, int, bool]],
    index: int,
    file: str,
    read: Callable[[str], str],
    listing: Callable[[str], Sequence[str]],
    *,
    depth: int,
    free: bool,
) -> tuple[tuple[Directive, ...], int]:
    found: list[Directive] = []
    words: list[str] = []
    start = 0
    while index < len(tokens):
        token, line, quoted = tokens[index]
        if not quoted and token == "}":
            if words:
                raise ConfigurationError(f'unexpected "}}" in {file}:{line}')
            return tuple(found), index
        index += 1
        if not quoted and token == ";":
            if not words:
                raise ConfigurationError(f'unexpected ";" in {file}:{line}')
            found += _finish(words, None, file, start, read, listing, free)
            words = []
        elif not quoted and token == "{":
            if not words:
                raise ConfigurationError(f'unexpected "{{" in {file}:{line}')
            inner, index = _block(
                tokens, index, file, read, listing, depth=depth + 1, free=words[0] in ("types", "map")
            )
            if index >= len(tokens):
                raise ConfigurationError(f'unexpected end of file, expecting "}}" in {file}:{line}')
            index += 1
            found += _finish(words, inner, file, start, read, listing, free)
            words = []
        else:
            start = start if words else line
            words.append(token)
    if words:
        raise ConfigurationError(f'unexpected end of file, expecting ";" or "}}" in {file}:{tokens[-1][1]}')
    return tuple(found), index


def _finish(
    words: list[str],
    block: tuple[Directive, ...] | None,
    file: str,
    line: int,
    read: Callable[[str], str],
    listing: Callable[[str], Sequence[str]],
    free: bool,
) -> list[Directive]:
    name, args = words[0], tuple(words[1:])
    if name == "include" and not free:
        return _include(args[0], file, line, read, listing)
    if not free:
        if name in NOT_SIMULATED:
            raise ConfigurationError(
                f'directive "{name}" is nginx\'s, but podwalk does not simulate it, in {file}:{line}'
            )
        if name not in SIMULATED and name not in HARMLESS:
            raise ConfigurationError(f'unknown directive "{name}" in {file}:{line}')
    return [Directive(name, args, block, file, line)]


def _include(
    pattern: str, file: str, line: int, read: Callable[[str], str], listing: Callable[[str], Sequence[str]]
) -> list[Directive]:
    pattern = pattern if pattern.startswith("/") else f"/etc/nginx/{pattern}"
    folder, _, name = pattern.rpartition("/")
    if any(sign in name for sign in "*?["):
        names = [f"{folder}/{one}" for one in listing(folder) if fnmatch.fnmatch(one, name) and not one.startswith(".")]
    else:
        names = [pattern]
    found: list[Directive] = []
    for path in names:
        try:
            found += _parse_text(read(path), path, read, listing)
        except ConfigurationError as error:
            if str(error).startswith("open()"):
                raise ConfigurationError(f"{error} in {file}:{line}") from error
            raise
    return found
