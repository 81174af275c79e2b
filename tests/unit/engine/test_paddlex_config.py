"""PaddleX's pipeline configuration: what of it is obeyed, what is refused, and that it goes out as it came in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ocr_engine import EngineOptions, InvalidRequest, OCREngine
from ocr_engine.paddlex_config import options_in
from tests.unit.engine.drawing import LINES, bgr, encoded, saved, sheet
from tests.unit.engine.test_cli import app

# The layout of the pipeline's own file.
CONFIG = """
pipeline_name: OCR
text_type: general
use_doc_preprocessor: True
use_textline_orientation: False
SubPipelines:
  DocPreprocessor:
    pipeline_name: doc_preprocessor
    use_doc_orientation_classify: True
    use_doc_unwarping: False
    SubModules:
      DocOrientationClassify: {module_name: doc_text_orientation, model_name: PP-LCNet_x1_0_doc_ori, model_dir: null}
      DocUnwarping: {module_name: image_unwarping, model_name: UVDoc, model_dir: null}
SubModules:
  TextDetection:
    module_name: text_detection
    model_name: PP-OCRv5_mobile_det
    limit_side_len: 640
    limit_type: max
    max_side_limit: 3000
    thresh: 0.25
    box_thresh: 0.5
    unclip_ratio: 1.7
    input_shape: [3, 320, 640]
  TextLineOrientation: {module_name: textline_orientation, model_name: PP-LCNet_x1_0_textline_ori, batch_size: 2}
  TextRecognition:
    module_name: text_recognition
    model_name: PP-OCRv6_small_rec
    batch_size: 3
    score_thresh: 0.5
    return_word_box: true
engine: onnxruntime
engine_config: {onnxruntime: {intra_op_num_threads: 1}}
"""


def test_every_entry_of_the_file_becomes_an_option(tmp_path: Path) -> None:
    path = saved(tmp_path, "OCR.yaml", CONFIG.encode())
    expected = EngineOptions(
        use_textline_orientation=False,
        use_doc_orientation_classify=True,
        use_doc_unwarping=False,
        doc_orientation_classify_model_name="PP-LCNet_x1_0_doc_ori",
        doc_unwarping_model_name="UVDoc",
        text_detection_model_name="PP-OCRv5_mobile_det",
        text_det_limit_side_len=640,
        text_det_limit_type="max",
        text_det_max_side_limit=3000,
        text_det_thresh=0.25,
        text_det_box_thresh=0.5,
        text_det_unclip_ratio=1.7,
        text_det_input_shape=[3, 320, 640],
        textline_orientation_model_name="PP-LCNet_x1_0_textline_ori",
        textline_orientation_batch_size=2,
        text_recognition_model_name="PP-OCRv6_small_rec",
        text_recognition_batch_size=3,
        text_rec_score_thresh=0.5,
        return_word_box=True,
        engine="onnxruntime",
        engine_config={"onnxruntime": {"intra_op_num_threads": 1}},
    )
    assert EngineOptions.parse({"paddlex_config": path}) == expected
    assert EngineOptions.parse({"paddlex_config": yaml.safe_load(CONFIG)}) == expected
    assert EngineOptions.parse({"paddlex_config": "OCR"}) == EngineOptions()


def test_an_option_by_name_wins_over_the_file_under_each_of_its_names() -> None:
    config = {"SubModules": {"TextDetection": {"thresh": 0.1, "box_thresh": 0.2}}}
    with pytest.warns(DeprecationWarning):
        options = EngineOptions.parse({"paddlex_config": config, "det_db_thresh": 0.4, "text_det_box_thresh": None})
    assert (options.text_det_thresh, options.text_det_box_thresh) == (0.4, 0.2)


def test_no_preprocessor_means_neither_of_its_steps() -> None:
    found = options_in(
        {"use_doc_preprocessor": False, "SubPipelines": {"DocPreprocessor": {"use_doc_unwarping": True}}}
    )
    assert found == {"use_doc_orientation_classify": False, "use_doc_unwarping": False}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Serving": {"visualize": False}}, "Serving means nothing here"),
        ({"hpi_config": {}}, "hpi_config means nothing here"),
        ({"text_type": "seal"}, "text_type can only be 'general'"),
        ({"pipeline_name": "seal_recognition"}, "pipeline_name can only be 'OCR'"),
        ({"SubModules": {"TextDetection": {"batch_size": 4}}}, "TextDetection.batch_size can only be 1"),
        ({"SubModules": {"TextDetection": {"use_dilation": True}}}, "TextDetection.use_dilation means nothing"),
        ({"SubModules": {"LayoutDetection": {"model_name": "x"}}}, "SubModules.LayoutDetection means nothing"),
        ({"SubModules": {"TextDetection": {"thresh": 7}}}, "text_det_thresh=7"),
        ({"SubModules": "TextDetection"}, "SubModules means nothing"),
        (["OCR"], "must be a mapping"),
        ("no-such.yaml", "cannot read no-such.yaml"),
    ],
)
def test_what_means_nothing_here_is_refused_by_its_place(config: object, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        EngineOptions.parse({"paddlex_config": config})
    assert words in raised.value.message


@pytest.mark.parametrize("text", ["a: [", "!!python/object/apply:os.getcwd []", "just text"])
def test_a_file_that_is_no_configuration_is_refused_and_never_run(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match="paddlex_config"):
        EngineOptions.parse({"paddlex_config": saved(tmp_path, "bad.yaml", text.encode())})


def test_an_engine_written_out_and_read_in_is_the_same_engine(tmp_path: Path) -> None:
    path = tmp_path / "OCR.yaml"
    with OCREngine(cpu_threads=1, text_det_thresh=0.2, lang="en", text_recognition_batch_size=2) as engine:
        engine.export_paddlex_config_to_yaml(path)
        before = engine.predict_page(bgr(sheet(LINES[:1], size=(700, 120)))).json
        models = engine.models
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert written["SubModules"]["TextDetection"]["model_name"] == "PP-OCRv6_small_det"
    assert (written["pipeline_name"], written["use_doc_preprocessor"]) == ("OCR", True)
    assert written["SubPipelines"]["DocPreprocessor"]["use_doc_unwarping"] is False
    with OCREngine(cpu_threads=1, paddlex_config=path) as again:
        assert again.models == models
        assert again.predict_page(bgr(sheet(LINES[:1], size=(700, 120)))).json == before


def test_the_command_takes_the_file(tmp_path: Path) -> None:
    config = saved(tmp_path, "OCR.yaml", b"SubModules: {TextDetection: {thresh: 0.25}}")
    page = saved(tmp_path, "page.png", encoded(sheet(LINES[:1], size=(700, 120)), "PNG"))
    outcome = CliRunner().invoke(app, ["-i", str(page), "--json", "--paddlex_config", str(config)])
    assert outcome.exit_code == 0
    assert '"thresh": 0.25' in outcome.stdout
