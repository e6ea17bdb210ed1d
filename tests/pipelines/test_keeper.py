"""Finished artifacts wait for others: not long, and longer where keeping them takes long."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store
from sdc.pipelines import stage
from sdc.pipelines.stage import Context, Keeper, Made


class _Clock:
    """The time of a keeper: keeping takes some of it, and each artifact that is taken its seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, keeping_s: float) -> None:
        self.now, self.kept, self._keeping_s = 100.0, list[int](), keeping_s
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(stage, "keep", self._keep)

    def _keep(self, _: Context, finished: Sequence[Any], **__: Any) -> list[Any]:
        self.kept.append(len(finished))
        self.now += self._keeping_s
        return []

    def feed(self, keeper: Keeper, *seconds: float) -> None:
        """One artifact after another ends."""
        for each in seconds:
            self.now += each
            artifact = Artifact(
                key="k", stage="train", version=1, lang=None, task=None, config={}, inputs=(), seconds=each
            )
            keeper.take([Made(artifact=artifact, rows={})])


@pytest.mark.parametrize(("keeping_s", "kept"), [(0.01, [5, 5]), (0.05, [5, 13]), (5.0, [5])])
def test_short_artifacts_wait_until_keeping_them_is_a_hundredth_of_the_time(
    keeping_s: float, kept: list[int], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _Clock(monkeypatch, keeping_s=keeping_s)
    keeper = Keeper(Context(store=store), seen={})
    clock.feed(keeper, *[0.4] * 18)
    assert clock.kept[: len(kept)] == kept
    keeper.flush()
    assert sum(clock.kept) == 18


def test_none_waits_longer_than_half_a_minute(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch, keeping_s=60.0)
    keeper = Keeper(Context(store=store), seen={})
    clock.feed(keeper, *[0.4] * 100)
    assert clock.kept == [5, 75]


def test_a_long_artifact_is_kept_at_once_with_those_that_waited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch, keeping_s=0.001)
    clock.feed(Keeper(Context(store=store), seen={}), 0.1, 0.1, 0.6, 0.1)
    assert clock.kept == [3]
