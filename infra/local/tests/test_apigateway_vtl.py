"""Mapping templates, and the Velocity engine behind them."""

import pytest
from deployments import api, api_template, api_url, deploy, mock, send

from extension.apigateway_vtl import Input, Util, escape_javascript, json_path
from extension.velocity import TemplateError, render

DATA = {
    "input": Input(
        '{"a": {"b": [1, 2]}, "s": "it\'s", "t": true, "n": null}',
        {"path": {"id": "p"}, "querystring": {"id": "q", "only": "q"}, "header": {"id": "h"}},
    ),
    "util": Util(),
    "context": {"stage": "v1", "override": {}},
    "list": [3, 1],
    "map": {"k": "v"},
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain $5 #1 text", "plain $5 #1 text"),
        ("$context.stage|${context.stage}x|$!context.none|$nobody|$!nobody", "v1|v1x||$nobody|"),
        ("## all of this\nkept#* not this *#!", "kept!"),
        ("#[[ $context.stage #if ]]#", " $context.stage #if "),
        ("#set($a = \"x${context.stage}y\")$a#set($b = '$a')$b", "xv1y$a"),
        ("#set($n = 7 - 2 * 3)$n", "1"),
        ("  #set($n = (7 - 2) * 3)\n$n", "15"),
        ("#set($context.override.status = 404)$context.override.status", "404"),
        ("#if($context.stage == 'v1')yes#else no#end", "yes"),
        ("#if(false)1#elseif($context.nope)2#elseif(!$context.nope && 2 > 1)3#{else}4#end", "3"),
        ("#if($input.path('$.t') == true)t#end#if($input.path('$.t') == 'true')s#end", "ts"),
        ("#if('')empty text is true#end", "empty text is true"),
        ("#foreach($x in $list)$x$foreach.index#if($foreach.hasNext),#end#end", "30,11"),
        ("#foreach($x in [1..5])#if($x == 3)#break#end$x#end.", "12."),
        ("a#stop b", "a"),
        ("$list.size() $list[1] $list.get(0) $map.get('k') $map.k $map.keySet()", '2 1 3 v v ["k"]'),
        ("$input.json('$.a') $input.json('$.s') $input.json('$.zip')", '{"b":[1,2]} "it\'s" ""'),
        ("$input.path('$.a.b[1]') $input.path('$.s').length() $input.path('$.n')-", "2 4 -"),
        ("$input.params('id') $input.params('only') $input.params().header.id $input.params('zip')-", "p q h -"),
        ("#if($input.params('id').matches('[a-p]'))in#end#if($input.params('id').matches('[q-z]'))out#end", "in"),
        ("$util.escapeJavaScript($input.path('$.s')).replaceAll(\"\\\\'\",\"'\")", "it's"),
        ("$util.urlEncode('a b&c~*/é')", "a+b%26c%7E*%2F%C3%A9"),
        ("$util.base64Decode($util.base64Encode('ä')) $util.urlDecode('a+b%26') $util.parseJson('[1]')[0]", "ä a b& 1"),
        ("$util.escapeJavaScript($input.json('$.a'))", '{\\"b\\":[1,2]}'),
    ],
)
def test_templates_render_as_velocity_does(template, expected):
    context = {**DATA["context"], "override": {}}
    assert render(template, {**DATA, "context": context}) == expected


@pytest.mark.parametrize(
    "template",
    [
        "#if(true)",
        "#end",
        "#set($a 1)",
        "#set($a = )",
        "$list.shuffle()",
        "#foreach($x of $list)#end",
        "#set($a = 'x)",
        "$input.json('$..b')",
        "$context.stage.matches('(')",
    ],
)
def test_what_is_not_understood_fails(template):
    with pytest.raises(TemplateError):
        render(template, DATA)


def test_a_header_is_found_in_its_own_spelling_only():
    data = {"input": Input("", {"path": {}, "querystring": {}, "header": {"X-One": "1"}})}
    assert render("$input.params('X-One')|$input.params('x-one')|", data) == "1||"


def test_java_script_is_escaped_as_apaches_commons_lang_does():
    assert escape_javascript("'\"\\/\n\t\x01é😀<>") == "\\'\\\"\\\\\\/\\n\\t\\u0001\\u00E9\\uD83D\\uDE00<>"


def test_json_paths():
    document = {"a": [{"b": 1}, {"b": 2}], "c d": 3}
    assert [json_path(document, path) for path in ("$.a[*].b", "$['c d']", "$.a[9]", "$")] == [
        [1, 2],
        3,
        None,
        document,
    ]


def test_a_template_that_renders_nonsense_is_a_gateway_response(cloud):
    with api(cloud, {"paths": {"/": {"get": mock('{"statusCode": $input.path("$")}')}}}) as (url, _):
        assert send("GET", f"{url}/").status == 500


def test_upstream_still_has_no_conditions(stock):
    queue = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}
    outputs = deploy(
        stock, api_template({}, queue, {"Queue": {"Ref": "Queue"}, "Name": {"Fn::GetAtt": ["Queue", "QueueName"]}})
    )
    gateway = stock.client("apigateway")
    root = gateway.get_resources(restApiId=outputs["Api"])["items"][0]["id"]
    gateway.put_method(restApiId=outputs["Api"], resourceId=root, httpMethod="POST", authorizationType="NONE")
    gateway.put_integration(
        restApiId=outputs["Api"],
        resourceId=root,
        httpMethod="POST",
        type="AWS",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:eu-central-1:sqs:path/000000000000/{outputs['Name']}",
        requestTemplates={"application/json": "Action=SendMessage&MessageBody=#if(true)yes#end"},
    )
    gateway.put_integration_response(restApiId=outputs["Api"], resourceId=root, httpMethod="POST", statusCode="200")
    assert send("POST", f"{api_url(stock, outputs['Api'])}/", {}).status == 200
    assert stock.receive(outputs["Queue"])["Body"] == "#if(true)yes#end"
