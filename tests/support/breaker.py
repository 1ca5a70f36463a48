"""A pipeline breaker from outside: its record, its Pipe, what readers are told, its alarm, its probe."""

import json
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from support.executions import Machine
from support.platform import Platform, invoke, plain
from support.waiting import until


@dataclass(frozen=True)
class Breaker:
    """One pipeline's breaker and the pipeline's own parts."""

    platform: Platform
    table: str
    pipeline: str
    pipe: str
    alarm: str
    parameter: str
    probe: str
    rule: str
    topic: str
    queue: str
    opener: Machine
    worker: Machine

    @classmethod
    def of(cls, platform: Platform) -> "Breaker":
        """The platform's own."""
        stack = platform.stack
        return cls(
            platform,
            stack["tables"]["pipelines"],
            stack["pipeline"],
            stack["pipe"],
            stack["alarm"],
            stack["parameters"]["processingStatus"],
            stack["functions"]["half-open-probe"],
            f"{stack['prefix']}-{stack['stage']}-{stack['pipeline']}-alarm",
            stack["topics"]["operators"],
            stack["queues"]["intents"],
            Machine(platform.aws("stepfunctions"), stack["stateMachines"]["openCircuit"]),
            platform.subscribe,
        )

    @property
    def _key(self) -> dict[str, Any]:
        return {"pk": {"S": f"PIPELINE#{self.pipeline}"}}

    def record(self) -> dict[str, Any]:
        """The record; empty before the first change."""
        dynamodb = self.platform.aws("dynamodb")
        found = dynamodb.get_item(TableName=self.table, Key=self._key, ConsistentRead=True).get("Item", {})
        return {field: plain(value) for field, value in found.items()}

    @property
    def state(self) -> str:
        """What the record says; an absent one is closed."""
        return self.record().get("state", "closed")

    def write(self, **fields: Any) -> None:
        """Overwrite fields of the record, as another hand would."""
        item = {"pk": f"PIPELINE#{self.pipeline}"} | self.record() | fields
        self.platform.aws("dynamodb").put_item(
            TableName=self.table, Item={field: TypeSerializer().serialize(value) for field, value in item.items()}
        )

    def forget(self) -> None:
        """Delete the record: as on the first day."""
        self.platform.aws("dynamodb").delete_item(TableName=self.table, Key=self._key)

    def pipe_state(self) -> str:
        """RUNNING, STOPPING, STOPPED, STARTING."""
        return self.platform.aws("pipes").describe_pipe(Name=self.pipe)["CurrentState"]

    def pipe_comes_to(self, state: str, seconds: float = 60.0) -> None:
        """Wait for a state of the Pipe."""
        until(lambda: self.pipe_state() == state, seconds, f"the pipe {self.pipe} {state}")

    def stop_pipe(self) -> None:
        """Stop the Pipe as a person in the console would."""
        self.platform.aws("pipes").stop_pipe(Name=self.pipe)
        self.pipe_comes_to("STOPPED")

    def start_pipe(self) -> None:
        """Start the Pipe as a person in the console would."""
        self.pipe_comes_to("STOPPED")
        self.platform.aws("pipes").start_pipe(Name=self.pipe)
        self.pipe_comes_to("RUNNING")

    def projection(self) -> dict[str, Any]:
        """What the parameter says."""
        return json.loads(self.platform.aws("ssm").get_parameter(Name=self.parameter)["Parameter"]["Value"])

    def alarm_state(self) -> str:
        """OK, ALARM or INSUFFICIENT_DATA."""
        alarms = self.platform.aws("cloudwatch").describe_alarms(AlarmNames=[self.alarm])["MetricAlarms"]
        return alarms[0]["StateValue"]

    def alarm_comes_to(self, *states: str, seconds: float = 90.0) -> None:
        """Wait for a state of the alarm."""
        until(lambda: self.alarm_state() in states, seconds, f"the alarm {self.alarm} {states}")

    def comes_to(self, state: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until the record says so and Pipe and parameter follow it; the record."""

        def applied() -> dict[str, Any] | None:
            record = self.record()
            follows = record.get("applied", 0) == record.get("gen", 0)
            return record if record.get("state", "closed") == state and follows else None

        until(lambda: applied() is not None, seconds, f"a breaker {state}: {self.record()}")
        return self.record()

    def tick(self) -> dict[str, Any]:
        """One tick of the probe; what it answers."""
        return invoke(self.platform.aws("lambda"), self.probe, {})

    def command(self, state: str, why: str = "a test says so") -> dict[str, Any]:
        """An operator's word, and ticks until Pipe and parameter follow."""
        command = {"command": {"state": state, "by": "a tester", "why": why}}
        said = invoke(self.platform.aws("lambda"), self.probe, command)
        until(lambda: said["applied"] or self.tick()["applied"], what=f"a pipe that follows {state}")
        return self.record()

    def trials(self) -> set[str]:
        """The names of the executions that probes started."""
        return {one["name"] for one in self.worker.executions() if one["name"].startswith("probe-")}
