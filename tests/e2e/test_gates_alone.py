"""The gates' stack alone, as somebody takes it who has neither this platform's bus nor its operators."""

import json

from machine import deploy
from support import example
from support.executions import Machine
from support.platform import Platform

KNOBS = {"ratePerSecond": 20, "burst": 20, "callTimeoutMs": 15000, "storeUnreachable": "refuse"}
REQUEST = {
    **{"intent": "i", "charge": "i#1", "customer": "ada", "tier": "premium"},
    **{"amount": 4900, "currency": "eur", "paymentMethod": "pm_cardVisa4242"},
}


def test_gates_of_anybodys_own_serve_a_call_without_this_platform(platform: Platform) -> None:
    stage = example.new_stage()
    parameters = {
        "Prefix": "alone",
        "Stage": stage,
        "Gates": deploy.escaped(json.dumps({"example": KNOBS})),
        "Architecture": deploy.LOCAL["Architecture"],
        "DeletionProtection": "false",
    }
    gates = example.deploy_stack(platform, "../../infra/stacks/gates", f"alone-{stage}", parameters)
    assert gates.keys() == {"GatesTableName", "GatesTableArn", "GatesStreamArn", "ReserveCallArn", "ReportCallArn"}
    described = platform.aws("cloudformation").describe_stack_resources(StackName=f"alone-{stage}")["StackResources"]
    untold = {"AWS::Pipes::Pipe", "AWS::Events::Rule", "AWS::SQS::Queue", "AWS::CloudWatch::Alarm"}
    assert {resource["ResourceType"] for resource in described} & untold == set()

    call = {
        "Stage": stage,
        "ReserveCallArn": gates["ReserveCallArn"],
        "ReportCallArn": gates["ReportCallArn"],
        "Dependency": "example",
        "Endpoint": f"{platform.stack['standIns']['fraud']['url']}/v1/checks",
        "ApiKey": deploy.LOCAL["FraudApiKey"],
    }
    machine = example.deploy_stack(platform, "gated-call", f"alone-{stage}-call", call)["StateMachineArn"]
    execution = Machine(platform.aws("stepfunctions"), machine).run(json.dumps(REQUEST))
    assert execution.output["verdict"] == "pass"
    key = {"pk": {"S": "GATE#example#0"}}
    item = platform.aws("dynamodb").get_item(TableName=gates["GatesTableName"], Key=key)["Item"]
    assert (item["state"]["S"], item["seq"]["N"]) == ("closed", "1")
