"""F16, and what is promised of outages and restarts: the soaks in their short forms, which judge counts and generous bounds.

`python3 Tests/Soak/overload.py`, `outage.py` and `restart.py` measure the promises themselves.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

SOAK = pathlib.Path(__file__).resolve().parents[1] / "Soak"


def soak(name, *arguments):
    result = subprocess.run(
        [sys.executable, SOAK / name, *map(str, arguments)], capture_output=True, text=True, timeout=240, env=os.environ
    )
    print(result.stdout)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-2000:]}"
    assert "holds" in result.stdout and "BROKEN" not in result.stdout


@pytest.fixture(autouse=True)
def _compiler():
    if shutil.which("cc") is None and shutil.which("clang") is None:
        pytest.skip("no C compiler to make the load with")


def test_f16_ten_times_too_many_calls():
    soak("overload.py", "--short", "--limit", 20)


def test_f16_an_upstream_that_refuses_by_itself():
    """Nobody told the gateway how much it takes: it says so with a status."""
    soak("overload.py", "--short", "--room", 20)


def test_f10_an_outage():
    soak("outage.py", "--short")


def test_a_rolling_restart():
    if shutil.which("nginx") is None and not os.access("/usr/sbin/nginx", os.X_OK):
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    soak("restart.py", "--times", 2, "--streams", 100, "--rate", 50)
