"""simple-salesforce with a transport that speaks plain HTTP."""

import parts
from without_tls import connect

parts.play(connect, with_metadata=False)
