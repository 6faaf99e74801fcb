"""Finding out which version earns more, by experiments that stay valid however often they are looked at."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.experiments.assignment import ExclusionGroup
    from postopt.experiments.decision import Decision
    from postopt.experiments.design_effect import DesignEffect
    from postopt.experiments.experiment import Experiment
    from postopt.experiments.guardrails import Guardrail
    from postopt.experiments.records import Arm, Assignment, Metric
    from postopt.experiments.sample_ratio import SampleRatioCheck
    from postopt.experiments.sequential import SequentialTest
    from postopt.experiments.store import ExperimentStore
    from postopt.experiments.wording import WordingModel

__all__ = [
    "Arm",
    "Assignment",
    "Decision",
    "DesignEffect",
    "ExclusionGroup",
    "Experiment",
    "ExperimentStore",
    "Guardrail",
    "Metric",
    "SampleRatioCheck",
    "SequentialTest",
    "WordingModel",
]

__getattr__ = on_first_use(
    __name__,
    {
        "Arm": "postopt.experiments.records",
        "Assignment": "postopt.experiments.records",
        "Decision": "postopt.experiments.decision",
        "DesignEffect": "postopt.experiments.design_effect",
        "ExclusionGroup": "postopt.experiments.assignment",
        "Experiment": "postopt.experiments.experiment",
        "ExperimentStore": "postopt.experiments.store",
        "Guardrail": "postopt.experiments.guardrails",
        "Metric": "postopt.experiments.records",
        "SampleRatioCheck": "postopt.experiments.sample_ratio",
        "SequentialTest": "postopt.experiments.sequential",
        "WordingModel": "postopt.experiments.wording",
    },
)
