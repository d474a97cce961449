"""TensorRT plans in the cache folder: `record.py` what a plan is, `cache.py` where it lies.

A plan is a serialized TensorRT engine of one stage. Exporters write it, the engine reads it, and
this package knows no TensorRT.
"""

from artifact.plan.cache import (
    Plan,
    build_command,
    find_plan,
    plan_path,
    plans_folder,
    read_record,
    record_path,
    write_plan,
)
from artifact.plan.record import (
    PORTABLE,
    OptimizationProfile,
    PlanDtype,
    PlanLibrary,
    PlanRecord,
    PlanTarget,
    PlanTensor,
    SizeRange,
)

__all__ = [
    "PORTABLE",
    "OptimizationProfile",
    "Plan",
    "PlanDtype",
    "PlanLibrary",
    "PlanRecord",
    "PlanTarget",
    "PlanTensor",
    "SizeRange",
    "build_command",
    "find_plan",
    "plan_path",
    "plans_folder",
    "read_record",
    "record_path",
    "write_plan",
]
