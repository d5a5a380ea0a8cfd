"""What is in the images, and what is not."""

import json
import logging
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from compose import REPOSITORY, VERSION, build, docker, inspect, run

# Megabytes over the base image. OpenCV's wheel and numpy are 221 of those of camera and fer, ONNX
# Runtime's is 80 of those of fer: less would mean to build them from source, which takes the first
# start from minutes to half an hour.
LARGEST = {
    "broker": 120,
    "camera": 260,
    "fer": 345,
    "aggregator": 120,
    "mer-indexer": 500,
    "recommender": 300,
    "gateway": 250,
}
DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
SECRET_NAMES = re.compile(
    r"(^|/)(pip\.conf|\.?netrc|\.pypirc|\.npmrc|\.git-credentials|\.env|\.git|id_[a-z0-9]+|[^/]+\.key"
    r"|ca-certificates\.crt|\.docker|\.aws|\.ssh|[^/]+\.key_secret)(/|$)"
)
SECRET_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_\w{30,}|\bAKIA[A-Z0-9]{16}\b|\bpypi-Ag\w{30,}"
)
LARGEST_TEXT = 1_000_000

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800), pytest.mark.usefixtures("built")]

log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> None:
    build(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="module")
def base() -> str:
    """Name of the image that all of ours begin with."""
    [line] = [x for x in DOCKERFILE.read_text().splitlines() if x.startswith("ARG BASE=")]
    return line.partition("=")[2]


def image(service: str) -> str:
    return f"moodcue-{service}:{VERSION}"


def python(service: str, script: str) -> str:
    return docker("run", "--rm", "--entrypoint", "python", image(service), "-c", script)


def parts(service: str) -> dict[str, str]:
    """Return name and version of the distributions that an image lists, by normal name."""
    listed = ("run", "--rm", "--entrypoint", "cat", image(service), "/opt/moodcue/sbom.cdx.json")
    bill = json.loads(docker(*listed))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == f"moodcue-{service}"
    return {normal(each["name"]): each["version"] for each in bill["components"]}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


@pytest.mark.parametrize("service", LARGEST)
def test_an_image_is_small(base: str, service: str) -> None:
    size = inspect(image(service))["Size"] - inspect(base)["Size"]
    log.info("%s: %.0f MB over the base image", service, size / 1e6)

    assert size <= LARGEST[service] * 1e6


@pytest.mark.parametrize("service", LARGEST)
def test_an_image_carries_no_torch_no_compiler_no_installer_and_no_tests(
    service: str,
) -> None:
    script = (
        "import importlib.util, pathlib, shutil, sysconfig\n"
        "site = pathlib.Path(sysconfig.get_path('purelib'))\n"
        "print([n for n in ('torch', 'onnx', 'pip', 'setuptools', 'hatchling', 'pytest')\n"
        "       if importlib.util.find_spec(n)]\n"
        "      + [n for n in ('gcc', 'cc', 'make') if shutil.which(n)]\n"
        "      + [str(p) for p in site.rglob('tests') if p.is_dir()])\n"
    )

    assert python(service, script).strip() == "[]"


@pytest.mark.parametrize("service", LARGEST)
def test_an_image_lists_all_that_is_installed_in_the_versions_that_are_tested(
    service: str,
) -> None:
    script = (
        "import importlib.metadata, json\n"
        "print(json.dumps([[d.name, d.version] for d in importlib.metadata.distributions()]))\n"
    )
    installed = {normal(name): version for name, version in json.loads(python(service, script))}
    listed = parts(service)

    ours = f"moodcue-{service}"
    assert {**listed, ours: ""} == {**installed, ours: ""}
    others = {name: version for name, version in listed.items() if not name.startswith("moodcue")}
    assert len(others) > 5
    assert others.items() <= pins().items()


@pytest.mark.parametrize("service", LARGEST)
def test_an_image_says_what_it_is(service: str) -> None:
    labels = inspect(image(service))["Config"]["Labels"]
    prefix = "org.opencontainers.image."

    assert labels[f"{prefix}title"] == f"moodcue-{service}"
    assert labels[f"{prefix}version"] == VERSION
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert service in labels[f"{prefix}description"]
    assert {f"{prefix}revision", f"{prefix}created"} <= set(labels)


