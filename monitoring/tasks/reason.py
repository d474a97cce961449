"""Statements about two pictures."""

from monitoring.tasks.titles import TaskTitles

TITLES = TaskTitles("reason", "statements", data_set="NLVR2", heading="NLVR2", column=1)
