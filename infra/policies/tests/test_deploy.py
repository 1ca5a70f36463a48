"""`make deploy`, as far as sam: what it is given, read by sam's own parser."""

import json
import os
import shutil
import subprocess

import pytest

from policies import loading

TOOLS = loading.ROOT / ".tools" / "bin"
SAM = """#!{python}
import json, sys
from samcli.cli.types import CfnParameterOverridesType
words = tuple(sys.argv[sys.argv.index("--parameter-overrides") + 1:])
print(json.dumps(CfnParameterOverridesType().convert(words, None, None)))
"""
"""A sam that tells what it understood."""


@pytest.fixture
def project(tmp_path):
    """The deploy script in a project of its own, whose tools do nothing."""
    shutil.copytree(loading.INFRA / "deploy", tmp_path / "infra" / "deploy")
    tools = tmp_path / ".tools" / "bin"
    tools.mkdir(parents=True)
    for name, text in (("sam", SAM.format(python=TOOLS / "python")), ("cargo-lambda", "#!/bin/sh\n")):
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
    return tmp_path


def deploy(project, **variables):
    """Run the script."""
    unset = ("PREFIX", "REGION", "PARAMETERS", "FRAUD_GATE", "PAYMENT_GATE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(
        ["sh", "infra/deploy/deploy.sh"],
        cwd=project,
        env=environment | {"STAGE": "dev"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def understood(project, **variables):
    """The parameters, as sam reads them."""
    ended = deploy(project, **variables)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_gates_knobs_arrive_as_they_were_written_on_one_line(project):
    fraud = {"ratePerSecond": 5, "burst": 5.5, "storeUnreachable": "allow", "why": """it's "so", a\\b \\" c\\\nü """}
    payment = {"ratePerSecond": 50, "storeUnreachable": "refuse"}
    parameters = understood(
        project,
        FRAUD_GATE=json.dumps(fraud, indent=2),
        PAYMENT_GATE=json.dumps(payment),
        PARAMETERS="FraudBaseUrl=https://fraud.example.com SweepStaleSeconds=60",
    )
    assert json.loads(parameters.pop("FraudGate")) == fraud
    assert parameters.pop("PaymentGate") == '{"ratePerSecond":50,"storeUnreachable":"refuse"}'
    assert parameters == {
        "Prefix": "new-science",
        "Stage": "dev",
        "FraudBaseUrl": "https://fraud.example.com",
        "SweepStaleSeconds": "60",
    }


def test_knobs_that_are_not_given_stay_as_they_were(project):
    assert understood(project) == {"Prefix": "new-science", "Stage": "dev"}


@pytest.mark.parametrize("wrong", ["{ratePerSecond: 5}", "[]", "5", '{"ratePerSecond": 5'])
@pytest.mark.parametrize("variable", ["FRAUD_GATE", "PAYMENT_GATE"])
def test_what_is_no_json_object_is_not_deployed(project, variable, wrong):
    ended = deploy(project, **{variable: wrong})
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert variable in ended.stderr
