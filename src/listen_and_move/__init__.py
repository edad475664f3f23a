"""Learn one video with its sound, then play that same picture with any other sound."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from listen_and_move.ablations.ablation import ablation
    from listen_and_move.demonstration import demo
    from listen_and_move.errors import UserError
    from listen_and_move.evaluation.compare import compare
    from listen_and_move.evaluation.evaluate import evaluate
    from listen_and_move.evaluation.robustness.study import robustness
    from listen_and_move.inference.animator import Animator
    from listen_and_move.inference.controls import Controls
    from listen_and_move.inference.generate import generate
    from listen_and_move.inspection.inspection import inspect
    from listen_and_move.models.importing import import_checkpoint
    from listen_and_move.training.adding_frames import add_frames
    from listen_and_move.training.loop import train

__version__ = "0.2.0"
__all__ = [
    "Animator",
    "Controls",
    "UserError",
    "ablation",
    "add_frames",
    "compare",
    "demo",
    "evaluate",
    "generate",
    "import_checkpoint",
    "inspect",
    "robustness",
    "train",
]

_PLACES = {
    "Animator": "inference.animator",
    "Controls": "inference.controls",
    "UserError": "errors",
    "ablation": "ablations.ablation",
    "add_frames": "training.adding_frames",
    "compare": "evaluation.compare",
    "demo": "demonstration",
    "evaluate": "evaluation.evaluate",
    "generate": "inference.generate",
    "import_checkpoint": "models.importing",
    "inspect": "inspection.inspection",
    "robustness": "evaluation.robustness.study",
    "train": "training.loop",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used.

    So ``import listen_and_move`` does not wait for torch.
    """
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
