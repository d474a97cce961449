"""Captions."""

from artifact.task import CAPTION
from monitoring.tasks.titles import TaskTitles

TITLES = TaskTitles(CAPTION.name, "captions", data_set="COCO", heading="COCO captions", column=2)
