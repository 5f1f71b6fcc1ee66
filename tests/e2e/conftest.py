import pytest
from e2e.commands import Edgerig


@pytest.fixture
def edgerig(tmp_path):
    return Edgerig(tmp_path)
