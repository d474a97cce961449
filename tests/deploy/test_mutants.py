"""Changes that live on are named as they stand in a report, and each that is known has a reason."""

from __future__ import annotations

from pathlib import Path

from deploy.supply.mutants import SURVIVORS, TESTS, known_survivors, survivors

ROOT = Path(__file__).parents[2]
REPORT = """\
[job-id] 1023edc600e44e7e80d0a82fc3522dab
server/access/rates.py core/ReplaceBinaryOperator_Add_Sub 0
worker outcome: WorkerOutcome.NORMAL, test outcome: TestOutcome.SURVIVED
=== DIFF ===
--- mutation diff ---
--- a/server/access/rates.py
+++ b/server/access/rates.py
@@ -23,7 +23,7 @@
         gained = (self._at_s - before_s) * self._rate_per_s
-        self._tokens = min(self._capacity, self._tokens + gained)
+        self._tokens = min(self._capacity, self._tokens - gained)
         if self._tokens >= 1:
============
total jobs: 71
"""


def test_a_change_is_named_by_its_lines() -> None:
    assert list(survivors(REPORT)) == [
        "server/access/rates.py: - self._tokens = min(self._capacity, self._tokens + gained)"
        " + self._tokens = min(self._capacity, self._tokens - gained)"
    ]


def test_every_known_change_stands_below_its_reason() -> None:
    lines = SURVIVORS.read_text("utf-8").splitlines()
    for change in known_survivors("\n".join(lines)):
        assert lines[lines.index(change) - 1].startswith("# ")


def test_modules_and_their_tests_are_there() -> None:
    for module, tests in TESTS.items():
        assert (ROOT / module).exists(), module
        assert all((ROOT / path).exists() for path in tests.split()), module
