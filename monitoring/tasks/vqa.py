"""Questions about a picture."""

from monitoring.tasks.titles import TaskTitles

TITLES = TaskTitles("vqa", "questions", data_set="VQAv2", heading="VQAv2", column=0)
