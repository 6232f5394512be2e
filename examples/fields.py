"""get_logger(): fields as keywords, for new code."""

import logweft

logweft.install()

log = logweft.get_logger("shop.accounts")
log.info("User login", user_id=12345, success=True)

tenant_log = log.bind(tenant="acme")
tenant_log.warning("%d licences left", 2, plan="team")
tenant_log.info("renamed", name="Ada")  # a record's own name: written as name_
