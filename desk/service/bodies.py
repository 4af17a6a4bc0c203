"""Bodies: JSON of requests is read strictly, and every mistake in one is told at once.

A route that takes JSON belongs to a router with `route_class=JsonRoute`, and its model is a `Body`. Bound the lists of
a model (`max_length`): pydantic lists the mistakes of a list up to its bound.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from desk.service.caller import check_caller, needed_by
from desk.service.problems import FieldMistake, Problem, mistakes_of, pointer, refused, shown_value
from foundation.arguments import cut

JSON = "application/json"
Moment = Annotated[datetime, AfterValidator(lambda moment: moment.replace(tzinfo=UTC))]  # of an answer; tables have UTC
PRINTED = r"^[^\x00-\x1f\x7f]*$"  # PostgreSQL takes no NUL
Id = Annotated[str, StringConstraints(max_length=32, pattern=PRINTED)]  # of a row, in a body, a path or a query
KEY_END = re.compile(rb'"[ \t\r\n]*:')
CONSTANTS = (b"NaN", b"Infinity")
NESTED = (BaseModel, dict, list, tuple)


class Body(BaseModel):
    """A body of a request, or a part of one: a key that it does not declare is a mistake, and so is NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class JsonRoute(APIRoute):
    """A route whose body is JSON, read once its caller may call it.

    Raises : Problem 415 for another type, and 400 with every mistake.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers a request."""
        answer = super().get_route_handler()
        if self.body_field is None:
            return answer
        info: Any = self.body_field.field_info
        adapter, needed = TypeAdapter[Any](info.annotation), needed_by(self.dependant)

        async def answered(request: Request) -> Response:
            if needed is not None:  # who may not call learns nothing of his body
                await run_in_threadpool(check_caller, request, *needed)
            body = await request.body()
            if body or info.is_required():
                media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if media_type != JSON:
                    told = f"The type of the body is {cut(media_type) or 'not stated'}: send {JSON}."
                    raise Problem(415, told, headers={"Accept": JSON})
                request._json = value_of_body(body, adapter)  # FastAPI takes it from there
            return await answer(request)

        return answered


class _Doubled(dict[str, Any]):
    """An object of JSON with keys that stand in it more than once; the last value of each is kept."""

    keys_twice: tuple[str, ...] = ()


def value_of_body(body: bytes, adapter: TypeAdapter[Any]) -> Any:
    """The value of a body by its type: text is never a number.

    Raises : Problem 400 with all mistakes: keys that stand twice, unknown keys, then as the fields of the type come.
    """
    found, errors = None, list[Any]()
    try:
        found = adapter.validate_json(body, strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if errors and errors[0]["type"] == "json_invalid":
        said = errors[0]["ctx"]["error"].replace("recursion limit exceeded", "nested too deep")
        raise refused([FieldMistake("", f"no JSON: {said}", None, "Correct the text there.")])
    if not errors and _has_plain_keys(body, found):
        return found
    doubled: list[_Doubled] = []

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        given = dict(pairs)
        if len(given) == len(pairs):
            return given
        doubled.append(_Doubled(given))
        doubled[-1].keys_twice = tuple(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return doubled[-1]

    value = json.loads(body, object_pairs_hook=object_of, parse_constant=str if errors else _refuse_constant)
    if doubled or errors:
        twice = [*_twice(value, ())] if doubled else []
        raise refused([*twice, *mistakes_of(errors, value, adapter)], len(twice) + len(errors))
    return found


def _has_plain_keys(body: bytes, found: Any) -> bool:
    """True only if no key of valid JSON stands twice in one object, and no number is NaN; found is its value.

    Every key has a colon after its quote, and one that stands twice is one field: where both numbers agree, none does.
    Reading the text again, key by key, would take twice as long as the first time.
    """
    plain = not any(word in body for word in CONSTANTS)
    return plain and len(KEY_END.findall(body)) == _least_keys(found)


def _least_keys(value: Any) -> int:
    """At most the number of keys that a value was made from: a list that begins with a number or a text has none."""
    inner: Iterable[Any] = ()
    own = 0
    if isinstance(value, BaseModel):
        own, inner = len(value.model_fields_set), vars(value).values()
    elif isinstance(value, dict):
        own, inner = len(value), value.values()
    elif isinstance(value, list | tuple) and isinstance(next(iter(value), None), NESTED):
        inner = value
    return own + sum(_least_keys(each) for each in inner if isinstance(each, NESTED))


def _refuse_constant(word: str) -> NoReturn:
    raise refused([FieldMistake("", "no number of JSON", word, "Write a finite number, or null.")])


def _twice(value: Any, at: tuple[str, ...]) -> Iterator[FieldMistake]:
    """The keys that stand twice in an object of a value at a place."""
    for key in getattr(value, "keys_twice", ()):
        yield FieldMistake(pointer((*at, key)), "twice in one object", shown_value(value[key]), "Keep one of the two.")
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        yield from _twice(inner, (*at, str(key)))
