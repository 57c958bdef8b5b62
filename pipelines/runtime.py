"""ONNX Runtime as it is installed here: exactly one of its packages, and what it can run on."""

import sys
import warnings
from contextlib import redirect_stdout
from importlib.metadata import PackageNotFoundError, distribution

from csplade.pipelines.encode_options import Device
from csplade.pipelines.errors import MissingExtraError, UsageError
from csplade.pipelines.quantize_kinds import rounds_activations

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_SMALLEST_GRAPH = (
    b'\x08\x07:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
"""An ONNX file of one number and one Identity, of opset 13."""


def providers(device: Device | None) -> list[str]:
    """Return what a session is to be begun with: CUDA, if this runtime was built with it, and the processor.

    TensorRT and CoreML would compile for each shape of batch.

    Raises:
        UsageError: a GPU is asked for, and this runtime was built without.
    """
    import onnxruntime

    if device is Device.CPU:
        return [_CPU]
    available = onnxruntime.get_available_providers()
    if device is Device.CUDA and CUDA not in available:
        raise no_gpu(f"the onnxruntime here has only {', '.join(available)}")
    return [name for name in (CUDA, _CPU) if name in available]


def preferred_device(asked: Device | None, quantization: str) -> Device | None:
    """Return the device to begin with of an encoder whose contract says so; None: a GPU if there is one.

    CUDA has no products of rounded activations: they would go back to the processor, and all else to and fro.
    """
    return Device.CPU if asked is None and rounds_activations(quantization) else asked


def usable_device(quantization: str = "none") -> Device:
    """Return the device that is taken where none is asked for: that which a session really begins with.

    A runtime that was built with CUDA says so on every machine, and goes on without where there is no GPU.
    `quantization` is what the encoder's contract says.

    Raises:
        MissingExtraError: there is no onnxruntime.
        UsageError: two runtimes are installed.
    """
    require_runtime()
    wanted = providers(preferred_device(None, quantization))
    if CUDA not in wanted:
        return Device.CPU
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # That CUDA did not begin is the answer here, and no error to be shown.
    options.log_severity_level = 4
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        session = onnxruntime.InferenceSession(_SMALLEST_GRAPH, options, providers=wanted)
    return Device.CUDA if CUDA in session.get_providers() else Device.CPU


def no_gpu(reason: str) -> UsageError:
    """Return what is said where a GPU was asked for in vain."""
    return UsageError(
        f"a GPU was asked for, and {reason}: uninstall onnxruntime, then  pip install 'csplade[gpu]'  on a machine "
        "with CUDA, or leave the device to csplade"
    )


def require_runtime() -> None:
    """Check that exactly one of the two runtimes is installed; both share one import name.

    Raises:
        MissingExtraError: there is none.
        UsageError: both are there, and which one is used is a matter of chance.
    """
    installed = [name for name in _RUNTIMES if _is_installed(name)]
    if not installed:
        raise MissingExtraError("onnxruntime", "cpu")
    if len(installed) > 1:
        raise UsageError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other: uninstall both, then install "
            "the one for this machine with  pip install 'csplade[cpu]'  or  pip install 'csplade[gpu]'"
        )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
