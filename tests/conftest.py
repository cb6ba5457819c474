"""Settings of all tests: hypothesis' profile, and skips that count as failures."""

from __future__ import annotations

import os

import pytest

import strategies  # noqa: F401  it loads the profile, also for tests that do not import it

NO_SKIP = os.environ.get("FOVEA_NO_SKIP", "") not in ("", "0")


def _failed(report):
    """A skipped test or module as a failed one, where FOVEA_NO_SKIP asks for it."""
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {reason} (FOVEA_NO_SKIP is set, so this is a failure)"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _failed((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _failed((yield))
