"""The scripts of docs/ci.md do what the page says, in two sandboxes: staging and production."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.forked_command import command_folder
from tests.sandbox_fixtures import SandboxProcess, kill_process, start_sandbox

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLES = DOCS / "examples" / "ci"
KEY = "helpdesk-VERY-secret"
TESTS = """\
tests:
  show-ticket:
    - name: the first ticket is open
      arguments: { ticketId: tic_1001 }
      expect: { values: [{ path: $.status, equals: open }], slots: [title] }
"""
WORKFLOW = (EXAMPLES / "drio.yml").read_text(encoding="utf-8")


@dataclass
class Repository:
    """A repository with the document in `app/` and the scripts in `ci/`; each job gets a new clone and a new home."""

    folder: Path
    commands: Path
    staging: SandboxProcess
    production: SandboxProcess
    jobs: int = 0

    @property
    def clone(self) -> Path:
        """The folder of the last job."""
        return self.folder / f"job-{self.jobs}"

    def environment(self) -> dict[str, str]:
        home = self.folder / f"home-{self.jobs}"
        folders = {f"DRIO_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        path = f"{self.commands}{os.pathsep}{os.environ['PATH']}"
        return {
            **os.environ, **folders, "HOME": str(home), "PATH": path,
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1", "HELPDESK_KEY": KEY,
            "DRIO_URL_STAGING": self.staging.base_url, "DRIO_TOKEN_STAGING": self.staging.token,
            "DRIO_URL_PRODUCTION": self.production.base_url, "DRIO_TOKEN_PRODUCTION": self.production.token,
        }  # fmt: skip

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the folder of the last job."""
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.clone, env=self.environment() | variables, capture_output=True, text=True,
            timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        for secret in (KEY, self.staging.token, self.production.token):
            assert secret not in done.stdout + done.stderr
        return done

    def check(self, command: str, **variables: str) -> str:
        done = self.run(command, **variables)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def job(self, branch: str = "main") -> None:
        """Begin a job, as a CI does."""
        self.jobs += 1
        self.clone.mkdir()
        self.check(f"git clone --quiet --branch {branch} {self.folder / 'origin'} .")

    def read(self, name: str) -> str:
        return (self.clone / name).read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """A repository whose document is the export of the example app in staging."""
    (tmp_path / "gitconfig").write_text(
        "[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n[safe]\ndirectory = *\n"
    )
    with ThreadPoolExecutor() as pool:
        sandboxes = [*pool.map(start_sandbox, (tmp_path / "staging", tmp_path / "production"))]
    with command_folder() as commands:
        yield _filled(Repository(tmp_path, commands, *sandboxes))
    for sandbox in sandboxes:
        kill_process(sandbox)


def _filled(repository: Repository) -> Repository:
    repository.clone.mkdir()
    shutil.copytree(EXAMPLES, repository.clone / "ci")
    repository.check("drio-tui export acme-support --profile staging -o app")
    document = repository.clone / "app" / "drio.yaml"
    text, count = re.subn("baseUrl: .*", "baseUrl: { $env: HELPDESK_URL }", document.read_text())
    assert count == 1
    document.write_text(text + TESTS)
    repository.check(
        f"git init --quiet && git add . && git commit --quiet -m 'Export the app' "
        f"&& git clone --quiet --bare . {repository.folder / 'origin'}"
    )
    return repository


def example_app(sandbox: SandboxProcess) -> dict[str, Any]:
    with sandbox.client() as client:
        apps = client.get("/api/v1/apps").raise_for_status().json()["apps"]
        return next(app for app in apps if app["slug"] == "acme-support")


def by_hand(sandbox: SandboxProcess, **properties: Any) -> None:
    with sandbox.client() as client:
        client.patch(f"/api/v1/apps/{example_app(sandbox)['id']}", json=properties).raise_for_status()


def upstream(sandbox: SandboxProcess) -> dict[str, str]:
    return {"HELPDESK_URL": f"{sandbox.base_url}/upstream/helpdesk/v1"}


