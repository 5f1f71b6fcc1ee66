"""TensorBoard's event files, with the `tensorboard` package alone: PyTorch's SummaryWriter needs torch as well.

Scalars, texts and hyperparameters as that one writes them (torch/utils/tensorboard/summary.py, which follows the
protocol buffers of tensorboard/compat/proto and tensorboard/plugins). Imported when an export asks for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write(folder: Path, values: Iterable[Any], started: float) -> None:
    """One event per value, which are `scalar`s, `text`s and of `hyperparameters`, at step 0 and the time `started`, in
    seconds since 1970. Raises OSError."""
    with contextlib.closing(EventFileWriter(str(folder))) as writer:
        for value in values:
            writer.add_event(Event(wall_time=started, step=0, summary=Summary(value=[value])))


def scalar(tag: str, number: float) -> Any:
    return Summary.Value(tag=tag, simple_value=number)


def text(tag: str, markdown: str) -> Any:
    tensor = TensorProto(
        dtype="DT_STRING",
        string_val=[markdown.encode()],
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
    )
    known = _metadata("text", TextPluginData(version=0))
    return Summary.Value(tag=f"{tag}/text_summary", metadata=known, tensor=tensor)


def hyperparameters(facts: Mapping[str, float | str], figures: Iterable[str]) -> Iterable[Any]:
    """What HPARAMS shows of a run: its facts beside the scalars of these names."""
    start = SessionStartInfo()
    described = []
    for name, value in facts.items():
        if isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
        kind = "DATA_TYPE_STRING" if isinstance(value, str) else "DATA_TYPE_FLOAT64"
        described.append(api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind)))
    shown = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in figures]
    end = SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
    yield _hparams(metadata.EXPERIMENT_TAG, experiment=api_pb2.Experiment(hparam_infos=described, metric_infos=shown))
    yield _hparams(metadata.SESSION_START_INFO_TAG, session_start_info=start)
    yield _hparams(metadata.SESSION_END_INFO_TAG, session_end_info=end)


def _hparams(tag: str, **content: Any) -> Any:
    data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    return Summary.Value(tag=tag, metadata=_metadata(metadata.PLUGIN_NAME, data))


def _metadata(plugin: str, content: Any) -> Any:
    return SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content.SerializeToString())
    )
