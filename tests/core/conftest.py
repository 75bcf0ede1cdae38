"""What several files of the core's tests begin with."""

import pytest

from tests.core.config_bed import ConfigRig


@pytest.fixture
def rig() -> ConfigRig:
    """A room that runs, is connected, and whose config is to be changed."""
    rig = ConfigRig()
    rig.begin()
    return rig
