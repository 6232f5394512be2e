"""An AWS Lambda function whose every invocation is one unit of work, under its caller's ID."""

import logging
from types import SimpleNamespace

import logweft

# Lambda's runtime has put a handler of its own here; each line would be written twice.
logging.root.handlers.clear()
logweft.install(service="shop")
log = logging.getLogger("shop")


@logweft.lambda_handler
def handler(event, context):
    log.info("order %s", event["body"])
    return {"statusCode": 200}


# What Lambda does, with what API Gateway and SQS hand over.
context = SimpleNamespace(function_name="shop", aws_request_id="c6af9ac6-7b61-11e6-9a41")
handler({"headers": {"X-Correlation-ID": "order-1"}, "body": "17"}, context)
attributes = {"X-Correlation-ID": {"stringValue": "order-2", "dataType": "String"}}
message = {"messageAttributes": attributes, "body": "18"}
handler({"Records": [message], "body": "18"}, context)
handler({"body": "19"}, context)  # nobody says: it is aws_request_id
