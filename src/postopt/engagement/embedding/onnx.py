"""An exported embedder as a folder: `model.onnx`, `tokenizer.json`, and `embedder.json` that says what they are."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from postopt._files import write_whole
from postopt._optional import needs
from postopt.errors import ModelFileError

with needs("onnx"):
    import onnx


def write_exported(
    folder: str | Path, about: Mapping[str, str | int], tokenizer: bytes, write_model: Callable[[Path], None]
) -> None:
    """Write an exported embedder whole or not at all, for its owner only, once its model was found to be sound.

    All is written to a folder beside, which takes its name at the end.

    Args:
        folder: a new one, or an empty one.
        about: its name, dimension and most_tokens.
        tokenizer: what `tokenizer.json` is to hold.
        write_model: writes the model to a file.

    Raises:
        ModelFileError: the folder holds something.
        OSError: it cannot be written.
    """
    target = Path(folder)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ModelFileError(f"{target} is there, and not empty", hint="give the name of a new folder")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))  # mode 0700
    try:
        write_model(beside / "model.onnx")
        onnx.checker.check_model(str(beside / "model.onnx"))
        (beside / "model.onnx").chmod(0o600)
        write_whole(beside / "tokenizer.json", tokenizer)
        write_whole(beside / "embedder.json", json.dumps(about).encode())
        if target.exists():
            target.rmdir()  # on some systems a folder replaces no other, not even an empty one
        beside.replace(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
