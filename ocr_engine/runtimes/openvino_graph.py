"""Networks rewritten before OpenVINO compiles them: the same numbers in fewer or faster operations.

Any, here: the library's objects, whose types are only known once it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ocr_engine.runtimes.shortlist import Shortlist
from ocr_engine.types import Tensor

# Counts the changes of this file, so that a network that an older one made is not taken.
REVISION = 3
_DOUBLING = {"strides": [2, 2], "dilations": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0], "output_padding": [0, 0]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """The last layer of a recogniser: `source` gives (n, steps, d), `weights` (d, c) and `shift` (c,) its logits."""

    source: Any
    weights: Tensor
    shift: Tensor


def classifier_of(model: Any) -> Classifier | None:
    """The layer behind which a model has nothing but a softmax; None: it ends otherwise."""
    softmax = _input_of(model.get_results()[0])
    if len(model.get_results()) != 1 or softmax.get_type_name() != "Softmax":
        return None
    shifted = _input_of(softmax)
    product = _input_of(shifted) if shifted.get_type_name() == "Add" else None
    if product is None or product.get_type_name() != "MatMul" or any(product.get_attributes().values()):
        return None
    if any(_input_of(node, 1).get_type_name() != "Constant" for node in (shifted, product)):
        return None
    weights, shift = _weights_of(product), _weights_of(shifted)
    if weights.ndim != 2 or shift.shape != weights.shape[1:]:
        return None
    return Classifier(source=product.input_value(0), weights=weights, shift=shift)


def body_with(model: Any, classifier: Classifier, short: Shortlist) -> Any:
    """The model with a shortlist in place of its classifier.

    Its outputs: what the classifier would take, (n, steps, d); the probabilities among the shortlist, (n, steps, s);
    and how far the best leader's logit is over the best one's of the shortlist, (n, steps).
    """
    import openvino.opset13 as ops

    likely, leaders = (_classified(ops, classifier.source, *layer) for layer in (short.likely, short.leaders))
    last = ops.constant(np.array([2]))
    ahead = ops.subtract(ops.reduce_max(leaders, last, False), ops.reduce_max(likely, last, False))
    outputs = [classifier.source, ops.softmax(likely, 2).output(0), ahead.output(0)]
    return type(model)(outputs, model.get_parameters(), model.get_friendly_name())


def head_of(model: Any, classifier: Classifier) -> Any:
    """The classifier alone: (rows, d) to the probabilities of all classes, (rows, c)."""
    import openvino.opset13 as ops

    rows = ops.parameter([-1, len(classifier.weights)], np.float32)
    whole = ops.softmax(_classified(ops, rows, classifier.weights, classifier.shift), 1)
    return type(model)([whole.output(0)], [rows], "classifier")


def with_flat_tail(model: Any) -> Any:
    """The model with the end of a DB detector in 1 x 1 convolutions; the model itself if it ends otherwise.

    Its last two layers double the map each (kernel 2, stride 2), so no two of their outputs share an input: they are
    1 x 1 convolutions to four times the channels, and one move of 4 x 4 pixels at the end. The same bits in float32.
    OpenVINO has these in bf16, and the sigmoid in sixteen channels; the transposed ones it runs in float32, and the
    sigmoid of a single channel one number at a time: a sixth of the detector.
    """
    sigmoid = _input_of(model.get_results()[0])
    last = _input_of(sigmoid) if sigmoid.get_type_name() == "Sigmoid" else None
    relu = _input_of(_input_of(last)) if _is_doubling(last) else None
    first = _input_of(relu) if relu is not None and relu.get_type_name() == "Relu" else None
    if not _is_doubling(first):
        return model
    import openvino.opset13 as ops

    inner, outer = (_weights_of(_input_of(node)) for node in (first, last))
    wide = inner.transpose(2, 3, 1, 0).reshape(-1, len(inner), 1, 1)
    folded = ops.relu(_shifted(ops, _convolved(ops, _input_of(first).input_value(0), wide), _weights_of(first), 4))
    folded = _shifted(ops, _convolved(ops, folded, _spread(outer)), _weights_of(last), 16)
    whole = ops.depth_to_space(ops.sigmoid(folded), "blocks_first", 4)
    return type(model)([whole.output(0)], model.get_parameters(), model.get_friendly_name())


def _spread(kernel: Tensor) -> Tensor:
    """A doubling kernel (channels, 1, 2, 2) over four groups of channels (a, b): (16, 4 * channels, 1, 1).

    Output 8a + 4p + 2b + q is pixel (2a + p, 2b + q) of its 4 x 4.
    """
    spread = np.zeros((2, 2, 2, 2, 2, 2, len(kernel)), dtype=np.float32)
    for a, b in np.ndindex(2, 2):
        spread[a, :, b, :, a, b] = kernel[:, 0].transpose(1, 2, 0)
    return spread.reshape(16, -1, 1, 1)


def _is_doubling(node: Any | None) -> bool:
    """Whether a node adds its shift to a transposed convolution of kernel and stride 2 without padding."""
    if node is None or node.get_type_name() != "Add":
        return False
    layer = _input_of(node)
    if layer.get_type_name() != "ConvolutionBackpropData" or layer.get_input_size() != 2:
        return False
    attributes = layer.get_attributes()
    plain = all(attributes[name] == value for name, value in _DOUBLING.items())
    constants = [_input_of(layer, 1), _input_of(node, 1)]
    if not plain or any(one.get_type_name() != "Constant" for one in constants):
        return False
    return list(constants[0].shape)[2:] == [2, 2]


def _classified(ops: Any, source: Any, weights: Tensor, shift: Tensor) -> Any:
    return ops.add(ops.matmul(source, ops.constant(weights), False, False), ops.constant(shift))


def _convolved(ops: Any, source: Any, kernel: Tensor) -> Any:
    return ops.convolution(source, ops.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])


def _shifted(ops: Any, source: Any, shift: Tensor, times: int) -> Any:
    return ops.add(source, ops.constant(np.tile(shift.reshape(-1), times).reshape(1, -1, 1, 1)))


def _input_of(node: Any, at: int = 0) -> Any:
    """The node that gives an input; those that pass it on as it is are left out."""
    node = node.input_value(at).get_node()
    return _input_of(node) if node.get_type_name() == "Identity" else node


def _weights_of(node: Any) -> Tensor:
    return np.asarray(_input_of(node, 1).get_data(), dtype=np.float32)
