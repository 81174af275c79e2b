"""The command: flags, output, exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pymupdf
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from ocr_engine.cli import ocr
from ocr_engine.options import PARAMETERS, EngineOptions
from ocr_engine.page_choice import PageChoice
from ocr_engine.progress import page_bar
from tests.unit.engine.drawing import LINES, encoded, pdf, saved, sheet

app = typer.Typer()
app.command("ocr")(ocr)
runner = CliRunner()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return saved(tmp_path, "page.png", encoded(sheet(LINES[:1], size=(700, 120)), "PNG"))


def test_json_is_one_document_and_nothing_else(page: Path, tmp_path: Path) -> None:
    outcome = runner.invoke(app, ["-i", str(page), "--json", "--save_path", str(tmp_path / "out")])
    assert outcome.exit_code == 0
    (read,) = json.loads(outcome.stdout)
    assert read["rec_texts"] == [LINES[0]]
    assert read["original"]["polys"] == read["rec_polys"]
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_outputs_are_files_of_the_whole_document_and_nothing_that_was_not_asked_for(tmp_path: Path) -> None:
    document = saved(tmp_path, "two.pdf", pdf(*(sheet((line,), size=(700, 120)) for line in LINES[:2])))
    folder = tmp_path / "out"
    asked = ["--outputs", "text,hocr,alto,pdf", "--save_path", str(folder)]
    outcome = runner.invoke(app, ["-i", str(document), *asked])
    assert outcome.exit_code == 0, outcome.output
    names = ["two.alto.xml", "two.hocr", "two.pdf", "two.txt"]
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in ("two.alto.xml", "two.hocr", "two.txt"):
        assert all(word in (folder / name).read_text() for line in LINES[:2] for word in line.split())
    with pymupdf.open(folder / "two.pdf") as searchable:
        texts = [" ".join(page.get_text().split()) for page in searchable]
    assert texts == list(LINES[:2])


def test_outputs_of_two_documents_of_one_name_are_two_files(page: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    for place in ("in/a.png", "in/a/a.png"):
        (tmp_path / place).write_bytes(page.read_bytes())
    asked = ["--outputs", "text", "--save_path", str(tmp_path / "out")]
    assert runner.invoke(app, ["-i", str(tmp_path / "in"), *asked]).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-2.txt", "a.txt"]


@pytest.mark.parametrize(
    "flags",
    [["--outputs", "words", "--save_path", "out"], ["--outputs", "pdf"], ["--outputs", "text", "--json"]],
)
def test_outputs_that_there_are_not_or_that_have_no_folder_are_refused(page: Path, flags: list[str]) -> None:
    outcome = runner.invoke(app, ["-i", str(page), *flags])
    assert outcome.exit_code == 2
    assert "error [invalid_request]: outputs:" in outcome.stderr


def test_the_text_alone_is_printed_where_no_folder_is_named(page: Path) -> None:
    outcome = runner.invoke(app, [str(page), "--outputs", "text"])
    assert (outcome.exit_code, outcome.stdout) == (0, f"{LINES[0]}\n")
    saved(page.parent, "other.png", page.read_bytes())
    refused = runner.invoke(app, [str(page.parent), "--outputs", "text"])
    assert (refused.exit_code, "2 documents" in refused.stderr) == (2, True)


@pytest.mark.parametrize("folder", ["/proc/none", "page.png", "page.png/in"])
def test_a_folder_that_cannot_be_made_is_told_as_a_usage_error(page: Path, folder: str) -> None:
    outcome = runner.invoke(app, ["-i", str(page), "--save_path", str(page.parent / folder)])
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("error [invalid_request]: save_path: cannot write into ")


def test_the_document_is_named_with_or_without_a_flag_and_once(page: Path) -> None:
    by_flag, plain = (runner.invoke(app, [*named, str(page), "--json"]) for named in (["-i"], []))
    assert json.loads(by_flag.stdout)[0]["rec_texts"] == json.loads(plain.stdout)[0]["rec_texts"]
    assert runner.invoke(app, ["-i", str(page), str(page)]).exit_code == 2
    assert runner.invoke(app, []).exit_code == 2


def test_without_json_the_result_is_printed_as_the_reference_prints_it(page: Path) -> None:
    outcome = runner.invoke(app, ["-i", str(page), "--use_doc_orientation_classify", "False"])
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("{'res': {'input_path'")


def test_every_option_of_an_engine_is_a_flag() -> None:
    names = {parameter.name for parameter in PARAMETERS}
    assert names == set(EngineOptions.__dataclass_fields__)
    help_text = runner.invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    # A mapping is not a word of a command line.
    assert all(f"--{name}" in help_text for name in names - {"engine_config"})


def test_a_flag_reaches_the_engine(page: Path) -> None:
    outcome = runner.invoke(app, ["-i", str(page), "--json", "--text_det_unclip_ratio", "2.5"])
    assert json.loads(outcome.stdout)[0]["text_det_params"]["unclip_ratio"] == 2.5


def test_settings_of_the_system_are_those_of_the_command_too(page: Path, tmp_path: Path) -> None:
    settings = {
        "OCRFLEET_PROFILE": "paddleocr-3.7",
        "OCRFLEET_MODEL_SOURCE": "offline",
        "OCRFLEET_MODEL_DIR": str(tmp_path / "models"),
    }
    refused = runner.invoke(app, ["-i", str(page)], env=settings)
    assert (refused.exit_code, "model_unavailable" in refused.output) == (1, True)
    assert str(tmp_path / "models") in refused.output
    read = runner.invoke(app, ["-i", str(page), "--profile", "default"], env=settings)
    assert read.exit_code == 0


def test_a_shape_is_three_numbers(page: Path) -> None:
    usual = json.loads(runner.invoke(app, ["-i", str(page), "--json"]).stdout)
    flags = ["--text_det_input_shape", "3", "96", "320", "--text_rec_input_shape", "3", "48", "640"]
    outcome = runner.invoke(app, ["-i", str(page), "--json", *flags])
    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout)[0]["dt_polys"] != usual[0]["dt_polys"]
    assert runner.invoke(app, ["-i", str(page), "--text_det_input_shape", "3", "97", "320"]).exit_code == 2


def test_a_document_that_fails_exits_with_1_and_its_code(tmp_path: Path) -> None:
    outcome = runner.invoke(app, ["-i", str(saved(tmp_path, "page.png", b"text")), "--json"])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("error [unsupported_media]: ")
    assert json.loads(outcome.stdout) == []


def test_in_a_folder_the_others_are_still_read(page: Path) -> None:
    saved(page.parent, "a_broken.pdf", b"%PDF-1.7 nothing")
    outcome = runner.invoke(app, ["-i", str(page.parent), "--json"])
    assert outcome.exit_code == 1
    assert "a_broken.pdf" in outcome.stderr
    assert json.loads(outcome.stdout)[0]["rec_texts"] == [LINES[0]]


@pytest.mark.parametrize(
    "flags",
    [
        ["--device", "cpu:0"],
        ["--text_det_thresh", "7"],
        ["--no_such"],
        ["--use_doc_unwarping", "perhaps"],
        ["--text_layer", "foo"],
    ],
)
def test_a_wrong_flag_is_a_usage_error(page: Path, flags: list[str]) -> None:
    assert runner.invoke(app, ["-i", str(page), *flags]).exit_code == 2


def test_a_missing_file_is_a_usage_error() -> None:
    outcome = runner.invoke(app, ["-i", "nowhere.png"])
    assert outcome.exit_code == 2
    assert "error [invalid_request]: there is no file nowhere.png" in outcome.stderr


def test_only_the_pages_asked_for_are_read(tmp_path: Path) -> None:
    source = saved(tmp_path, "doc.pdf", pdf(*[sheet((), size=(64, 64))] * 3))
    outcome = runner.invoke(app, ["-i", str(source), "--json", "--pages", "2-3"])
    assert [page["page_index"] for page in json.loads(outcome.stdout)] == [1, 2]
    assert runner.invoke(app, ["-i", str(source), "--pages", "3-1"]).exit_code == 2


def test_documents_of_one_name_are_all_saved(page: Path, tmp_path: Path) -> None:
    (page.parent / "sub").mkdir()
    saved(page.parent / "sub", "page.png", page.read_bytes())
    runner.invoke(app, ["-i", str(page.parent), "--json", "--save_path", str(tmp_path / "out")])
    names = {path.name for path in (tmp_path / "out").glob("*_res.json")}
    assert names == {"page_res.json", "page-2_res.json"}


def test_nothing_is_drawn_that_is_not_saved(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("drawn")

    monkeypatch.setattr("ocr_engine.render.draw_lines", fail)
    assert runner.invoke(app, ["-i", str(page)]).exit_code == 0


def test_the_bar_counts_pages_on_a_terminal_and_is_silent_elsewhere(page: Path, tmp_path: Path) -> None:
    documents = [str(saved(tmp_path, "doc.pdf", pdf(*[sheet((), size=(64, 64))] * 3))), str(page)]
    terminal, pipe = io.StringIO(), io.StringIO()
    for out, is_terminal in ((terminal, True), (pipe, False)):
        console = Console(file=out, force_terminal=is_terminal, width=100)
        with page_bar(documents, PageChoice.parse("1-2"), console=console) as advance:
            advance()
            advance()
    assert "2/3" in terminal.getvalue()
    assert "pages/s" in terminal.getvalue()
    assert pipe.getvalue() == ""
