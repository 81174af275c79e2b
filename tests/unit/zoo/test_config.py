"""`inference.yml`: read verbatim, and never run."""

from __future__ import annotations

import pytest
import yaml

from ocr_engine import ModelUnavailable
from ocr_engine.zoo.config import ModelConfig, parse_number, read_config, read_dictionary

DETECTOR = """
Global: {model_name: PP-OCRv6_small_det}
Hpi:
  backend_configs:
    paddle_infer:
      trt_dynamic_shapes: &id001
        x: [[1, 3, 32, 32], [1, 3, 736, 736], [1, 3, 4000, 4000]]
    tensorrt:
      dynamic_shapes: *id001
PostProcess: {box_thresh: 0.45, max_candidates: 3000, name: DBPostProcess, thresh: 0.2, unclip_ratio: 1.4}
PreProcess:
  transform_ops:
  - DecodeImage: {channel_first: false, img_mode: BGR}
  - DetLabelEncode: null
  - DetResizeForTest:
      resize_long: 960
  - NormalizeImage:
      mean: [0.485, 0.456, 0.406]
      order: hwc
      scale: 1./255.
      std: [0.229, 0.224, 0.225]
  - ToCHWImage: null
  - KeepKeys: {keep_keys: [image, shape, polys, ignore_tags]}
"""
HOSTILE = [
    "!", '"', "#", "$", "%", "&", "'", "''", "*", "-", "- ", ":", "?", "@", "[", "\\", "]", "{", "|", "}", "~", "`",
    "0", "007", "1e3", "null", "true", "yes", "No", "=", "<<", "&a", "!!python/object:os.system", "\u3000", " ",
    "\u00a0", "\u200d", "\ufeff", "\u2028", "\t", "😀", "👩‍👩‍👧", "🕧", "a\u0301", "", "---", "...", ">",
    "%YAML", "\x7f",
]  # fmt: skip


def read(text: str) -> ModelConfig:
    return read_config(text.encode(), where="inference.yml")


def test_a_detector_s_file_gives_its_name_steps_thresholds_and_shapes() -> None:
    config = read(DETECTOR)
    assert config.model_name == "PP-OCRv6_small_det"
    assert [step.name for step in config.operations][:3] == ["DecodeImage", "DetLabelEncode", "DetResizeForTest"]
    normalize = config.operation("NormalizeImage")
    assert normalize is not None
    assert normalize.numbers["mean"] == (0.485, 0.456, 0.406)
    assert normalize.numbers["scale"] == (1 / 255,)
    assert normalize.words == {"order": "hwc"}
    assert config.detection is not None
    assert (config.detection.thresh, config.detection.box_thresh) == (0.2, 0.45)
    assert (config.detection.unclip_ratio, config.detection.max_candidates) == (1.4, 3000)
    assert config.shapes == {"x": ((1, 3, 32, 32), (1, 3, 736, 736), (1, 3, 4000, 4000))}
    assert config.operation("CropImage") is None


def test_a_classifier_s_file_gives_its_labels() -> None:
    config = read('PostProcess: {Topk: {topk: 1, label_list: ["0", "90", "180", "270"]}}')
    assert config.labels == ("0", "90", "180", "270")
    assert config.post_process == "Topk"


def test_a_dictionary_survives_the_round_trip_verbatim() -> None:
    text = yaml.safe_dump({"PostProcess": {"name": "CTCLabelDecode", "character_dict": HOSTILE}}, allow_unicode=True)
    assert read(text).characters == tuple(HOSTILE)


def test_entries_written_by_hand_are_taken_as_they_stand() -> None:
    entries = ("~", "=", "1", "yes", "null", "''''", "'#'", '"\u3000"', "😀")
    text = "PostProcess:\n  character_dict:\n" + "".join(f"  - {entry}\n" for entry in entries)
    assert read(text).characters == ("~", "=", "1", "yes", "null", "'", "#", "\u3000", "😀")


def test_a_tag_that_would_run_a_command_is_only_text() -> None:
    config = read("Global: {model_name: !!python/object/apply:os.system [exit]}\n".replace("[exit]", "echo"))
    assert config.model_name == "echo"


@pytest.mark.parametrize(("text", "value"), [("1./255.", 1 / 255), ("0.5", 0.5), ("1e-3", 0.001), (" 3 / 4 ", 0.75)])
def test_a_scale_is_a_number_or_a_quotient(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text", ["__import__('os')", "1/0", "1/2/3", "2**9", "", "1 2", "()", "e", "nan", "1.2.3", "-"]
)
def test_a_scale_that_is_anything_else_is_refused_and_not_run(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text)
    with pytest.raises(ModelUnavailable, match=r"scale|number|transform_ops"):
        read(yaml.safe_dump({"PreProcess": {"transform_ops": [{"NormalizeImage": {"scale": text}}]}}))


@pytest.mark.parametrize(
    "text",
    [
        "[", "- a", "Global: [a]", "Global: {model_name: [x]}", "PostProcess: {character_dict: {a: b}}",
        "PostProcess: {character_dict: [[a]]}", "PostProcess: {character_dict: [\"a\\nb\"]}",
        "PostProcess: {name: DBPostProcess, thresh: high}", "PreProcess: {transform_ops: [{A: null, B: null}]}",
        "Hpi: {backend_configs: {tensorrt: {dynamic_shapes: {x: [[1, 2]]}}}}", "a: *missing", "[" * 5000,
        "? [a]\n: b", "Global: {? {a: b} : c}",
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_description_is_refused_by_name(text: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"inference\.yml is not a model description"):
        read(text)


def test_bytes_that_are_not_utf_8_or_too_many_are_refused() -> None:
    with pytest.raises(ModelUnavailable, match="utf-8"):
        read_config(b"\xff\xfe", where="inference.yml")
    with pytest.raises(ModelUnavailable, match="at most"):
        read_config(b" " * (9 << 20), where="inference.yml")


def test_an_empty_file_says_nothing() -> None:
    assert read("") == ModelConfig()


def test_a_dictionary_file_keeps_its_spaces() -> None:
    lines = "\u3000\n一\n'\n#\n"
    assert read_dictionary(lines.encode(), is_whole=False, where="keys") == ("\u3000", "一", "'", "#")
    assert read_dictionary(f"blank\n{lines} \n".encode(), is_whole=True, where="keys") == ("\u3000", "一", "'", "#")
    with pytest.raises(ModelUnavailable, match="keys is not"):
        read_dictionary(b"\xff", is_whole=False, where="keys")
