"""Questions about a picture."""

from artifact.task import VQA
from monitoring.tasks.titles import TaskTitles

TITLES = TaskTitles(VQA.name, "questions", data_set="VQAv2", heading="VQAv2", column=0)
