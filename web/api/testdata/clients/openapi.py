"""Says what is wrong with the OpenAPI document on standard input, a line each."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

for error in OpenAPIV31SpecValidator(json.load(sys.stdin)).iter_errors():
    print(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
