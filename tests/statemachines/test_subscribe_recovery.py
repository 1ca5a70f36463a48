"""`subscribe` and `intent-recovery`: attempts that fail, time out, are aborted or lose an answer, and the next one."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from support.executions import Execution, answering, calling, hold_before, twice
from support.intents import Wish, handed_over, held_by_another, now_ms
from support.platform import Platform
from support.recovery import deaths
from support.waiting import until

FORWARD = ["ReserveFraudCall", "FraudCheck", "Charge", "Unblock", "Activate"]
BACK = ["BeginSettling", "Refuse", "SettleCharge", "FinishSettling"]
HOUR_MS = 3600 * 1000


def last_execution(platform: Platform, wish: Wish) -> Execution:
    """The execution that ended the intent."""
    return Execution(platform.aws("stepfunctions"), platform.row(wish)["endedBy"])


def test_a_saved_500_replayed_by_the_provider_ends_with_the_next_attempt(platform: Platform) -> None:
    wish = Wish("pm_saved500")
    execution = platform.run(wish)
    assert execution.status == "FAILED"
    assert execution.failure["error"] == "Retryable"
    assert execution.failure["cause"]["dependency"] == "payment"
    assert execution.states().count("Charge") == 1
    row = platform.comes_to(wish, "active")
    assert (row["attempt"], row["faults"]) == (2, 0), "an outage burns no attempt"
    assert platform.money(wish) == (1, 0)


@pytest.mark.parametrize("state", FORWARD)
def test_an_attempt_that_dies_on_the_way_forward_is_resumed(platform: Platform, state: str) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before(state))
    with deaths(platform, machine) as dead:
        execution = machine.start(handed_over(wish.message())).in_state("Hold")
        assert platform.status(wish) == "processing"
        assert bool(platform.entitlement(wish)) == (state == "Activate"), "content only after the capture"
        dead.report(execution.stop())
        row = platform.comes_to(wish, "active")
        assert (row["attempt"], row["faults"]) == (2, 1)
        assert platform.money(wish) == (1, 0)
        assert platform.entitlement(wish)["intentId"] == wish.id


def test_a_retry_after_the_capture_neither_checks_nor_charges_again(platform: Platform) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Unblock"))
    with deaths(platform, machine) as dead:
        dead.report(machine.start(handed_over(wish.message())).in_state("Hold").stop())
        platform.comes_to(wish, "active")
        assert last_execution(platform, wish).states() == ["Claim", "Route", "Unblock", "Activate"]
        assert platform.money(wish) == (1, 0)


def test_a_retry_before_the_capture_is_no_free_subscription(platform: Platform) -> None:
    wish = Wish("pm_declinedByIssuer")
    machine = platform.subscribe.changed(hold_before("Charge"))
    with deaths(platform, machine) as dead:
        dead.report(machine.start(handed_over(wish.message())).in_state("Hold").stop())
        platform.comes_to(wish, "declined")
        assert platform.entitlement(wish) == {}
        assert platform.money(wish) == (0, 0)


def test_nobody_becomes_active_without_a_stored_grant(platform: Platform) -> None:
    def lying(definition: dict) -> None:
        definition["States"]["Unblock"] = {"Type": "Pass", "Output": {"decision": "granted"}, "Next": "Activate"}

    wish = Wish()
    machine = platform.subscribe.changed(lying)
    with deaths(platform, machine) as dead:
        execution = machine.run(handed_over(wish.message()))
        assert execution.failure["error"] == "Terminal"
        assert "without a granted decision" in execution.failure["cause"]["cause"]
        dead.report(execution)
        platform.comes_to(wish, "active")
    assert platform.money(wish) == (1, 0)
    assert platform.entitlement(wish)["intentId"] == wish.id


@pytest.mark.parametrize("state", BACK)
def test_an_attempt_that_dies_while_it_settles_is_settled_by_the_next(platform: Platform, state: str) -> None:
    declined, unwanted = Wish("pm_declinedByIssuer"), Wish()
    platform.put("entitlements", **held_by_another(unwanted))
    machine = platform.subscribe.changed(hold_before(state))
    with deaths(platform, machine) as dead:
        for wish in (declined, unwanted):
            dead.report(machine.start(handed_over(wish.message())).in_state("Hold").stop())
        platform.comes_to(declined, "declined")
        platform.comes_to(unwanted, "refunded")
        assert platform.lock(declined) == platform.lock(unwanted) == {}
        assert platform.money(declined) == (0, 0)
        assert platform.money(unwanted) == (1, 1)


@pytest.mark.parametrize("state", ["Claim", *FORWARD[1:]])
def test_a_step_forward_whose_answer_was_lost_is_repeated_without_harm(platform: Platform, state: str) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(twice(state))
    execution = machine.run(handed_over(wish.message()))
    assert execution.output == {"outcome": "active", "evidence": "healthy", "intentId": wish.id}
    assert f"{state}Again" in execution.states()
    assert platform.money(wish) == (1, 0)


@pytest.mark.parametrize("state", BACK)
def test_a_step_back_whose_answer_was_lost_is_repeated_without_harm(platform: Platform, state: str) -> None:
    wish = Wish()
    platform.put("entitlements", **held_by_another(wish))
    machine = platform.subscribe.changed(twice(state))
    execution = machine.run(handed_over(wish.message()))
    assert execution.output["outcome"] == "refunded"
    assert f"{state}Again" in execution.states()
    assert platform.money(wish) == (1, 1)


def test_a_time_out_is_seen_counted_and_recovered(platform: Platform) -> None:
    def impatient(definition: dict) -> None:
        hold_before("Charge")(definition)
        definition["TimeoutSeconds"] = 2

    wish = Wish()
    machine = platform.subscribe.changed(impatient)
    with deaths(platform, machine) as dead:
        execution = machine.run(handed_over(wish.message()))
        assert execution.status == "TIMED_OUT"
        event = json.loads(dead.report(execution))
        assert (event["source"], event["detail"]["status"]) == ("aws.states", "TIMED_OUT")
        assert counted(platform, machine.arn, "ExecutionsTimedOut") == 1
        row = platform.comes_to(wish, "active")
        assert (row["attempt"], row["faults"]) == (2, 1)
        assert platform.money(wish) == (1, 0)


def counted(platform: Platform, machine: str, metric: str) -> int:
    """What CloudWatch counted for a state machine."""
    now = time.time()

    def read() -> float:
        points = platform.aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/States",
            MetricName=metric,
            Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
            StartTime=now - 600,
            EndTime=now + 600,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    return int(until(read, what=f"{metric} of {machine}"))


def test_an_abort_is_recovered_by_the_deployed_rule(platform: Platform) -> None:
    wish = Wish()
    with platform.failing("fraud", "hang", count=1, delayMs=20_000):
        execution = platform.subscribe.start(handed_over(wish.message())).in_state("FraudCheck")
        execution.stop()
        assert execution.status == "ABORTED"
        row = platform.comes_to(wish, "active")
    assert (row["attempt"], row["faults"]) == (2, 1)
    assert platform.money(wish) == (1, 0)


def test_a_doubled_event_raises_the_attempt_once(platform: Platform) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Charge"))
    with deaths(platform, machine) as dead:
        event = dead.report(machine.start(handed_over(wish.message())).in_state("Hold").stop())
        platform.send(event, "recovery")
        platform.comes_to(wish, "active")
        platform.send(event, "recovery")
        until(lambda: platform.is_empty(platform.stack["queues"]["recovery"]), what="recovery has heard of it")
        row = platform.row(wish)
        assert (row["status"], row["attempt"]) == ("active", 2)
        assert platform.money(wish) == (1, 0)


def test_the_sweep_finds_an_owner_whose_end_nobody_reported(platform: Platform) -> None:
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Charge"))
    machine.start(handed_over(wish.message())).in_state("Hold").stop()
    platform.change_row(wish, updatedAt=now_ms() - HOUR_MS)
    row = platform.comes_to(wish, "active")
    assert (row["attempt"], row["faults"]) == (2, 0), "a lost event burns no attempt"
    assert platform.money(wish) == (1, 0)


def test_the_sweep_leaves_an_owner_alone_that_still_runs(platform: Platform) -> None:
    wish, lost = Wish(), Wish()
    machine = platform.subscribe.changed(hold_before("Charge"))
    execution = machine.start(handed_over(wish.message())).in_state("Hold")
    platform.change_row(wish, updatedAt=now_ms() - HOUR_MS)
    # A row that the same sweep must bring back says that the sweep was here.
    machine.start(handed_over(lost.message())).in_state("Hold").stop()
    platform.change_row(lost, updatedAt=now_ms() - HOUR_MS)
    platform.comes_to(lost, "active")
    row = platform.row(wish)
    assert (row["status"], row["owner"], row["attempt"]) == ("processing", execution.arn, 1)
    execution.stop()
    platform.change_row(wish, updatedAt=now_ms() - HOUR_MS)
    platform.comes_to(wish, "active")


def test_the_sweep_sends_a_lost_message_again(platform: Platform) -> None:
    wish = Wish()
    platform.send(wish.message(), "register")
    platform.comes_to(wish, "accepted")
    platform.change_row(wish, lastSentAt=now_ms() - HOUR_MS)
    row = platform.comes_to(wish, "active")
    assert row["attempt"] == 1
    assert platform.money(wish) == (1, 0)


@pytest.mark.parametrize(
    ("stand_in", "dependency", "mode"),
    [
        ("payment", "payment", "unavailable"),
        ("payment", "payment", "garbage"),
        ("payment", "payment", "hang"),
        ("fraud", "fraud", "unavailable"),
        ("fraud", "fraud", "garbage"),
    ],
)
def test_an_outage_fails_the_attempt_and_burns_none(
    platform: Platform, stand_in: str, dependency: str, mode: str
) -> None:
    wish = Wish()
    with platform.failing(stand_in, mode):
        execution = platform.run(wish)
        assert execution.failure["error"] == "Retryable"
        assert execution.failure["cause"]["dependency"] == dependency
        assert execution.states()[-1] == "DependencyFailed"
    row = platform.comes_to(wish, "active")
    assert row["faults"] == 0
    assert row["attempt"] >= 2
    assert platform.money(wish) == (1, 0)


def test_a_payment_provider_that_pushes_back_is_waited_for(platform: Platform) -> None:
    wish = Wish()
    with platform.failing("payment", "rate-limited"):
        execution = platform.subscribe.start(handed_over(wish.message())).in_state("Charge")
        failed = until(execution.errors, what="a push-back")
        assert failed[0] == "RateLimited"
    assert execution.ended().output["outcome"] == "active"
    assert platform.row(wish)["attempt"] == 1
    assert platform.money(wish) == (1, 0)


def test_a_request_that_the_fraud_provider_refuses_is_our_fault(platform: Platform) -> None:
    endpoint = f"{platform.stack['standIns']['fraud']['url']}/v1/nowhere"
    wish = Wish()
    machine = platform.subscribe.changed(calling("FraudCheck", ApiEndpoint=endpoint))
    execution = machine.run(handed_over(wish.message()))
    assert execution.states()[-1] == "AttemptFailed"
    assert execution.failure["error"] == "Terminal"
    assert execution.failure["cause"]["dependency"] == "fraud"


TASKS = {
    "Claim": ("ledger", "pm_cardVisa4242"),
    "ReserveFraudCall": ("gate", "pm_cardVisa4242"),
    "Charge": ("payment", "pm_cardVisa4242"),
    "Unblock": ("content", "pm_cardVisa4242"),
    "Activate": ("ledger", "pm_cardVisa4242"),
    "BeginSettling": ("ledger", "pm_declinedByIssuer"),
    "Refuse": ("content", "pm_declinedByIssuer"),
    "SettleCharge": ("payment", "pm_declinedByIssuer"),
    "FinishSettling": ("ledger", "pm_declinedByIssuer"),
    "Park": ("ledger", "pm_refundFailsForGood"),
}


@pytest.mark.parametrize(
    ("trouble", "end", "error"),
    [("throttled", "DependencyFailed", "Retryable"), ("missing", "AttemptFailed", "Terminal")],
)
@pytest.mark.parametrize("state", TASKS)
def test_a_task_that_cannot_be_called(
    platform: Platform, throttled: str, state: str, trouble: str, end: str, error: str
) -> None:
    dependency, method = TASKS[state]
    function = throttled if trouble == "throttled" else f"{throttled}-missing"
    wish = Wish(method)
    if state == "Park":
        platform.put("entitlements", **held_by_another(wish))
    machine = platform.subscribe.changed(calling(state, FunctionName=function))
    execution = machine.run(handed_over(wish.message()))
    assert execution.states()[-2:] == [state, end]
    assert execution.failure["error"] == error
    assert execution.failure["cause"]["dependency"] == dependency


@pytest.fixture(scope="module")
def throttled(platform: Platform) -> str:
    """The name of a function that may not run at all."""
    functions, name = platform.aws("lambda"), f"{platform.stack['prefix']}-test-throttled"
    task = platform.stack["functions"]["content-access-task"]
    described = functions.get_function(FunctionName=task)["Configuration"]
    functions.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=described["Role"],
        Code={"ZipFile": empty_archive()},
    )
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield name
    functions.delete_function(FunctionName=name)


def empty_archive() -> bytes:
    """A zip file without files: enough for a function that never runs."""
    return b"PK\x05\x06" + bytes(18)


@pytest.mark.parametrize(
    ("state", "method"),
    [
        ("Claim", "pm_cardVisa4242"),
        ("ReserveFraudCall", "pm_cardVisa4242"),
        ("BeginSettling", "pm_declinedByIssuer"),
        ("Refuse", "pm_declinedByIssuer"),
    ],
)
def test_a_word_that_the_state_machine_does_not_know_ends_the_attempt(
    platform: Platform, state: str, method: str
) -> None:
    nonsense = {"next": "dance", "decision": "dance"}
    wish = Wish(method)
    machine = platform.subscribe.changed(answering(state, nonsense))
    execution = machine.run(handed_over(wish.message()))
    assert execution.states()[-1] == "AttemptFailed"
    assert execution.failure["cause"]["error"] == "UnexpectedAnswer"


def test_an_owner_that_was_replaced_ends_quietly(platform: Platform) -> None:
    wish = Wish("pm_declinedByIssuer")
    machine = platform.subscribe.changed(hold_before("BeginSettling", seconds=5))
    execution = machine.start(handed_over(wish.message())).in_state("Hold")
    platform.change_row(wish, owner="arn:aws:states:eu-central-1:000000000000:execution:another:one")
    assert execution.ended().output == {"outcome": "lost", "evidence": "none", "intentId": wish.id}
    assert execution.states()[-1] == "Ended"


def test_a_poison_message_whose_queue_is_gone_fails_the_attempt(platform: Platform) -> None:
    gone = platform.stack["queues"]["intentsDlq"] + "-gone"
    machine = platform.subscribe.changed(calling("SetAside", QueueUrl=gone))
    execution = machine.run(handed_over("poison"))
    assert execution.states()[-2:] == ["SetAside", "AttemptFailed"]


def test_an_execution_of_a_deleted_machine_counts_as_ended(platform: Platform) -> None:
    """An owner that nobody knows any more does not keep its intent for ever."""
    wish = Wish()
    machine = platform.subscribe.changed(hold_before("Charge"))
    machine.start(handed_over(wish.message())).in_state("Hold").stop()
    unknown = platform.subscribe.arn.replace(":stateMachine:", ":execution:") + ":nobody"
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        platform.aws("stepfunctions").describe_execution(executionArn=unknown)
    platform.change_row(wish, owner=unknown, updatedAt=now_ms() - HOUR_MS)
    platform.comes_to(wish, "active")
    assert platform.money(wish) == (1, 0)
