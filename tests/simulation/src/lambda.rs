//! The envelope of `arn:aws:states:::lambda:invoke`.

use crate::asl::TaskError;
use serde_json::{Value, json};

/// The function and the payload of a task's arguments; `None` if they are not a Lambda invocation.
/// A function given by its ARN is named without what precedes its name and without a qualifier.
pub fn lambda_call(arguments: &Value) -> Option<(&str, &Value)> {
    let name = arguments.get("FunctionName")?.as_str()?;
    let name = match name.split_once(":function:") {
        Some((_, name)) => name.split(':').next()?,
        None => name,
    };
    Some((name, arguments.get("Payload")?))
}

/// The task's result around what the function returned.
pub fn lambda_answer(payload: Value) -> Value {
    let mut answer = json!({"ExecutedVersion": "$LATEST", "StatusCode": 200});
    answer["Payload"] = payload;
    answer
}

/// The error of a function that failed: its type is the error's name, and the cause is the runtime's JSON.
pub fn lambda_error(error_type: &str, message: &str) -> TaskError {
    TaskError::new(error_type, json!({"errorType": error_type, "errorMessage": message}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_alike_by_name_and_by_arn() {
        for name in ["payments", "arn:aws:lambda:eu-central-1:000000000000:function:payments:live"] {
            let arguments = json!({"FunctionName": name, "Payload": {"action": "charge"}});
            assert_eq!(lambda_call(&arguments), Some(("payments", &json!({"action": "charge"}))));
        }
    }

    #[test]
    fn other_arguments_are_no_lambda_call() {
        assert_eq!(lambda_call(&json!({"QueueUrl": "q", "MessageBody": "m"})), None);
    }

    #[test]
    fn an_answer_carries_what_the_function_returned() {
        assert_eq!(lambda_answer(json!(1))["Payload"], 1);
    }

    #[test]
    fn an_error_carries_its_type_and_the_runtimes_json() {
        let error = lambda_error("Retryable", "the table is throttled");
        assert_eq!(error.error, "Retryable");
        let cause: Value = serde_json::from_str(&error.cause).unwrap();
        assert_eq!(cause["errorMessage"], "the table is throttled");
    }
}
