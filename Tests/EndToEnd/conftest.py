"""Fixtures of the end-to-end suite. It runs against the release binary, or the one that GATEHOUSE_BINARY names."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.clock import Clock  # noqa: E402
from harness.crowd import raise_limit  # noqa: E402
from harness.faults import Faultd  # noqa: E402
from harness.gateway import BINARY, Gateway  # noqa: E402
from harness.matrix import Report  # noqa: E402
from harness.origin import Origin  # noqa: E402

#: Recorded traffic, beside the repository; not part of it.
TRAFFIC = pathlib.Path(__file__).resolve().parents[3] / "shared/traffic"


#: The cells of the matrix that this session ran.
REPORT = Report()


def pytest_configure(config):
    config.addinivalue_line("markers", "scenario(name): the row of the matrix that a test belongs to")
    if not BINARY.exists():
        pytest.exit(f"no binary at {BINARY}: run scripts/run once, or set GATEHOUSE_BINARY", returncode=2)
    # Crowds of callers: here, at the gateway and at its upstreams.
    raise_limit(30_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    marker = item.get_closest_marker("scenario")
    if marker and (report.when == "call" or report.failed):
        REPORT.take(marker.args[0], item.callspec.params, report)
    return report


def pytest_sessionfinish():
    """GATEHOUSE_CONFORMANCE names a folder for `matrix.json`; scripts/conformance reads it."""
    if folder := os.environ.get("GATEHOUSE_CONFORMANCE"):
        REPORT.write(folder)


@pytest.fixture(scope="session")
def faultd():
    server = Faultd()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def traffic():
    if not TRAFFIC.exists():
        pytest.skip("no recorded traffic at ../shared/traffic")
    return TRAFFIC


def _starter(base, faultd):
    gateways = []

    def start(config=None, **options):
        gateway = Gateway(base / f"gateway{len(gateways)}", config, **options)
        gateways.append(gateway)
        return gateway

    def stop_all():
        # Upstream connections that rest are no leak; without them the count must be what it was.
        faultd.drop()
        failures = []
        for gateway in gateways:
            try:
                gateway.stop()
            except AssertionError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    return start, stop_all


@pytest.fixture
def start(tmp_path, faultd):
    """Starts gateways of this test's own; each must end well."""
    start, stop_all = _starter(tmp_path, faultd)
    yield start
    stop_all()


@pytest.fixture(scope="module")
def module_starter(tmp_path_factory, faultd):
    """Starts gateways that the tests of a module share; each must end well."""
    start, stop_all = _starter(tmp_path_factory.mktemp("shared"), faultd)
    yield start
    stop_all()


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    """The gateway that the tests of a module share, with the provider `fault`; it must live through all of them."""
    return module_starter({"providers": [faultd.provider()]})


@pytest.fixture
def origin():
    """Starts servers that the test scripts: `origin(answer)`."""
    origins = []

    def start_origin(answer):
        origins.append(Origin(answer))
        return origins[-1]

    yield start_origin
    for one in origins:
        one.stop()


@pytest.fixture
def clock(tmp_path):
    """A clock that the test sets forward, for gateways started with `env=clock.environment`."""
    clock = Clock(tmp_path)
    yield clock
    clock.close()


@pytest.fixture(autouse=True)
def _same_process(request):
    """The shared gateway must not have ended, nor have been replaced. What it learned of targets in one test is forgotten
    before the next: each makes them fail in its own way."""
    gateway = request.getfixturevalue("gateway") if "gateway" in request.fixturenames else None
    if isinstance(gateway, Gateway) and not gateway.ended_by_test:
        gateway.forgive()
    yield
    if gateway is not None and not gateway.ended_by_test:
        assert gateway.process.poll() is None, f"the gateway ended in this test\n{gateway.tail()}"
