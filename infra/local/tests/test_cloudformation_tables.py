"""A table's settings that have calls of their own."""

from conftest import unique
from deployments import delete, deploy


def template(name: str, **properties: object) -> dict:
    """A template with one table."""
    return {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    **properties,
                },
            }
        }
    }


def settings(cloud, name: str) -> tuple:
    """Time to live, recovery and encryption of a table."""
    client = cloud.client("dynamodb")
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    table = client.describe_table(TableName=name)["Table"]
    return (
        ttl["TimeToLiveStatus"],
        ttl.get("AttributeName"),
        backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        (table.get("SSEDescription") or {}).get("Status"),
    )


def test_settings_follow_the_template(cloud):
    name = unique("table")
    outputs = deploy(
        cloud,
        template(
            name,
            TimeToLiveSpecification={"AttributeName": "expiresAt", "Enabled": True},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            SSESpecification={"SSEEnabled": True},
        ),
    )
    assert settings(cloud, name) == ("ENABLED", "expiresAt", "ENABLED", "ENABLED")
    deploy(cloud, template(name, DeletionProtectionEnabled=False), outputs["StackName"], update=True)
    assert settings(cloud, name)[0::2] == ("DISABLED", "DISABLED")
    delete(cloud, outputs["StackName"])
    assert name not in cloud.client("dynamodb").list_tables()["TableNames"]


def test_upstream_still_drops_them(stock):
    name = unique("table")
    deploy(
        stock,
        template(
            name,
            TimeToLiveSpecification={"AttributeName": "expiresAt", "Enabled": True},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        ),
    )
    assert settings(stock, name)[:3] == ("DISABLED", None, "DISABLED")
