"""Each rule on templates finds its bad example, and leaves the good one alone."""

import copy

import pytest

from policies import template_rules

ACCOUNT = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
NAME = {"Fn::Sub": "${Prefix}-${Stage}-work"}


def rules(template):
    return {finding.rule for finding in template_rules.check(template)}


def only(kind, **properties):
    return {"Resources": {"It": {"Type": kind, "Properties": properties}}}


def role(statement=None, condition=ACCOUNT, service="lambda", **properties):
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    if condition:
        trust["Condition"] = condition
    policies = [{"PolicyDocument": {"Statement": [statement]}}] if statement else []
    return only("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]}, Policies=policies, **properties)


def pipe(invocation="FIRE_AND_FORGET", workflow="STANDARD", **properties):
    parameters = {"StepFunctionStateMachineParameters": {"InvocationType": invocation}}
    return {
        "Resources": {
            "Worker": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"StateMachineType": workflow}},
            "It": {
                "Type": "AWS::Pipes::Pipe",
                "Properties": {"Target": {"Ref": "Worker"}, "TargetParameters": parameters, **properties},
            },
        }
    }


def queue_policy(*statements):
    document = {"Statement": list(statements)}
    return only("AWS::SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument=document)


def let_in(condition):
    return {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Condition": condition}


def api(method, security, kind="cognito_user_pools", integration=None):
    operation = {} if security is None else {"security": security}
    if integration:
        operation["x-amazon-apigateway-integration"] = {"type": integration}
    body = {
        "components": {"securitySchemes": {"customer": {"x-amazon-apigateway-authtype": kind}}},
        "paths": {"/things": {method: operation}},
    }
    return only("AWS::ApiGateway::RestApi", Body=body)


SOURCE = {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:000000000000:topic"}}
BAD = [
    ("pipe-request-response", pipe("REQUEST_RESPONSE")),
    ("pipe-desired-state", pipe(DesiredState="RUNNING")),
    ("policy-source-arn", queue_policy(let_in(ACCOUNT))),
    ("policy-source-arn", only("AWS::Lambda::Permission", Principal="apigateway.amazonaws.com")),
    ("policy-everybody", queue_policy({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"})),
    ("trust-source-account", role(condition=None)),
    ("role-managed-policy", role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])),
    ("role-star", role({"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:::table/t"})),
    ("role-star", role({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"})),
    ("role-star", role({"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::b"})),
    ("method-unauthenticated", api("post", None)),
    ("method-unauthenticated", api("delete", [])),
    ("method-unauthenticated", api("x-amazon-apigateway-any-method", [{}])),
    ("method-unauthenticated", api("x-amazon-apigateway-any-method", [], integration="aws_proxy")),
    ("method-unauthenticated", api("post", [], integration="http_proxy")),
    ("method-scope", api("get", [{"customer": []}])),
    ("tls-only", only("AWS::SQS::Queue", QueueName=NAME)),
    ("tls-only", only("AWS::SNS::Topic", TopicName=NAME)),
    ("dead-letter-alarm", {"Resources": {"WorkDlq": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": NAME}}}}),
    ("name-stage", only("AWS::DynamoDB::Table", TableName="ledger")),
    ("parameter-description", {"Parameters": {"Stage": {"Type": "String"}}}),
]

DENY_PLAIN = {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
GOOD = [
    pipe(),
    pipe("REQUEST_RESPONSE", "EXPRESS"),
    queue_policy(let_in(SOURCE), DENY_PLAIN),
    role({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Ref": "QueueArn"}}),
    role(condition=None, service="apigateway"),
    role({"Effect": "Allow", "Action": "cloudwatch:GetMetricStatistics", "Resource": "*"}),
    api("post", [{"customer": ["aws.cognito.signin.user.admin"]}]),
    api("post", [{"customer": []}], kind="awsSigv4"),
    api("get", None),
    api("x-amazon-apigateway-any-method", [], integration="http_proxy"),
    {"Parameters": {"Stage": {"Type": "String", "Description": "Second part of every name."}}},
    {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": NAME}},
            **{"Policy": queue_policy(DENY_PLAIN)["Resources"]["It"]},
        }
    },
]


@pytest.mark.parametrize(("rule", "template"), BAD)
def test_a_bad_template_is_found(rule, template):
    assert rule in rules(template)


@pytest.mark.parametrize("template", GOOD)
def test_a_good_template_passes(template):
    before = copy.deepcopy(template)
    assert rules(template) == set()
    assert template == before


def test_every_rule_has_a_bad_example():
    found = {finding.rule for _, template in BAD for finding in template_rules.check(template)}
    assert {rule for rule, _ in BAD} <= found
    for rule in template_rules.RULES:
        assert any(list(rule(template)) for _, template in BAD), rule.__name__


def test_both_sides_of_a_condition_are_looked_at():
    wide = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    exact = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}
    assert "role-star" in rules(role({"Fn::If": ["IsSo", exact, wide]}))
    assert rules(role({"Fn::If": ["IsSo", exact, {"Ref": "AWS::NoValue"}]})) == rules(role(exact))
