"""The plan for local models, without torch in this process and without a GPU on this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from postopt.engine import OptimizedEngine
from postopt.engine.device import DevicePlan, ask_driver, plan

H100 = {"name": "NVIDIA H100", "memory": 85 * 2**30, "capability": [9, 0]}


@pytest.fixture
def torch(tmp_path):
    """Return a function that installs a torch that must not be imported, and returns the path to it."""

    def install(cuda, text="__version__ = '2.7.0'\ncuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"):
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('imported')")
        (tmp_path / "torch" / "version.py").write_text(text.format(cuda=cuda))
        return [str(tmp_path)]

    return install


def never():
    raise AssertionError("asked the driver")


def test_without_torch(tmp_path):
    assert plan(path=[str(tmp_path)], ask=never) == DevicePlan("cpu", "float32", 32, "torch is not installed")


def test_a_cpu_build_does_not_ask_the_driver(torch):
    assert plan(path=torch(None), ask=never).reason == "torch 2.7.0 is a build without CUDA"


@pytest.mark.parametrize(
    ("capability", "dtype"), [([9, 0], "bfloat16"), ([8, 0], "bfloat16"), ([7, 5], "float16"), ([6, 1], "float32")]
)
def test_a_cuda_build_with_a_device(torch, capability, dtype):
    found = plan(path=torch("12.8"), ask=lambda: {**H100, "capability": capability})
    assert (found.device, found.dtype, found.batch_size, found.memory) == ("cuda", dtype, 128, 85 * 2**30)
    assert "NVIDIA H100" in found.reason
    assert "CUDA 12.8" in found.reason


def test_a_cuda_build_without_a_device_says_why(torch):
    found = plan(path=torch("12.8"), ask=lambda: {"problem": "cuInit answers error 100"})
    assert (found.device, found.dtype, found.batch_size, found.memory) == ("cpu", "float32", 32, None)
    assert "cuInit answers error 100" in found.reason


def test_a_torch_without_a_version_file_is_a_cpu_build(torch):
    path = torch(None, text="")
    assert plan(path=path, ask=never).device == "cpu"


def test_the_driver_is_asked_in_another_process():
    before = set(sys.modules)
    answer = ask_driver()
    assert "problem" in answer or {"name", "memory", "capability"} == set(answer)
    assert "ctypes" not in set(sys.modules) - before


def test_a_driver_that_hangs_is_left_alone():
    assert "failed" in ask_driver(limit_seconds=1e-3)["problem"]


def test_the_engine_asks_once():
    engine = OptimizedEngine(wisdom=None)
    assert engine.device is engine.device
    assert engine.device.batch_size in (32, 128)


DRIVER = """
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 7; return 0; }
int cuDeviceGetName(char *name, int n, int device) { name[0] = 'G'; name[1] = '0' + device; name[2] = 0; return 0; }
int cuDeviceTotalMem_v2(unsigned long *bytes, int device) { *bytes = 150000000000UL; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return 0; }
"""


@pytest.mark.skipif(not shutil.which("cc") or sys.platform != "linux", reason="needs a C compiler on Linux")
@pytest.mark.parametrize("count", [1, 0])
def test_what_is_asked_fits_the_drivers_interface(tmp_path, monkeypatch, count):
    """Against a driver library of our own with the documented signatures: there may be no GPU here."""
    (tmp_path / "driver.c").write_text(DRIVER)
    command = ["cc", "-shared", "-fPIC", f"-DCOUNT={count}", "-o", tmp_path / "libcuda.so.1", tmp_path / "driver.c"]
    subprocess.run(command, check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    expected = (
        {"name": "G7", "memory": 150_000_000_000, "capability": [9, 0]}
        if count
        else {"problem": "the driver sees no device"}
    )
    assert ask_driver() == expected
