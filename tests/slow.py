"""Writes tests/slow.txt, the tests that take most of the time, by a report of `pytest --junitxml=REPORT`."""

import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

SHARE = 0.03
"""Of the time of the whole suite that the others may take together."""


def slow(report: Path) -> list[str]:
    """The slowest tests, without their parameters, that leave no more than `SHARE` of the time to the others."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        name = re.sub(r"\[.*", "", case.attrib["name"])
        seconds[f"{case.attrib['classname'].replace('.', '/')}.py::{name}"] += float(case.attrib["time"])
    left, found = seconds.total(), []
    for name, taken in seconds.most_common():
        if left <= SHARE * seconds.total():
            break
        left -= taken
        found.append(name)
    return sorted(found)


if __name__ == "__main__":
    Path(__file__).with_suffix(".txt").write_text("\n".join(slow(Path(sys.argv[1]))) + "\n", encoding="utf-8")
