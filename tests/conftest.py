"""Settings of all tests: hypothesis' profile, skips that count as failures, groups of modules."""

from __future__ import annotations

import os
import re
from functools import cache

import pytest

from support import strategies  # noqa: F401  it loads the profile, also for tests that do not import it

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


@cache
def _group(module):
    """The group that a module's ``pytestmark`` names, if it does."""
    with open(module, encoding="utf-8") as file:
        found = re.search(r'^pytestmark = .*xdist_group\("([^"]+)"\)', file.read(), re.M)
    return found and found[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Send the tests of a group to one worker, so that their fixtures are made once.

    ``--dist loadgroup`` of pytest-xdist 3.8 means to do so, but hands the groups on in an
    attribute of tests that pytest 9.2 does not have any more.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class Groups(LoadGroupScheduling):
        def _split_scope(self, nodeid):
            return _group(config.rootpath / nodeid.split("::")[0]) or nodeid

    return Groups(config, log)
