"""How a post may do, how sure that is, which of two does better, and what would improve one."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.engagement.analysis import analyze_many
    from postopt.engagement.evidence import Evidence, EvidenceCatalogue
    from postopt.engagement.predictor import EngagementPredictor
    from postopt.engagement.ranker import VariantRanker
    from postopt.engagement.suggestions import Suggestion, suggest

__all__ = [
    "EngagementPredictor",
    "Evidence",
    "EvidenceCatalogue",
    "Suggestion",
    "VariantRanker",
    "analyze_many",
    "suggest",
]

__getattr__ = on_first_use(
    __name__,
    {
        "EngagementPredictor": "postopt.engagement.predictor",
        "Evidence": "postopt.engagement.evidence",
        "EvidenceCatalogue": "postopt.engagement.evidence",
        "Suggestion": "postopt.engagement.suggestions",
        "VariantRanker": "postopt.engagement.ranker",
        "analyze_many": "postopt.engagement.analysis",
        "suggest": "postopt.engagement.suggestions",
    },
)
