"""Requests to all routes, as their OpenAPI document has them and otherwise, drawn by schemathesis."""

from collections import Counter
from typing import Any

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

# 503 is an answer; a body of the right form may be refused; that a token is asked for has a test of its own.
NOT_CHECKED = [not_a_server_error, positive_data_acceptance, ignored_auth]
PATIENCE = 300  # seconds for an answer: the first one imports what it needs


def ask_all(client: TestClient, each: int) -> dict[str, Counter[int]]:
    """Ask each operation of the application of a client, and count answers by operation and status.

    each   : requests of an operation, of each kind: as documented, and with something else.
    Raises : AssertionError for a fault of the server; schemathesis's failures for an answer that is not documented.
    """
    schema: Any = schemathesis.openapi.from_dict(client.app.openapi())  # type: ignore[attr-defined]
    schema.app = client.app
    how = {"base_url": str(client.base_url), "headers": dict(client.headers), "timeout": PATIENCE}
    answers: dict[str, Counter[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            if mode is GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters()):
                _ask(operation.as_strategy(mode), each, how, answers.setdefault(operation.label, Counter()))
    return answers


def _ask(cases: Any, each: int, how: dict[str, Any], answers: Counter[int]) -> None:
    @settings(
        max_examples=each,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        is_cut = any(";" in str(value) for value in (case.cookies or {}).values())  # a cookie ends there
        query = case.query or {}
        is_ignored = not set(query) <= {each.name for each in case.operation.query}
        is_doubled = any(isinstance(value, list) for value in query.values())  # the last one counts
        unchecked = [*NOT_CHECKED, negative_data_rejection] if is_cut or is_ignored or is_doubled else NOT_CHECKED
        answer = case.call_and_validate(**how, excluded_checks=unchecked)
        assert answer.status_code != 500
        answers[answer.status_code] += 1

    ask()
