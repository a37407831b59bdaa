"""hostname, of BusyBox and Debian.

Source: BusyBox 1.38, networking/hostname.c.
"""

from __future__ import annotations

from podwalk.containers import resolver
from podwalk.containers.process import Process
from podwalk.simulation import Task


def hostname(process: Process) -> Task:
    """Print the host's name, its short form, its domain, or its addresses."""
    yield process.sleep(0)
    words, name = process.argv[1:], process.container.hostname
    if any(not word.startswith("-") for word in words):
        return process.fail("hostname: sethostname: Operation not permitted")
    option = words[0] if words else ""
    if option in ("-i", "-I", "--ip-address", "--all-ip-addresses"):
        found = resolver.in_hosts(process.container.files, name)
        addresses = found.addresses if found is not None else (process.container.network.ip,)
        process.write(" ".join(addresses) + (" \n" if option in ("-I", "--all-ip-addresses") else "\n"))
        return 0
    found = resolver.in_hosts(process.container.files, name)
    full = found.name if found is not None else name
    short, _, domain = (full if option in ("-f", "--fqdn", "-d", "--domain") else name).partition(".")
    shown = {"-f": full, "--fqdn": full, "-d": domain, "--domain": domain, "-s": short, "--short": short, "": name}
    if option not in shown:
        return process.fail(f"hostname: invalid option -- '{option.lstrip('-')}'")
    process.write(f"{shown[option]}\n" if shown[option] or option not in ("-d", "--domain") else "")
    return 0
