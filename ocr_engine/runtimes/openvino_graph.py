"""The classifier of a recogniser, told apart from its body before OpenVINO compiles both.

Any, here: the library's objects, whose types are only known once it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ocr_engine.runtimes.shortlist import Shortlist
from ocr_engine.types import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """The last layer of a recogniser: `source` gives (n, steps, d), `weights` (d, c) and `shift` (c,) its logits."""

    source: Any
    weights: Tensor
    shift: Tensor


def classifier_of(model: Any) -> Classifier | None:
    """The layer behind which a model has nothing but a softmax; None: it ends otherwise."""
    softmax = input_of(model.get_results()[0])
    if len(model.get_results()) != 1 or softmax.get_type_name() != "Softmax":
        return None
    shifted = input_of(softmax)
    product = input_of(shifted) if shifted.get_type_name() == "Add" else None
    if product is None or product.get_type_name() != "MatMul" or any(product.get_attributes().values()):
        return None
    if any(input_of(node, 1).get_type_name() != "Constant" for node in (shifted, product)):
        return None
    weights, shift = weights_of(product), weights_of(shifted)
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


def value_of(node: Any, at: int = 0) -> Any:
    """The output that an input takes; nodes that pass it on as it is are left out."""
    value = node.input_value(at)
    return value_of(value.get_node()) if value.get_node().get_type_name() == "Identity" else value


def input_of(node: Any, at: int = 0) -> Any:
    """The node that gives an input, as for `value_of`."""
    return value_of(node, at).get_node()


def weights_of(node: Any) -> Tensor:
    """The numbers of a node's second input, a constant."""
    return np.asarray(input_of(node, 1).get_data(), dtype=np.float32)


def _classified(ops: Any, source: Any, weights: Tensor, shift: Tensor) -> Any:
    return ops.add(ops.matmul(source, ops.constant(weights), False, False), ops.constant(shift))
