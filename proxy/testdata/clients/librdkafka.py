"""Drives confluent-kafka (librdkafka) through a gate and prints one JSON line a step. Arguments: bootstrap, topic, protocol of
groups (classic or consumer); standard input holds a valid and an invalid event, a line each."""
import json
import sys

from confluent_kafka import Consumer, KafkaException, Producer, libversion

bootstrap, topic, protocol = sys.argv[1:4]
good, bad = sys.stdin.read().splitlines()[:2]
base = {"bootstrap.servers": bootstrap, "socket.timeout.ms": 20000}


def say(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


def send(producer, values):
    """Sends values as one batch and returns what became of each: its offset, or the code and text of the error."""
    results = [None] * len(values)

    def told(i):
        def callback(err, message):
            results[i] = {"code": err.code(), "text": err.str()} if err else {"offset": message.offset()}

        return callback

    for i, value in enumerate(values):
        producer.produce(topic, key=b"k", value=value, headers=[("n", str(i))], on_delivery=told(i))
    producer.flush(30)
    return results


say("version", text=libversion()[0])
producer = Producer({**base, "linger.ms": 50, "compression.type": "lz4"})
say("accept", results=send(producer, [good, good]))
say("refuse", results=send(producer, [good, bad, good]))
producer = Producer({**base, "enable.idempotence": True, "linger.ms": 0})
say("idempotent", results=[send(producer, [value])[0] for value in (good, bad, good, bad, good)])

producer = Producer({**base, "transactional.id": topic + "-librdkafka", "linger.ms": 0})
producer.init_transactions(30)
producer.begin_transaction()
refused = send(producer, [bad])
try:
    producer.commit_transaction(30)
    say("poisoned", committed=True)
except KafkaException as e:
    say("poisoned", committed=False, refused=refused, abortable=e.args[0].txn_requires_abort())
    producer.abort_transaction(30)
# After an abort librdkafka goes on counting from the batch that was refused. Where the partition has nothing of this producer
# yet, the broker misses a number; the library asks for one more abort, which gives it a new epoch.
for attempt in range(1, 4):
    producer.begin_transaction()
    send(producer, [good])
    try:
        producer.commit_transaction(30)
        say("transaction", committed=True, attempts=attempt)
        break
    except KafkaException as e:
        if not e.args[0].txn_requires_abort():
            raise
        producer.abort_transaction(30)

config = {**base, "group.id": topic + "-librdkafka", "auto.offset.reset": "earliest", "enable.auto.commit": False, "isolation.level": "read_committed"}
if protocol == "consumer":
    config["group.protocol"] = "consumer"
consumer = Consumer(config)
consumer.subscribe([topic])
want, values = int(sys.argv[4]), []
while len(values) < want:
    message = consumer.poll(20)
    if message is None:
        break
    if message.error():
        say("error", text=message.error().str())
        continue
    values.append(message.value().decode())
consumer.commit(asynchronous=False)
say("group", count=len(values), bad=sum(value != good for value in values))
consumer.close()
