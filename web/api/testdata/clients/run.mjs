// What the JavaScript clients have in common: where their modules are, the steps they take, and a topic to send by.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { ACCORD_TEST_NODE, REGISTRY, BROKERS, TOPIC } = process.env

export const modules = createRequire(join(ACCORD_TEST_NODE, 'package.json'))

// step does one thing and tells that it is done.
export async function step(name, f) {
  try {
    const value = await f()
    console.log(JSON.stringify({ step: name }))
    return value
  } catch (e) {
    console.error(`${name}: ${e.stack ?? e}`)
    process.exit(1)
  }
}

// contexts are the default one and another, each with its URL and its topic.
export const contexts = [
  { name: '.', url: REGISTRY, topic: TOPIC },
  { name: '.team', url: REGISTRY + '/contexts/.team', topic: TOPIC + '-team' },
]

export function versionOf(name) {
  return modules(name + '/package.json').version
}

// topics sends values to topics and reads them back.
export async function openTopics() {
  const { Kafka, logLevel } = modules('kafkajs')
  const kafka = new Kafka({ clientId: 'clients', brokers: BROKERS.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: contexts.map((c) => ({ topic: c.topic, numPartitions: 1 })) })
  await admin.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  return {
    send: (topic, value) => producer.send({ topic, messages: [{ value }] }),
    async read(topic) {
      const consumer = kafka.consumer({ groupId: `${topic}-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100 })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      const value = await new Promise((resolve) => consumer.run({ eachMessage: async ({ message }) => resolve(message.value) }))
      await consumer.disconnect()
      return value
    },
    close: () => producer.disconnect(),
  }
}

export const v1 = JSON.stringify({ type: 'object', properties: { id: { type: 'string' } }, required: ['id'], additionalProperties: false })
export const v2 = JSON.stringify({ type: 'object', properties: { id: { type: 'string' }, note: { type: 'string' } }, required: ['id'], additionalProperties: false })
export const bad = JSON.stringify({ type: 'object', properties: { id: { type: 'integer' } }, required: ['id'], additionalProperties: false })
export const customer = JSON.stringify({ $id: 'customer.json', type: 'object', properties: { name: { type: 'string' } }, required: ['name'] })
export const order = JSON.stringify({ type: 'object', properties: { id: { type: 'string' }, customer: { $ref: 'customer.json' } }, required: ['id'] })
export { assert }