def layers(archive: tarfile.TarFile, *, without: set[str]) -> Iterator[tarfile.TarFile]:
    """Yield the layers of all images of an archive, once each, without those of some digests."""
    seen = set(without)

    def read(name: str) -> object:
        member = archive.extractfile(name)
        assert member is not None
        return json.load(member)

    manifest = read("manifest.json")
    assert isinstance(manifest, list)
    for entry in manifest:
        config = read(entry["Config"])
        assert isinstance(config, dict)
        for digest, name in zip(config["rootfs"]["diff_ids"], entry["Layers"], strict=True):
            if digest not in seen:
                seen.add(digest)
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    yield layer


def hosts_of_the_builder() -> set[bytes]:
    """Return the hosts of package registries that this machine's pip is told of."""
    told = subprocess.run(["pip", "config", "list"], capture_output=True, check=True).stdout
    return set(re.findall(rb"https?://(?:[^@/\s']*@)?([\w.-]+)", told)) - {b"pypi.org"}


def test_no_layer_of_any_image_holds_a_secret_or_what_the_builder_is_told_of_registries(
    base: str, tmp_path: Path
) -> None:
    names = [image(service) for service in LARGEST]
    archive = tmp_path / "images.tar"
    docker("save", "-o", str(archive), *names, timeout_seconds=600)
    hosts = hosts_of_the_builder()
    files, found = 0, []
    with tarfile.open(archive) as saved:
        for layer in layers(saved, without=set(inspect(base)["RootFS"]["Layers"])):
            for member in layer:
                if SECRET_NAMES.search(member.name):
                    found.append(member.name)
                if not member.isfile() or member.size > LARGEST_TEXT:
                    continue
                files += 1
                content = layer.extractfile(member)
                assert content is not None
                text = content.read()
                if SECRET_TEXT.search(text) or any(host in text for host in hosts):
                    found.append(member.name)
    archive.unlink()

    assert files > 5_000
    assert found == []
    for name in names:
        history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", name)
        ours = history.splitlines()[: -len(inspect(base)["RootFS"]["Layers"])]
        assert not re.search(r"token|secret|passw|https?://", "\n".join(ours), re.IGNORECASE), name


def cached_steps(log: str) -> set[str]:
    """Return the steps of a build, as its log writes them, that were not done again."""
    steps = dict(re.findall(r"^(#\d+) (\[.*)$", log, re.MULTILINE))
    return {steps[number] for number in re.findall(r"^(#\d+) CACHED$", log, re.MULTILINE)}


def test_a_change_of_code_leaves_the_layer_of_the_dependencies_alone(
    base: str, tmp_path: Path
) -> None:
    for name in ("deploy", "shared", "services/aggregator"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    for name in ("constraints.txt", ".dockerignore"):
        shutil.copy(REPOSITORY / name, tmp_path)
    module = tmp_path / "services/aggregator/src/moodcue_aggregator/window.py"
    # Never built before, whatever this engine's cache still holds of earlier runs.
    module.write_text(f'{module.read_text()}\nCHANGED = "{uuid4()}"\n')
    changed = "moodcue-test-aggregator:changed"
    log = run(
        [
            *("docker", "build", "--network", "host", "--progress", "plain", "-t", changed),
            *("--build-arg", "SERVICE=aggregator", "-f", str(tmp_path / "deploy/Dockerfile")),
            str(tmp_path),
        ],
        timeout_seconds=600,
        stderr=subprocess.STDOUT,
    )
    before, after = (inspect(each)["RootFS"]["Layers"] for each in (image("aggregator"), changed))
    docker("rmi", changed)

    assert any("install -r requirements.txt" in step for step in cached_steps(log))
    assert not any("pip wheel" in step for step in cached_steps(log))
    dependencies = len(inspect(base)["RootFS"]["Layers"]) + 1
    assert before[:dependencies] == after[:dependencies]
    assert before[dependencies] != after[dependencies]
