"""Statements about two pictures."""

from artifact.task import REASON
from monitoring.tasks.titles import TaskTitles

TITLES = TaskTitles(REASON.name, "statements", data_set="NLVR2", heading="NLVR2", column=1)
