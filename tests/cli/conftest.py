"""The store of every stage that tests of commands start from, made once."""

import pytest
from bad_input_files import Chain


@pytest.fixture(scope="session")
def chain_of_stages(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))
