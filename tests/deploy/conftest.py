"""What builds images and runs containers takes minutes: only under make test-deploy."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("DOMIQ_TEST_DEPLOY"):
        return
    for item in items:
        if item.get_closest_marker("deploy"):
            item.add_marker(pytest.mark.skip(reason="only under make test-deploy"))
