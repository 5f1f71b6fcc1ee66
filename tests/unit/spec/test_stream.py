"""When state begins anew, and what a model.toml may say of state."""

from pathlib import Path

import pytest

from edgerig.errors import ConfigError
from edgerig.spec import load_models
from edgerig.spec.stream import StreamSpec, resets

ROWS = '[[state]]\nfrom = "hn"\nto = "h"\ninitial = 0.5\n'


def model(folder: Path, more: str) -> str:
    (folder / "net").mkdir()
    (folder / "net/model.toml").write_text(f'source = "onnx"\nfile = "n.onnx"\nno_accuracy_reason = "none"\n{more}')
    return str(folder / "net")


@pytest.mark.parametrize(
    ("stream", "samples", "words"),
    [
        (StreamSpec(), [], "never"),
        (StreamSpec(reset="sample"), [1, 2, 3, 4, 5, 6], "per sample"),
        (StreamSpec(reset="sequence", length=3), [3, 6], "per sequence of 3 samples"),
    ],
)
def test_state_begins_anew(stream: StreamSpec, samples: list[int], words: str) -> None:
    """Before the first sample it is new anyway."""
    assert (resets(stream, 7), stream.words) == (samples, words)
    assert resets(None, 7) == []


def test_sequences_begin_anew_each() -> None:
    """Where a sample is a sequence of steps, what is counted are these."""
    stream = StreamSpec.model_validate({"samples": "sequences"})
    assert (stream.reset, stream.answer) == ("sample", "last")
    assert resets(stream, 9, [2, 3, 4]) == [2, 5]
    assert resets(stream, 4, [2, 3, 4]) == [2]
    assert resets(StreamSpec(samples="sequences", reset="never"), 9, [2, 3, 4]) == []


def test_what_was_known_before_sequences_keeps_its_place_in_the_store() -> None:
    assert StreamSpec(reset="sample").told == {"reset": "sample", "length": None}
    assert StreamSpec(samples="sequences", answer="all").told["answer"] == "all"


def test_a_model_says_what_is_fed_back(tmp_path: Path) -> None:
    (found,) = load_models(model(tmp_path, ROWS + '[stream]\nreset = "sequence"\nlength = 4\n')).values()
    (state,) = found.state
    assert (state.from_, state.to, state.initial, state.keep) == ("hn", "h", 0.5, False)
    assert type(found).model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROWS + ROWS, 'feeds the input "h" twice'),
        ('[stream]\nreset = "sequence"\n', '"length", in samples, goes with reset = "sequence"'),
        ('[stream]\nsamples = "sequences"\nreset = "sequence"\nlength = 2\n', "a sequence is a sample"),
        ('[stream]\nanswer = "all"\n', '"answer" = "all" goes with samples = "sequences"'),
        (
            '[stream]\nsamples = "sequences"\n[dataset]\nlabels = "inputs"\ntable = { file = "t.csv" }\n',
            r'a sample of "table" is one step.*arrays \(N, T, …\) in an "npz", or read the files by a "factory"',
        ),
        (
            '[stream]\nsamples = "sequences"\n[dataset]\nlabels = "inputs"\naudio = { folder = "clips" }\n',
            'a sample of "audio" is one step',
        ),
        (
            '[stream]\nsamples = "sequences"\n[dataset]\nlabels = "inputs"\nimages = { folder = "frames" }\n',
            'a sample of "images" is one step',
        ),
        ("[stream]\nlength = 3\n", '"length", in samples, goes with reset = "sequence"'),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_models(model(tmp_path, text))
