from __future__ import annotations

import re
from pathlib import Path

from hardware import simulator
from hardware.simulator import PERSONALITIES, Step, faults

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/simulator.md", "exec"), {})


def test_every_personality_step_and_action_is_described() -> None:
    actions = {kind.__name__ for kind in faults.Action.__args__}
    for name in (*PERSONALITIES, *(step.name for step in Step), *actions):
        assert f"`{name}" in PAGE, name
    assert actions <= set(simulator.__all__)
