"""The judge and its stories: each rule passes, fails and stays open where it should, and no other fails with it."""

from __future__ import annotations

import pytest
import stories_bills  # noqa: F401 (importing it tells its stories)
import stories_conduct  # noqa: F401 (importing it tells its stories)
import stories_merged  # noqa: F401 (importing it tells its stories)
from stories import STORIES, Story

from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_it_judges_the_story(story: Story) -> None:
    judgement = story.tells().judged()
    results = {result.id: result for result in judgement.rules}
    result = results[story.rule]
    assert result.verdict is story.verdict, (result.reason, result.findings)
    expected = story.also | ({story.rule} if story.verdict is Verdict.FAIL else set())
    assert set(judgement.failed()) == expected, [f for r in judgement.rules for f in r.findings]
    assert not [r for r in judgement.rules if r.verdict is Verdict.ERROR]


@pytest.mark.parametrize("rule", [row.id for row in RULES])
def test_every_rule_has_a_story_of_each_kind(rule: str) -> None:
    told = {story.verdict for story in STORIES if story.rule == rule}
    assert told == {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE}
