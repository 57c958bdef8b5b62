"""How texts are run where there are many of them, and nobody waits for a single one; needs onnxruntime."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from csplade.pipelines.contract import Contract, read_contract
from csplade.pipelines.cores import cores
from csplade.pipelines.encode_options import DEFAULT, Device, EncodeOptions
from csplade.pipelines.runtime import usable_device

if TYPE_CHECKING:
    from csplade.pipelines.encode import Encoder


def open_for_many(folder: Path, options: EncodeOptions = DEFAULT, lanes: int | None = None) -> "Encoder":
    """Open an encoder folder as `Encoder.open` does, with the options that `many_texts` gives for its contract.

    Raises:
        EncoderError: the folder is no encoder's, or cannot be run here; see `Encoder.open`.
        MissingExtraError: there is no onnxruntime.
        UsageError: the device asked for is not there, two runtimes are installed, or the options do not fit it.
    """
    # Here, as whoever lets Ray's workers encode takes only their options from this module.
    from csplade.pipelines.encode import Encoder

    return Encoder.open(folder, many_texts(options, lanes, read_contract(folder)))


def many_texts(
    options: EncodeOptions = DEFAULT, lanes: int | None = None, contract: Contract | None = None
) -> EncodeOptions:
    """Return the options with so many batches at the same time, of a thread each.

    Without `lanes` as many as there are cores: threads that share a batch wait for each other after every product. On a
    GPU one; an encoder whose contract says that it rounds activations has a processor also where there is a GPU.

    Raises:
        MissingExtraError: there is no onnxruntime.
        UsageError: two runtimes are installed.
    """
    if lanes is None:
        quantization = "none" if contract is None else contract.quantization
        lanes = 1 if (options.device or usable_device(quantization)) is Device.CUDA else cores()
    return replace(options, lanes=lanes, threads=1 if lanes > 1 else None)


def worker_texts(options: EncodeOptions = DEFAULT, gpus: float = 0.0, lanes: int = 1) -> EncodeOptions:
    """Return the options of one of several workers, which has so many GPUs to itself, maybe a part of one.

    On a processor each lane has one thread, as other workers have the other cores. A worker with a GPU runs on it, or
    says that it cannot.
    """
    return replace(options, device=Device.CUDA if gpus else Device.CPU, lanes=lanes, threads=None if gpus else 1)
