use super::*;
use proptest::prelude::*;
use serde_json::json;

fn scope() -> Value {
    json!({
        "states": {"input": [{"body": "hello"}], "result": {"Payload": {"next": "charge"}}, "errorOutput": {"Error": "Retryable"}},
        "x": {"n": 3, "f": 1.5, "zero": 0, "none": null, "yes": true, "empty": [], "one": [5], "many": [1, 2, 3],
              "rows": [{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": ["c"]}], "in": "keyword", "a b": "spaced"},
    })
}

fn evaluate(text: &str) -> Result<Option<Value>, EvalError> {
    let scope = scope();
    let variables = scope.as_object().expect("an object");
    Expression::parse(text).expect(text).evaluate(Scope { variables, now: 1_700_000_000_007, chance: 0.75 })
}

#[track_caller]
fn gives(cases: &[(&str, Value)]) {
    for (text, value) in cases {
        assert_eq!(evaluate(text), Ok(Some(value.clone())), "{text}");
    }
}

#[track_caller]
fn undefined(texts: &[&str]) {
    for text in texts {
        assert_eq!(evaluate(text), Ok(None), "{text}");
    }
}

#[track_caller]
fn refuses(cases: &[(&str, &str)]) {
    for (text, reason) in cases {
        let error = Expression::parse(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn literals_are_themselves() {
    gives(&[
        ("42", json!(42)),
        ("-1.50", json!(-1.5)),
        ("1e3", json!(1000)),
        ("'it \\\"is\\\" \\u0041\\n'", json!("it \"is\" A\n")),
        (r#""double" /* and a comment */"#, json!("double")),
        ("true", json!(true)),
        ("null", json!(null)),
    ]);
}

#[test]
fn paths_reach_into_objects_and_arrays() {
    gives(&[
        ("$states.input[0].body", json!("hello")),
        ("$states.result.Payload.next", json!("charge")),
        ("$x.many[-1]", json!(3)),
        ("$x.many[0]", json!(1)),
        ("$x.in", json!("keyword")),
        ("$x.`a b`", json!("spaced")),
        ("$x.n[0]", json!(3)),
        ("$x.n[-1]", json!(3)),
        ("$x.rows.id", json!([1, 2])),
        ("$x.rows.tags", json!(["a", "b", "c"])),
        ("$x.rows.tags[0]", json!(["a", "c"])),
        ("($x.rows.tags)[0]", json!("a")),
        ("$x.one", json!([5])),
        ("$x.empty", json!([])),
        ("{'a': {'b': 1}}.a.b", json!(1)),
        ("$x.none", json!(null)),
    ]);
}

#[test]
fn a_missing_path_is_undefined() {
    undefined(&["$x.nothing", "$x.n.deeper", "$x.many[3]", "$x.many[-4]", "$x.empty[0]", "$x.none.deeper", "$unset.a"]);
}

#[test]
fn undefined_is_left_out_of_objects_and_arrays() {
    gives(&[
        ("{'a': $x.nothing, 'b': $x.none, $x.in: 1}", json!({"b": null, "keyword": 1})),
        ("[1, $x.nothing, 2]", json!([1, 2])),
        ("{}", json!({})),
    ]);
}

#[test]
fn an_array_in_an_array_is_spread_unless_written_as_one() {
    gives(&[("[$x.many, 4]", json!([1, 2, 3, 4])), ("[[1, 2], 4]", json!([[1, 2], 4])), ("[]", json!([]))]);
}

#[test]
fn comparisons_know_one_type_of_number_and_ignore_undefined() {
    gives(&[
        ("$x.n = 3.0", json!(true)),
        ("$x.n != 3", json!(false)),
        ("'a' = 1", json!(false)),
        ("{'a': [1]} = {'a': [1.0]}", json!(true)),
        ("$x.nothing = 1", json!(false)),
        ("$x.nothing != 1", json!(false)),
        ("$x.none = null", json!(true)),
        ("1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3", json!(true)),
        ("'a' < 'b'", json!(true)),
    ]);
    undefined(&["$x.nothing < 1"]);
    for text in ["1 < 'a'", "true < 2", "$x.nothing > true"] {
        assert!(evaluate(text).is_err(), "{text}");
    }
}

#[test]
fn in_looks_into_an_array_or_compares_with_one_value() {
    gives(&[
        ("$states.errorOutput.Error in ['Retryable', 'CallNotPermitted']", json!(true)),
        ("4 in $x.many", json!(false)),
        ("3 in $x.n", json!(true)),
        ("$x.nothing in [1]", json!(false)),
    ]);
}

#[test]
fn conditions_take_the_truth_of_any_value_and_stop_when_decided() {
    gives(&[
        ("$x.nothing or $x.yes", json!(true)),
        ("'' or 0 or [] or [0, ''] or {} or null", json!(false)),
        ("[0, 1] and 'a' and {'a': 0}", json!(true)),
        ("false and 1 < 'a'", json!(false)),
        ("true or 1 < 'a'", json!(true)),
        ("true or true and false", json!(true)),
        ("$x.yes ? 'a' : 1 < 'a'", json!("a")),
        ("$x.zero ? 1 : $x.n ? 2 : 3", json!(2)),
    ]);
    undefined(&["false ? 1"]);
}

#[test]
fn arithmetic_keeps_precedence_and_whole_numbers() {
    gives(&[
        ("1 + 2 * 3 - 4 / 2", json!(5)),
        ("(1 + 2) * 3", json!(9)),
        ("7 % 4 - -1", json!(4)),
        ("-$x.n + 10", json!(7)),
        ("$x.f * 2", json!(3)),
        ("1 / 4", json!(0.25)),
        ("$millis() + 900000", json!(1_700_000_900_007_i64)),
        ("$millis() - $toMillis('2023-11-14T22:13:19.007Z')", json!(1000)),
        ("$random()", json!(0.75)),
        ("$floor($random() * 8)", json!(6)),
        ("$floor(-1.5)", json!(-2)),
    ]);
    undefined(&["1 + $x.nothing", "-$x.nothing"]);
    assert_eq!(evaluate("1 / 0"), Err(EvalError::OutOfRange("/")));
    assert_eq!(evaluate("'1' + 1"), Err(EvalError::Unsuitable { what: "+", found: "string" }));
}

#[test]
fn joining_writes_every_value_as_text() {
    gives(&[("'a' & 1 & true & null & $x.nothing & [1, 'b'] & (0.1 + 0.2)", json!("a1truenull[1,\"b\"]0.3"))]);
    assert!(evaluate("1 & 2 + 3").is_err(), "`&` and `+` bind alike, from the left: a text plus a number");
}

#[test]
fn functions_answer_as_documented() {
    gives(&[
        ("$exists($x.none)", json!(true)),
        ("$exists($x.nothing)", json!(false)),
        ("$not($x.zero)", json!(true)),
        ("$boolean('a')", json!(true)),
        ("$count($x.nothing) & $count($x.n) & $count($x.many)", json!("013")),
        ("$string({'a': 1.0, 'b': [true, 'c']})", json!(r#"{"a":1,"b":[true,"c"]}"#)),
        ("$string('plain')", json!("plain")),
        ("$number('-12.50')", json!(-12.5)),
        ("$number(true)", json!(1)),
        ("$parse('{\"a\": [1]}').a", json!([1])),
        ("$fromMillis($millis())", json!("2023-11-14T22:13:20.007Z")),
        (
            "$type(null) & $type(1) & $type('') & $type(true) & $type([]) & $type({})",
            json!("nullnumberstringbooleanarrayobject"),
        ),
        ("$length('päö')", json!(3)),
        (
            "$substring('hello', 1) & $substring('hello', 1, 2) & $substring('hello', -2) & $substring('päö', 1, 1)",
            json!("elloelloä"),
        ),
        ("$substring('hello', 9) & $substring('hello', 0, -1) & $substring('hello', -9)", json!("hello")),
        ("$contains('hello', 'ell')", json!(true)),
    ]);
    undefined(&[
        "$not($x.nothing)",
        "$string($x.nothing)",
        "$number($x.nothing)",
        "$parse($x.nothing)",
        "$fromMillis($x.nothing)",
        "$toMillis($x.nothing)",
        "$floor($x.nothing)",
        "$length($x.nothing)",
    ]);
}

#[test]
fn what_a_function_cannot_read_is_an_error() {
    for text in [
        "$parse('{')",
        "$parse(1)",
        "$number('1x')",
        "$number(' 1')",
        "$number('.5')",
        "$number('inf')",
        "$number(null)",
        "$length(1)",
        "$fromMillis('now')",
        "$toMillis('now')",
        "$toMillis(1)",
        "$floor('1')",
        "$fromMillis(1e18)",
        "{1: 2}",
        "{'a': 1, 'a': 2}",
    ] {
        assert!(evaluate(text).is_err(), "{text}");
    }
}

#[test]
fn the_rest_of_jsonata_is_refused_by_name() {
    refuses(&[
        ("body", "the name `body`"),
        ("$", "the context `$`"),
        ("$$.a", "the context `$`"),
        ("$sum([1])", "the function `$sum`"),
        ("$string()", "`$string` with 0 arguments"),
        ("$x.(a)", "the step `(`"),
        ("$x.*", "the step `*`"),
        ("$x.**", "the step `**`"),
        ("$x{'a': 1}", "`{` behind a value"),
        ("$x[n = 1]", "an index that is no whole number"),
        ("$x[1.5]", "an index that is no whole number"),
        ("($y := 1)", "`:=`"),
        ("(1; 2)", "`;`"),
        ("[1..3]", "`..`"),
        ("$x ~> $string", "`~>`"),
        ("$x.a^(b)", "`^`"),
        ("function($a) { 1 }", "the name `function`"),
        ("/re/", "`/`"),
    ]);
}

#[test]
fn what_is_no_jsonata_is_refused_with_its_place() {
    refuses(&[
        ("", "expected an expression at 0, found the end"),
        ("1 +", "expected an expression at 3, found the end"),
        ("(1", "expected ) at 2"),
        ("1 2", "expected an operator or the end at 2, found a number"),
        ("'open", "a closing quote"),
        ("'\\x'", "an escape"),
        ("{'a' 1}", "expected : at 5"),
        ("1e999", "a number that JSON can hold"),
        ("\\", "found `\\`"),
    ]);
    assert_eq!(Expression::parse(&"(".repeat(100_000)).unwrap_err(), SyntaxError::TooComplex);
    assert_eq!(Expression::parse(&"1+".repeat(100_000)).unwrap_err(), SyntaxError::TooComplex);
}

#[test]
fn an_expression_names_the_variables_that_it_reads() {
    let expression = Expression::parse("$a + $states.input.b & $string($c)").unwrap();
    assert_eq!(expression.variables(), ["a", "states", "c"]);
}

#[test]
fn the_deepest_expression_fits_the_stack() {
    let deep = "-".repeat(parser::MAX_OPERATORS) + "1";
    assert_eq!(evaluate(&deep), Ok(Some(json!(1))));
    let deep = "[".repeat(parser::MAX_OPERATORS) + &"]".repeat(parser::MAX_OPERATORS);
    assert!(evaluate(&deep).is_ok());
}

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "$x",
        "$states",
        ".input",
        "[0]",
        "[-1]",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "'a'",
        ":",
        ",",
        "1",
        "0.5",
        "-",
        "+",
        "*",
        "/",
        "%",
        "&",
        "=",
        "!=",
        "<",
        ">=",
        " in ",
        " and ",
        " or ",
        "?",
        "null",
        "true",
        "$string(",
        "$count(",
        "$substring(",
        "`",
        "\\u00",
        "é",
        "..",
        "$parse(",
        ".n",
        ".many",
        ".rows",
        "1e400",
        "/*",
    ]);
    prop::collection::vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        if let Err(error) = Expression::parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_shuffled_expression_makes_parser_or_evaluator_panic(text in fragments()) {
        if let Ok(expression) = Expression::parse(&text) {
            let scope = scope();
            let variables = scope.as_object().expect("an object");
            let first = expression.evaluate(Scope { variables, now: 1, chance: 0.5 });
            prop_assert_eq!(first, expression.evaluate(Scope { variables, now: 1, chance: 0.5 }));
        }
    }
}
