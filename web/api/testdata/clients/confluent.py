"""confluent-kafka with its registry client and JSON serializers, as a service uses them."""

import json
import os
import sys
import time
import traceback

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import (
    Metadata, MetadataProperties, Rule, RuleKind, RuleMode, RuleSet, Schema, SchemaReference, SchemaRegistryClient,
    ServerConfig,
)
from confluent_kafka.schema_registry.common.schema_registry_client import ConfigCompatibilityLevel
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

REGISTRY, BROKERS, TOPIC = os.environ["REGISTRY"], os.environ["BROKERS"], os.environ["TOPIC"]

V1 = '{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}'
V2 = '{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string"}},"required":["id"],"additionalProperties":false}'
BAD = '{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":false}'
CUSTOMER = '{"$id":"customer.json","type":"object","properties":{"name":{"type":"string"}},"required":["name"]}'
ORDER = '{"type":"object","properties":{"id":{"type":"string"},"customer":{"$ref":"customer.json"}},"required":["id"]}'


def schema(text, **more):
    return Schema(text, "JSON", **more)


def fails(status, code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except SchemaRegistryError as e:
        assert (e.http_status_code, e.error_code) == (status, code), str(e)
        return
    raise AssertionError(f"{call.__name__}{args} did not fail")


def equal(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def send(producer, topic, value):
    """Sends one value and returns the error that came back for it, None if it was taken."""
    outcome = []
    producer.produce(topic, value=value, on_delivery=lambda err, _: outcome.append(err))
    producer.flush(20)
    assert outcome, "no answer to a produce request"
    return outcome[0]


def read(topic):
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": topic, "enable.auto.commit": False, "log_level": 3})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                return message.value()
        raise AssertionError(f"nothing to read in {topic}")
    finally:
        consumer.close()


class Session:
    def __init__(self, name, url, topic, producer):
        self.name, self.url, self.topic, self.producer = name, url, topic, producer
        self.subject = topic + "-value"
        self.at = SerializationContext(topic, MessageField.VALUE)
        self.client = self.fresh()

    def fresh(self):
        return SchemaRegistryClient({"url": self.url, "max.retries": 0})

    def own(self, subject):
        return subject if self.name == "." else f":{self.name}:{subject}"

    def register_and_serialize(self):
        serializer = JSONSerializer(V1, self.client, conf={"auto.register.schemas": True, "normalize.schemas": True})
        equal(send(self.producer, self.topic, serializer({"id": "o-1"}, self.at)), None)
        deserializer = JSONDeserializer(None, schema_registry_client=self.fresh())
        equal(deserializer(read(self.topic), self.at), {"id": "o-1"})
        try:
            serializer({"id": 7}, self.at)
        except SerializationError:
            return
        raise AssertionError("an invalid event was serialized")

    def find(self):
        c = self.fresh()
        normal = json.dumps(json.loads(V1), sort_keys=True, separators=(",", ":"))
        found = c.lookup_schema(self.subject, schema(V1), normalize_schemas=True)
        equal((found.subject, found.version), (self.own(self.subject), 1))
        equal(c.register_schema(self.subject, schema(V1), normalize_schemas=True), found.schema_id)
        equal(self.fresh().get_schema(found.schema_id).schema_str, normal)
        equal(self.fresh().get_schema(found.schema_id, subject_name=self.subject).schema_str, normal)
        equal(self.fresh().get_schema_by_guid(found.guid).schema_str, normal)
        equal(c.get_latest_version(self.subject).schema_id, found.schema_id)
        equal(c.get_version(self.subject, 1).schema_id, found.schema_id)
        equal(c.get_version(self.subject, "latest", deleted=True).version, 1)
        equal(c.get_versions(self.subject), [1])
        equal(c.get_subjects_by_schema_id(found.schema_id), [self.own(self.subject)])
        equal([(v.subject, v.version) for v in c.get_schema_versions(found.schema_id)], [(self.own(self.subject), 1)])
        assert self.own(self.subject) in c.get_subjects(), c.get_subjects()
        equal(c.get_schema_types(), ["JSON"])
        assert self.name in SchemaRegistryClient({"url": REGISTRY}).get_contexts()
        fails(404, 40401, c.get_latest_version, "none")
        fails(404, 40402, c.get_version, self.subject, 9)
        fails(404, 40403, c.get_schema, 999)
        fails(404, 40403, c.lookup_schema, self.subject, schema(BAD))

    def gate(self):
        if self.name != ".":
            return
        schema_id = self.client.get_latest_version(self.subject).schema_id
        wrong = b"\x00" + schema_id.to_bytes(4, "big") + b'{"id":7}'
        error = send(self.producer, self.topic, wrong)
        assert error is not None and error.code() == KafkaError.INVALID_RECORD, f"an invalid event got past the gate: {error}"

    def evolve(self):
        c = self.client
        equal(c.test_compatibility(self.subject, schema(V2)), True)
        equal(c.test_compatibility_all_versions(self.subject, schema(V2)), True)
        equal(c.register_schema_full_response(self.subject, schema(V2)).version, 2)
        equal(c.test_compatibility(self.subject, schema(BAD), 1), False)
        fails(409, 409, c.register_schema, self.subject, schema(BAD))
        fails(422, 42201, c.register_schema, self.subject, schema('{"type":'))
        fails(422, 42201, c.register_schema, self.subject, Schema('"string"', "AVRO"))
        equal(c.get_versions(self.subject), [1, 2])

    def metadata_and_rules(self):
        subject = self.subject + "-rules"
        metadata = Metadata(tags=None, properties=MetadataProperties({"owner": "orders"}), sensitive=None)
        rules = RuleSet(migration_rules=None, domain_rules=[Rule(
            name="r", doc=None, kind=RuleKind.CONDITION, mode=RuleMode.WRITE, type="CEL", tags=None, params=None, expr="true",
            on_success=None, on_failure=None, disabled=False)])
        self.client.register_schema(subject, schema(V1, metadata=metadata, rule_set=rules))
        found = self.fresh().get_latest_with_metadata(subject, {"owner": "orders"})
        equal((found.schema.metadata.properties.properties, found.schema.rule_set.domain_rules[0].name), ({"owner": "orders"}, "r"))
        fails(404, 40403, self.fresh().get_latest_with_metadata, subject, {"owner": "payments"})

    def references(self):
        c = self.client
        c.register_schema("customer", schema(CUSTOMER))
        order = schema(ORDER, references=[SchemaReference("customer.json", "customer", 1)])
        subject = self.subject + "-order"
        schema_id = c.register_schema(subject, order)
        equal(c.get_referenced_by("customer", 1), [schema_id])
        conf = {"auto.register.schemas": False, "use.latest.version": True, "subject.name.strategy": lambda *_: subject}
        event = {"id": "o-2", "customer": {"name": "Ada"}}
        value = JSONSerializer(order, self.fresh(), conf=conf)(event, self.at)
        read_back = JSONDeserializer(None, schema_registry_client=self.fresh(), conf={"subject.name.strategy": lambda *_: subject})
        equal(read_back(value, self.at), event)
        fails(422, 42206, c.delete_version, "customer", 1)

    def configure(self):
        c = self.client
        fails(404, 40408, c.get_config, self.subject)
        equal(c.get_compatibility(), "BACKWARD")
        c.set_compatibility(self.subject, "FULL")
        equal(c.get_compatibility(self.subject), "FULL")
        c.set_config(self.subject, ServerConfig(compatibility=ConfigCompatibilityLevel.NONE, compatibility_group="major"))
        equal(c.get_config(self.subject).compatibility_group, "major")
        fails(404, 40409, c.get_mode, self.subject)
        c.update_mode(self.subject, "READONLY")
        equal(c.get_mode(self.subject), "READONLY")
        fails(422, 42205, c.register_schema, self.subject, schema('{"type":"object","title":"new"}'))
        c.delete_mode(self.subject)
        equal(c.get_global_mode(), "READWRITE")
        c.delete_config(self.subject)

    def delete(self):
        c = self.client
        equal(c.delete_version(self.subject, 2), 2)
        fails(404, 40406, c.delete_version, self.subject, 2)
        equal(c.delete_version(self.subject, 2, permanent=True), 2)
        fails(404, 40405, c.delete_subject, self.subject, permanent=True)
        equal(c.delete_subject(self.subject, permanent=False), [1])
        fails(404, 40404, c.delete_subject, self.subject, permanent=False)
        assert self.own(self.subject) in c.get_subjects(deleted=True)  # its deleted_only is a parameter that no registry has
        equal(c.delete_subject(self.subject, permanent=True), [1])
        fails(404, 40401, c.get_versions, self.subject)
        for name in [self.subject + "-order", "customer", self.subject + "-rules"]:
            c.delete_subject(name, permanent=False)
            c.delete_subject(name, permanent=True)

    def run(self):
        for take in [self.register_and_serialize, self.find, self.gate, self.evolve, self.metadata_and_rules, self.references,
                     self.configure, self.delete]:
            try:
                take()
            except Exception:
                print(f"{self.name} {take.__name__}: {traceback.format_exc()}", file=sys.stderr)
                sys.exit(1)
            print(json.dumps({"step": f"{self.name} {take.__name__.replace('_', ' ')}"}), flush=True)


def main():
    topics = {".": TOPIC, ".team": TOPIC + "-team"}
    admin = AdminClient({"bootstrap.servers": BROKERS, "log_level": 3})
    for made in admin.create_topics([NewTopic(t, 1, 1) for t in topics.values()]).values():
        try:
            made.result()
        except KafkaException as e:
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    producer = Producer({"bootstrap.servers": BROKERS, "message.timeout.ms": 15000, "log_level": 3})
    Session(".", REGISTRY, topics["."], producer).run()
    Session(".team", REGISTRY + "/contexts/.team", topics[".team"], producer).run()
    print(json.dumps({"client": f"confluent-kafka {confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}, "
                                f"python {sys.version.split()[0]}"}))


main()
