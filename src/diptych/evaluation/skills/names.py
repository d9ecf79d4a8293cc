"""Names in results about skills, which tables read as well."""

OVERALL = "overall"
"""The group of the line that pools all skills."""
PROMPTS, NEW_CONTENTS = "prompts of these contents", "contents never seen"
"""What the intervals range over."""
