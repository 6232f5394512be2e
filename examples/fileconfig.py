"""The classes without install(), from fileConfig."""

import configparser
import logging.config

CONFIG = """
[loggers]
keys = root
[handlers]
keys = out
[formatters]
keys = json

[logger_root]
level = INFO
handlers = out

[handler_out]
class = logweft.QueueHandler
args = (StreamHandler(sys.stderr),)
formatter = json

[formatter_json]
class = logweft.JsonFormatter
"""

parser = configparser.RawConfigParser()
parser.read_string(CONFIG)
logging.config.fileConfig(parser, disable_existing_loggers=False)

logging.getLogger("shop").info("open", extra={"till": 3})
