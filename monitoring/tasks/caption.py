"""Captions."""

from monitoring.tasks.titles import TaskTitles

TITLES = TaskTitles("caption", "captions", data_set="COCO", heading="COCO captions", column=2)
