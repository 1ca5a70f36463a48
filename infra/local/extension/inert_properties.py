"""Properties that MiniStack keeps and shows, and never acts on: `cloudformation_strict` treats them as left out.

The list cannot be complete. It has what was looked up for the resource types of this project; add to it what you find.
"""

INERT = {
    "AWS::ApiGateway::Stage": (
        "AccessLogSetting",
        "CacheClusterEnabled",
        "MethodSettings.CachingEnabled",
        "MethodSettings.DataTraceEnabled",
        "MethodSettings.LoggingLevel",
        "MethodSettings.MetricsEnabled",
        "TracingEnabled",
    ),
    "AWS::Cognito::UserPool": ("AccountRecoverySetting", "EmailConfiguration", "UserPoolAddOns"),
    "AWS::DynamoDB::Table": ("OnDemandThroughput", "PointInTimeRecoverySpecification", "SSESpecification"),
    "AWS::Lambda::Function": (
        "Architectures",
        "EphemeralStorage",
        "FileSystemConfigs",
        "KmsKeyArn",
        "MemorySize",
        "SnapStart",
        "TracingConfig",
        "VpcConfig",
    ),
    "AWS::Lambda::Permission": ("Action", "EventSourceToken", "Principal", "SourceAccount", "SourceArn"),
    "AWS::Logs::LogGroup": ("KmsKeyId", "RetentionInDays"),
    "AWS::Pipes::Pipe": (
        "EnrichmentParameters.HttpParameters",
        "KmsKeyIdentifier",
        "LogConfiguration",
        "SourceParameters.DynamoDBStreamParameters.MaximumBatchingWindowInSeconds",
        "SourceParameters.DynamoDBStreamParameters.ParallelizationFactor",
        "SourceParameters.SqsQueueParameters.MaximumBatchingWindowInSeconds",
        "TargetParameters.EventBridgeEventBusParameters.EndpointId",
        "TargetParameters.EventBridgeEventBusParameters.Time",
    ),
    "AWS::SNS::Subscription": ("DeliveryPolicy", "RedrivePolicy"),
    "AWS::SNS::Topic": ("KmsMasterKeyId", "TracingConfig"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument",),
    "AWS::SQS::Queue": ("KmsMasterKeyId", "RedriveAllowPolicy", "SqsManagedSseEnabled"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument",),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument",),
    "AWS::IAM::Policy": ("PolicyDocument",),
    "AWS::IAM::Role": (
        "AssumeRolePolicyDocument",
        "ManagedPolicyArns",
        "MaxSessionDuration",
        "PermissionsBoundary",
        "Policies",
    ),
    "AWS::Scheduler::Schedule": (
        "EndDate",
        "FlexibleTimeWindow.MaximumWindowInMinutes",
        "KmsKeyArn",
        "ScheduleExpressionTimezone",
        "StartDate",
    ),
    "AWS::SecretsManager::Secret": ("KmsKeyId",),
    "AWS::StepFunctions::StateMachine": ("EncryptionConfiguration", "LoggingConfiguration", "TracingConfiguration"),
}
