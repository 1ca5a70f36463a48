"""Rules on a translated template. A rule takes the template and yields findings; `RULES` lists them all."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from policies.findings import Finding

Template = dict[str, Any]
Rule = Callable[[Template], Iterator[Finding]]

ANY_METHOD = "x-amazon-apigateway-any-method"
MUTATING = {"post", "put", "patch", "delete", ANY_METHOD}
METHODS = MUTATING | {"get", "head"}
WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:GetMetricData",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
}
"""Actions for which AWS knows no permission on a single resource."""
WITHOUT_SOURCE_ACCOUNT = {"apigateway.amazonaws.com"}
"""API Gateway does not send aws:SourceAccount when it assumes an integration's role; the condition would refuse it."""
NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::Connection": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Pipes::Pipe": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def resources(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of each resource of a type."""
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def as_list(value: Any) -> list[Any]:
    """IAM writes one as it is and several as a list."""
    return value if isinstance(value, list) else [value]


def allowed(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a policy that allow something, those under a condition too."""
    statements = (branch for statement in as_list(document["Statement"]) for branch in branches(statement))
    return (statement for statement in statements if statement.get("Effect") == "Allow")


def branches(value: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may become: itself, or either side of an `Fn::If`."""
    if "Fn::If" not in value:
        return [value]
    return [branch for side in value["Fn::If"][1:] for branch in branches(side)]


def names_service(statement: dict[str, Any]) -> bool:
    """Whether the statement lets an AWS service in."""
    principal = statement.get("Principal")
    return isinstance(principal, dict) and "Service" in principal


def conditions(statement: dict[str, Any]) -> set[str]:
    """The condition keys of a statement, in lower case as IAM compares them."""
    return {key.lower() for operator in statement.get("Condition", {}).values() for key in operator}


def pipe_never_waits_for_a_standard_workflow(template: Template) -> Iterator[Finding]:
    """AWS refuses REQUEST_RESPONSE with a Standard workflow, but only when the Pipe is created."""
    express = {
        name
        for name, properties in resources(template, "AWS::StepFunctions::StateMachine")
        if properties.get("StateMachineType") == "EXPRESS"
    }
    for name, pipe in resources(template, "AWS::Pipes::Pipe"):
        workflow = pipe.get("TargetParameters", {}).get("StepFunctionStateMachineParameters", {})
        target = pipe.get("Target")
        known = isinstance(target, dict) and (target.get("Ref") or (target.get("Fn::GetAtt") or [None])[0])
        if workflow.get("InvocationType") == "REQUEST_RESPONSE" and known not in express:
            yield Finding(name, "pipe-request-response", "a Pipe can only fire and forget a Standard workflow")


def pipe_has_no_desired_state(template: Template) -> Iterator[Finding]:
    """The breaker switches Pipes; a deploy must not."""
    for name, pipe in resources(template, "AWS::Pipes::Pipe"):
        if "DesiredState" in pipe:
            yield Finding(name, "pipe-desired-state", "a deploy may start the Pipe while its circuit is open")


def service_may_act_only_for_a_source(template: Template) -> Iterator[Finding]:
    """A queue or topic that lets a service in without SourceArn lets everybody's use of that service in."""
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::Events::EventBusPolicy"):
        for name, properties in resources(template, kind):
            document = properties.get("PolicyDocument") or {"Statement": properties.get("Statement", [])}
            for statement in allowed(document):
                if names_service(statement) and "aws:sourcearn" not in conditions(statement):
                    yield Finding(name, "policy-source-arn", "a service is let in without a condition on aws:SourceArn")
                if statement.get("Principal") in ("*", {"AWS": "*"}) and not conditions(statement):
                    yield Finding(name, "policy-everybody", "everybody is let in")
    for name, permission in resources(template, "AWS::Lambda::Permission"):
        if "SourceArn" not in permission:
            yield Finding(name, "policy-source-arn", "a service may invoke the function without SourceArn")


def trust_names_the_account(template: Template) -> Iterator[Finding]:
    """A role that trusts a service trusts it on behalf of other accounts too, unless told otherwise."""
    for name, role in resources(template, "AWS::IAM::Role"):
        for statement in allowed(role["AssumeRolePolicyDocument"]):
            if not names_service(statement) or "aws:sourceaccount" in conditions(statement):
                continue
            if not set(as_list(statement["Principal"]["Service"])) <= WITHOUT_SOURCE_ACCOUNT:
                yield Finding(name, "trust-source-account", "a service is trusted without aws:SourceAccount")


def permissions_are_exact(template: Template) -> Iterator[Finding]:
    """No `*` as an action or a resource, and no managed policy, which has them."""
    documents = []
    for name, role in resources(template, "AWS::IAM::Role"):
        documents += [(name, policy["PolicyDocument"]) for policy in role.get("Policies", [])]
        if role.get("ManagedPolicyArns"):
            yield Finding(name, "role-managed-policy", "a managed policy allows more than this role needs")
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        documents += [(name, properties["PolicyDocument"]) for name, properties in resources(template, kind)]
    for name, document in documents:
        for statement in allowed(document):
            actions = as_list(statement.get("Action", "*"))
            if any("*" in str(action) for action in actions):
                yield Finding(name, "role-star", f"actions are not named: {actions}")
            if "*" in as_list(statement.get("Resource", "*")) and not set(actions) <= WITHOUT_RESOURCE:
                yield Finding(name, "role-star", f"{actions} is allowed on every resource")


def passes_everything(method: str, item: dict[str, Any]) -> bool:
    """Whether whatever is asked goes on as it is to an HTTP backend, which knows its own people."""
    integration = item[method].get("x-amazon-apigateway-integration", {})
    return method == ANY_METHOD and integration.get("type") == "http_proxy"


def mutating_methods_are_authorized(template: Template) -> Iterator[Finding]:
    """Who changes something is known; and a token's scope is named, or identity tokens would pass."""
    for name, api in resources(template, "AWS::ApiGateway::RestApi"):
        body = api.get("Body", {})
        schemes = body.get("components", {}).get("securitySchemes", {})
        for path, item in body.get("paths", {}).items():
            for method in METHODS & item.keys():
                where = f"{name} {method.upper()} {path}"
                security = item[method].get("security", body.get("security", []))
                if method in MUTATING and (not security or {} in security) and not passes_everything(method, item):
                    yield Finding(where, "method-unauthenticated", "whoever calls this is not known")
                for scheme, scopes in (pair for one in security for pair in one.items()):
                    kind = schemes.get(scheme, {}).get("x-amazon-apigateway-authtype")
                    if kind == "cognito_user_pools" and not scopes:
                        yield Finding(where, "method-scope", "no scope is named, so that identity tokens pass")


def queues_want_tls(template: Template) -> Iterator[Finding]:
    """Every queue and topic refuses plain HTTP."""
    for kind, policy, subject in (
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ):
        guarded = set()
        for _, properties in resources(template, policy):
            for statement in properties["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Deny" and "aws:securetransport" in conditions(statement):
                    guarded |= {item.get("Ref") for item in properties[subject] if isinstance(item, dict)}
        for name, _ in resources(template, kind):
            if name not in guarded:
                yield Finding(name, "tls-only", "no policy refuses requests without TLS")


def dead_letters_ring(template: Template) -> Iterator[Finding]:
    """A dead-letter queue that nobody looks at loses messages more slowly."""
    watched = {
        json.dumps(dimension["Value"].get("Fn::GetAtt", [None])[0])
        for _, alarm in resources(template, "AWS::CloudWatch::Alarm")
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "QueueName" and isinstance(dimension["Value"], dict)
    }
    for name, _ in resources(template, "AWS::SQS::Queue"):
        if name.lower().endswith(("dlq", "deadletters")) and json.dumps(name) not in watched:
            yield Finding(name, "dead-letter-alarm", "no alarm rings when a message arrives here")


def names_carry_prefix_and_stage(template: Template) -> Iterator[Finding]:
    """Two stages live in one account."""
    for kind, property_name in NAMES.items():
        for name, properties in resources(template, kind):
            given = json.dumps(properties.get(property_name, ""))
            if given != '""' and not ("${Prefix}" in given and "${Stage}" in given):
                yield Finding(name, "name-stage", f"{property_name} does not carry Prefix and Stage")


def parameters_are_described(template: Template) -> Iterator[Finding]:
    """Who deploys a template reads what its parameters mean there."""
    for name, parameter in template.get("Parameters", {}).items():
        if not parameter.get("Description"):
            yield Finding(name, "parameter-description", "a parameter without Description")


RULES: list[Rule] = [
    pipe_never_waits_for_a_standard_workflow,
    pipe_has_no_desired_state,
    service_may_act_only_for_a_source,
    trust_names_the_account,
    permissions_are_exact,
    mutating_methods_are_authorized,
    queues_want_tls,
    dead_letters_ring,
    names_carry_prefix_and_stage,
    parameters_are_described,
]


def check(template: Template) -> list[Finding]:
    """Everything that the rules find in a translated template."""
    return sorted(finding for rule in RULES for finding in rule(template))