@pytest.mark.slow
def test_a_change_goes_from_git_through_staging_to_production(repository: Repository) -> None:
    staging, production = repository.staging, repository.production
    versions = {sandbox.base_url: example_app(sandbox)["version"] for sandbox in (staging, production)}

    repository.job()  # a developer
    edit = "sed -i.bak 's/Support copilot/Answers questions of customers/' app/drio.yaml && rm app/drio.yaml.bak"
    repository.check(f"git checkout --quiet -b change && {edit} && git commit --quiet -am Describe")
    repository.check("git push --quiet origin change")

    repository.job("change")  # the pull request
    repository.check("sh ci/pull-request.sh", **upstream(staging))
    assert "description: Support copilot → Answers questions of customers" in repository.read("plan.md")
    assert "**1 to change.**" in repository.read("plan.md")
    assert example_app(staging)["description"] == "Support copilot"
    repository.check("git push --quiet origin change:main")

    repository.job()  # the merge
    repository.check("sh ci/merge.sh && sh ci/commit-lock.sh", **upstream(staging))
    assert example_app(staging)["description"] == "Answers questions of customers"
    assert example_app(staging)["version"] != versions[staging.base_url]
    assert example_app(production)["description"] == "Support copilot"

    solve = "drio-tui call acme-support update-ticket --profile staging --yes --args"
    repository.check(f"""{solve} '{{"ticketId": "tic_1001", "status": "solved"}}'""")  # the upstream changes
    version = example_app(staging)["version"]
    failed = repository.run("sh ci/merge.sh", **upstream(staging))
    assert failed.returncode == 1
    assert '"open"' in failed.stdout
    (suite,) = ElementTree.fromstring(repository.read("results.xml"))
    (case,) = suite.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("acme-support.show-ticket", "the first ticket is open")
    assert case.find("failure") is not None
    assert example_app(staging)["version"] == version

    repository.job()  # the promotion
    repository.check("sh ci/promotion-plan.sh", **upstream(production))
    assert "**1 to change.**" in repository.read("promotion.md")
    artifact = repository.clone / "promotion.json"
    repository.job()
    shutil.copy(artifact, repository.clone)
    repository.check("sh ci/promote.sh && sh ci/commit-lock.sh")
    assert example_app(production)["description"] == "Answers questions of customers"
    assert example_app(production)["version"] != versions[production.base_url]

    repository.job()  # two nights
    repository.check("sh ci/nightly.sh", **upstream(production))
    by_hand(production, description="By hand")
    repository.job()
    assert repository.run("sh ci/nightly.sh", **upstream(production)).returncode == 3
    assert "description: Answers questions of customers → By hand" in repository.read("drift.md")
    refused = repository.run("sh ci/promotion-plan.sh", **upstream(production))
    assert refused.returncode == 1  # nothing overwrites it by accident
    assert "! app acme-support" in repository.read("promotion.md")
    apply = "drio-tui apply app --profile production --yes --on-conflict document"
    repository.check(apply, **upstream(production))
    assert example_app(production)["description"] == "Answers questions of customers"

    repository.check("git add . && git commit --quiet -m 'Take back' && git push --quiet")  # or the change is pulled
    by_hand(production, description="Better by hand")
    repository.job()
    repository.check("drio-tui pull app --profile production --on-conflict drio", **upstream(production))
    changed = [line for line in repository.check("git diff -U0 app/drio.yaml").splitlines() if line[:1] in "+-"][2:]
    assert changed == ["-  description: Answers questions of customers", "+  description: Better by hand"]
    repository.check("sh ci/nightly.sh", **upstream(production))
    repository.check("sh ci/pull-request.sh", **upstream(staging))
    assert "description: Answers questions of customers → Better by hand" in repository.read("plan.md")

    repository.check("sh ci/copy.sh acme-support acme-copy")  # without a document
    with production.client() as client:
        apps = {app["slug"]: app for app in client.get("/api/v1/apps").json()["apps"]}
    assert apps["acme-copy"]["description"] == "Answers questions of customers"

    secrets = [secret.encode() for secret in (KEY, staging.token, production.token)]
    for path in repository.folder.rglob("*"):
        if (
            path.is_file()
            and not path.is_relative_to(staging.data_dir)
            and not path.is_relative_to(production.data_dir)
        ):
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


def test_the_workflow_runs_the_scripts_and_gives_them_their_tokens() -> None:
    workflow = yaml.safe_load(WORKFLOW)
    jobs = workflow["jobs"]
    scripts = {path.name for path in EXAMPLES.glob("*.sh")} - {"copy.sh"}
    used = {
        name: re.findall(r"sh ci/([\w.-]+)", str([step.get("run") for step in job["steps"]]))
        for name, job in jobs.items()
    }
    assert {script for names in used.values() for script in names} == scripts
    for name, job in jobs.items():
        for script in used[name]:
            for profile in re.findall(r"--profile (\w+)", (EXAMPLES / script).read_text()):
                assert f"DRIO_TOKEN_{profile.upper()}" in job["env"], (name, script)
                assert f"DRIO_URL_{profile.upper()}" in workflow["env"]
    assert "pull_request_target" not in WORKFLOW
    assert "secrets." not in str([step.get("run") for job in jobs.values() for step in job["steps"]])


def test_the_page_has_every_file_of_the_example() -> None:
    page = (DOCS / "ci.md").read_text(encoding="utf-8")
    included = re.findall(r"\{literalinclude\} examples/ci/(\S+)", page)
    assert sorted(included) == sorted(path.name for path in EXAMPLES.iterdir())
