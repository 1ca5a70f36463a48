"""`stack.json`: what any outside tool needs to drive the platform."""

import json
from typing import Any

from machine import settings

FUNCTIONS = (
    "subscriptions-api",
    "subscriptions-task",
    "subscriptions-events",
    "intent-recovery",
    "payments-task",
    "content-access-task",
    "half-open-probe",
    "processing-status",
    "ops-api",
    "reserve-call",
    "report-call",
    "subscriptions-saga",
    "payments-events",
    "content-access-events",
    "fraud-proxy",
    "loyalty-proxy",
    "customer-relations-events",
    "newsletter-failed",
    "payment-proxy",
    "articles-api",
    "articles-feed",
    "articles-import",
    "search-api",
    "search-indexer",
    "search-reindex",
    "route-splitter",
    "route-projector",
    "shadow-compare",
)


def describe(endpoint: str, outputs: dict[str, str], providers: dict[str, str]) -> dict[str, Any]:
    """Everything but the page and the customers, which come later; `outputs` are those of the template."""
    return {
        "endpoint": endpoint,
        "region": settings.REGION,
        "account": settings.ACCOUNT,
        "prefix": settings.PREFIX,
        "stage": settings.STAGE,
        # The local cloud serves an API under a path, as `*.localhost` does not resolve everywhere.
        "api": f"{endpoint}/_aws/execute-api/{outputs['ApiId']}/{settings.STAGE}",
        "tables": {
            "ledger": outputs["LedgerTable"],
            "payments": outputs["PaymentsTable"],
            "entitlements": outputs["EntitlementsTable"],
            "fraudVerdicts": outputs["FraudVerdictsTable"],
            "providerCharges": outputs["ProviderChargesTable"],
            "relations": outputs["RelationsTable"],
            "idempotency": outputs["IdempotencyTable"],
            "pipelines": outputs["PipelinesTable"],
            "cases": outputs["CasesTable"],
            "gates": outputs["GatesTableName"],
            "articles": outputs["ArticlesTable"],
            "imports": outputs["ImportsTableName"],
            "routes": outputs["RoutesTable"],
        },
        "queues": {
            "intents": outputs["IntentsQueueUrl"],
            "intentsDlq": outputs["IntentsDlqUrl"],
            "register": outputs["RegisterQueueUrl"],
            "registerDlq": outputs["RegisterDlqUrl"],
            "recovery": outputs["RecoveryQueueUrl"],
            "recoveryDlq": outputs["RecoveryDlqUrl"],
            "subscriptionsEventsDlq": outputs["SubscriptionsEventsDlqUrl"],
            "paymentsEventsDlq": outputs["PaymentsEventsDlqUrl"],
            "contentAccessEventsDlq": outputs["ContentAccessEventsDlqUrl"],
            "fraudProxyEventsDlq": outputs["FraudProxyEventsDlqUrl"],
            "paymentProxyEventsDlq": outputs["PaymentProxyEventsDlqUrl"],
            "customerRelationsEventsDlq": outputs["CustomerRelationsEventsDlqUrl"],
            "loyaltyProxyEventsDlq": outputs["LoyaltyProxyEventsDlqUrl"],
            "newsletter": outputs["NewsletterQueueUrl"],
            "newsletterDlq": outputs["NewsletterDlqUrl"],
            "circuitDlq": outputs["CircuitDlqUrl"],
            "gateEventsDlq": outputs["GateEventsDlqUrl"],
            "articleEventsDlq": outputs["ArticleEventsDlqUrl"],
            "articleFeed": outputs["ArticleFeedQueueUrl"],
            "articleFeedDlq": outputs["ArticleFeedDlqUrl"],
            "articleImport": outputs["ImportQueueUrl"],
            "articleImportDlq": outputs["ImportDlqUrl"],
            "searchIndex": outputs["SearchIndexQueueUrl"],
            "searchIndexDlq": outputs["SearchIndexDlqUrl"],
            "shadowCompare": outputs["ShadowQueueUrl"],
            "shadowCompareDlq": outputs["ShadowDlqUrl"],
            "routesDlq": outputs["RoutesDlqUrl"],
        },
        "buckets": {"contents": outputs["ContentsBucket"], "import": outputs["ImportBucketName"]},
        "bus": outputs["BusName"],
        "topics": {"requests": outputs["RequestsTopicArn"], "operators": outputs["OperatorsTopicArn"]},
        "stateMachines": {
            "subscribe": outputs["SubscribeStateMachineArn"],
            "openCircuit": outputs["OpenCircuitStateMachineArn"],
            "rollBackRoute": outputs["RollBackRouteStateMachineArn"],
        },
        "functions": {function: settings.name(function) for function in FUNCTIONS},
        "pipe": outputs["PipeName"],
        "pipeline": outputs["PipelineName"],
        "alarm": outputs["AlarmName"],
        "parameters": {"processingStatus": outputs["StatusParameterName"], "routes": outputs["RoutesParameterName"]},
        "standIns": {
            **{name: {"url": url, "admin": f"{url}/admin"} for name, url in providers.items()},
        },
        "userPool": {"id": outputs["UserPoolId"], "clientId": outputs["UserPoolClientId"]},
    }


def write(stack: dict[str, Any]) -> None:
    """Put the file in place at once: a reader sees the whole of it, or none."""
    draft = settings.STACK_FILE.with_suffix(".draft")
    draft.write_text(json.dumps(stack, indent=2) + "\n")
    draft.replace(settings.STACK_FILE)
