"""The store of every stage that tests of commands start from, made once."""

import pytest
from bad_input_files import Chain


@pytest.fixture(scope="session")
def chain_of_stages() -> Chain:
    return Chain()
