"""What the routes answer is what the OpenAPI document says, whatever they are asked."""

from asked_routes import ask_all
from people import SignedIn


def test_answers_are_those_of_the_document(signed_in: SignedIn) -> None:
    answers = ask_all(signed_in("admin"), each=1)
    assert all(answers.values())
    assert not any(429 in of for of in answers.values())


def test_fields_have_what_docstrings_say_of_them_and_operations_short_ids(signed_in: SignedIn) -> None:
    document = signed_in("viewer").get("/api/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["Row"]["properties"]["close"]["description"] == "Quoted close, currency per unit."
    assert not [name for name, schema in schemas.items() if " : " in schema.get("description", "")]
    ids = [operation["operationId"] for of in document["paths"].values() for operation in of.values()]
    assert len(set(ids)) == len(ids)
    assert "market_data" in ids
