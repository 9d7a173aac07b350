"""Whether this machine lets sandboxes be put up, and what a test needs to know of them."""
import functools
import shutil
import subprocess

import pytest


@functools.cache
def why_no_sandbox():
    """Why bubblewrap cannot work here; empty when it can. Found out without the gateway, so that a gateway that wrongly
    says it cannot is found out as well."""
    bubblewrap = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if not bubblewrap:
        return "bubblewrap is not installed"
    command = [bubblewrap, "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    outcome = subprocess.run(command, capture_output=True, text=True)
    return outcome.stderr.strip() or "bubblewrap fails" if outcome.returncode else ""


def need_sandbox():
    """Skips what says nothing where there are no sandboxes."""
    if reason := why_no_sandbox():
        pytest.skip(f"NO SANDBOX ON THIS MACHINE, its tests say nothing: {reason}")


def record_of(gateway, response):
    """How the access record says that the agent was confined."""
    return gateway.access(response.headers["x-request-id"]).get("sandbox")
