"""simple-salesforce as its users set it up, over TLS."""

import parts
from snippet import connect

parts.play(connect, with_metadata=True)
