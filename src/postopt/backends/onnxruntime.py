"""Heads in ONNX Runtime, on the CPU and the calling thread.

The model is written here, field by field: the `onnx` package would be another dependency for five messages. Numbers
are those of `onnx.proto`; the encoding is that of Protocol Buffers: a key (field number and wire type), then a
varint, or a length and that many bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from postopt._optional import needs
from postopt.backends.base import Head, Layers, ScoringFunctions
from postopt.backends.scoring import as_layers, checked

with needs("onnxruntime"):
    import onnxruntime

if TYPE_CHECKING:
    from postopt.backends.base import Float32Array

_FLOAT = 1  # TensorProto.DataType
_IR_VERSION, _OPSET = 8, 13  # of 2020: read by every version since, and all that Gemm and Relu need


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: Float32Array) -> bytes:
    """Return a TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9 (little-endian)."""
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _FLOAT) + _bytes(8, name) + _bytes(9, array.astype("<f4").tobytes())


def _node(operator: str, inputs: tuple[str, ...], output: str) -> bytes:
    """Return a NodeProto: input = 1, output = 2, op_type = 4."""
    return b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, operator)


def _matrix(name: str, columns: int) -> bytes:
    """Return a ValueInfoProto: name = 1, type = 2 {tensor_type = 1 {elem_type = 1, shape = 2}}; any number of rows."""
    shape = _bytes(1, _bytes(2, "rows")) + _bytes(1, _number(1, columns))  # dim = 1 {dim_value = 1, dim_param = 2}
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, shape)))


def _model(layers: Layers) -> bytes:
    """Return a ModelProto: ir_version = 1, graph = 7, opset_import = 8 {version = 2}.

    Its GraphProto: node = 1, name = 2, initializer = 5, input = 11, output = 12.
    """
    graph = _bytes(2, "head") + _bytes(11, _matrix("h0", layers[0][0].shape[0]))
    for index, (weights, bias) in enumerate(layers):
        graph += _bytes(5, _tensor(f"w{index}", weights)) + _bytes(5, _tensor(f"b{index}", bias))
        graph += _bytes(1, _node("Gemm", (f"h{index}", f"w{index}", f"b{index}"), f"g{index}"))
        if index + 1 < len(layers):
            graph += _bytes(1, _node("Relu", (f"g{index}",), f"h{index + 1}"))
    graph += _bytes(12, _matrix(f"g{len(layers) - 1}", 1))
    return _number(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, _number(2, _OPSET))


def _mlp(layers: Layers) -> Head:
    options = onnxruntime.SessionOptions()
    # Per session: with one thread each, no pool of threads is started for a head.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = _model(checked(layers))
    run = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run

    def head(rows: Float32Array) -> Float32Array:
        scores: Float32Array = run(None, {"h0": np.ascontiguousarray(rows, np.float32)})[0]
        return scores[:, 0]

    return head


def _linear(weights: Float32Array, bias: float) -> Head:
    return _mlp(as_layers(weights, bias))


SCORING = ScoringFunctions("onnxruntime", onnxruntime.__version__, _linear, _mlp)
