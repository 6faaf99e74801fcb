"""What is right and wrong with a text: features, readability, the platform's rules, the brief's facts, a report."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.quality.enhancer import Enhancer
    from postopt.quality.features import FeatureSet
    from postopt.quality.platform import PlatformProfile
    from postopt.quality.scorer import QualityScorer

__all__ = [
    "Enhancer",
    "FeatureSet",
    "PlatformProfile",
    "QualityScorer",
]

__getattr__ = on_first_use(
    __name__,
    {
        "Enhancer": "postopt.quality.enhancer",
        "FeatureSet": "postopt.quality.features",
        "PlatformProfile": "postopt.quality.platform",
        "QualityScorer": "postopt.quality.scorer",
    },
)
