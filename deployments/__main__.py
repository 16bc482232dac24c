"""`python -m deployments` makes a Prefect server look like the files."""

import sys

from deployments.apply import main

sys.exit(main())
